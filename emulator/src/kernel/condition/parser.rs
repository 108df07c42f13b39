//! From tokens to an expression.

use uuid::Uuid;

use super::lexer::{Placed, Token};
use super::{Attribute, Expression, Family, Fault, Operand, Operator, Quantity, Relation, Value};

/// Parentheses and negations may nest so deep.
const DEPTH_AT_MOST: usize = 64;

pub(super) fn parse(tokens: Vec<Placed>) -> Result<Expression, Fault> {
    let end = tokens.last().map_or(0, |placed| placed.at + 1);
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), end, depth: 0 };
    let root = parser.expression()?;
    match parser.tokens.next() {
        None => Ok(root),
        Some(placed) => Err(Fault::Malformed { at: placed.at, why: "nothing more can stand here" }),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Placed>>,
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&mut self) -> Option<&Token> {
        self.tokens.peek().map(|placed| &placed.token)
    }

    fn next(&mut self, why: &'static str) -> Result<Placed, Fault> {
        let at = self.end;
        self.tokens.next().ok_or(Fault::Malformed { at, why })
    }

    fn expect(&mut self, wanted: &Token, why: &'static str) -> Result<(), Fault> {
        let placed = self.next(why)?;
        if placed.token == *wanted { Ok(()) } else { Err(Fault::Malformed { at: placed.at, why }) }
    }

    /// Terms joined by one of AND and OR: both side by side would be ambiguous.
    fn expression(&mut self) -> Result<Expression, Fault> {
        let first = self.term()?;
        let joint = match self.peek() {
            Some(joint @ (Token::And | Token::Or)) => joint.clone(),
            _ => return Ok(first),
        };
        let mut terms = vec![first];
        while matches!(self.peek(), Some(Token::And | Token::Or)) {
            self.expect(&joint, "AND and OR need parentheses between them")?;
            terms.push(self.term()?);
        }
        Ok(if joint == Token::And { Expression::All(terms) } else { Expression::Any(terms) })
    }

    fn term(&mut self) -> Result<Expression, Fault> {
        let placed = self.next("a term is missing")?;
        match placed.token {
            Token::Not => {
                self.deeper(placed.at)?;
                let inner = self.term()?;
                self.depth -= 1;
                Ok(Expression::Not(Box::new(inner)))
            }
            Token::Open => {
                self.deeper(placed.at)?;
                let inner = self.expression()?;
                self.depth -= 1;
                self.expect(&Token::Close, "a closing parenthesis is missing")?;
                Ok(inner)
            }
            Token::Attribute(left) => self.comparison(left),
            Token::Word(word) => self.function(placed.at, &word),
            _ => Err(Fault::Malformed { at: placed.at, why: "a term begins with (, !, a function or an attribute" }),
        }
    }

    fn deeper(&mut self, at: usize) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH_AT_MOST { Err(Fault::Malformed { at, why: "it is nested too deep" }) } else { Ok(()) }
    }

    fn function(&mut self, at: usize, name: &str) -> Result<Expression, Fault> {
        if name.eq_ignore_ascii_case("exists") {
            let placed = self.next("Exists needs an attribute")?;
            return match placed.token {
                Token::Attribute(attribute) => Ok(Expression::Exists(attribute)),
                _ => Err(Fault::Malformed { at: placed.at, why: "Exists needs an attribute" }),
            };
        }
        let action = name.eq_ignore_ascii_case("ActionMatches");
        if !action && !name.eq_ignore_ascii_case("SubOperationMatches") {
            return Err(Fault::Malformed { at, why: "there is no such function" });
        }
        const FORM: &str = "a function is written ActionMatches{'text'}";
        self.expect(&Token::OpenSet, FORM)?;
        let placed = self.next(FORM)?;
        let Token::Text(text) = placed.token else { return Err(Fault::Malformed { at: placed.at, why: FORM }) };
        self.expect(&Token::CloseSet, FORM)?;
        Ok(if action { Expression::ActionMatches(text) } else { Expression::SubOperationMatches(text) })
    }

    fn comparison(&mut self, left: Attribute) -> Result<Expression, Fault> {
        let placed = self.next("an attribute needs an operator")?;
        let at = placed.at;
        let Token::Word(word) = placed.token else {
            return Err(Fault::Malformed { at, why: "an attribute needs an operator" });
        };
        let (quantity, name) = match word.split_once(':') {
            Some((prefix, name)) => {
                let quantity = quantity(prefix).ok_or(Fault::Malformed { at, why: "there is no such prefix" })?;
                (Some(quantity), name)
            }
            None => (None, word.as_str()),
        };
        let operator = operator(name).ok_or(Fault::Malformed { at, why: "there is no such operator" })?;
        if quantity.is_some() && !operator.takes_quantity() {
            return Err(Fault::Malformed { at, why: "this operator takes no prefix" });
        }
        let right = self.operand(quantity.is_some(), operator)?;
        Ok(Expression::Comparison { left, quantity, operator, right })
    }

    fn operand(&mut self, set: bool, operator: Operator) -> Result<Operand, Fault> {
        let placed = self.next("an operator needs a value")?;
        if let Token::Attribute(attribute) = placed.token {
            return Ok(Operand::Attribute(attribute));
        }
        if placed.token != Token::OpenSet {
            return Ok(Operand::Values(vec![value(&placed, operator)?]));
        }
        if !set {
            return Err(Fault::Malformed { at: placed.at, why: "a set of values needs a prefix such as ForAnyOfAnyValues" });
        }
        let mut values = Vec::new();
        loop {
            let placed = self.next("a set of values is not closed")?;
            values.push(value(&placed, operator)?);
            let placed = self.next("a set of values is not closed")?;
            match placed.token {
                Token::Comma => {}
                Token::CloseSet => return Ok(Operand::Values(values)),
                _ => return Err(Fault::Malformed { at: placed.at, why: "values are parted by commas" }),
            }
        }
    }
}

/// A literal of the kind that the operator compares.
fn value(placed: &Placed, operator: Operator) -> Result<Value, Fault> {
    let read = match (&placed.token, operator.family) {
        (Token::Text(text), Family::Text { .. }) => Some(Value::Text(text.clone())),
        (Token::Text(text) | Token::Word(text), Family::Guid) => Uuid::try_parse(text).ok().map(Value::Guid),
        (Token::Text(text) | Token::Word(text), Family::Time) => text.parse().ok().map(Value::Time),
        (Token::Word(word), Family::Number) => word.parse().ok().map(Value::Number),
        (Token::Word(word), Family::Flag) => word.to_ascii_lowercase().parse().ok().map(Value::Flag),
        _ => None,
    };
    read.ok_or(Fault::Malformed { at: placed.at, why: "the operator does not compare such a value" })
}

fn quantity(prefix: &str) -> Option<Quantity> {
    let all = |word: &str| match word {
        "all" => Some(true),
        "any" => Some(false),
        _ => None,
    };
    let prefix = prefix.to_ascii_lowercase();
    let (left, right) = prefix.strip_prefix("for")?.strip_suffix("values")?.split_once("of")?;
    Some(Quantity { all_left: all(left)?, all_right: all(right)? })
}

fn operator(name: &str) -> Option<Operator> {
    let name = name.to_ascii_lowercase();
    let families = [
        ("string", Family::Text { ignore_case: false }),
        ("numeric", Family::Number),
        ("bool", Family::Flag),
        ("datetime", Family::Time),
        ("guid", Family::Guid),
    ];
    let (rest, family) = families.into_iter().find_map(|(word, family)| Some((name.strip_prefix(word)?, family)))?;
    let (rest, family) = match (rest.strip_suffix("ignorecase"), family) {
        (Some(rest), Family::Text { .. }) => (rest, Family::Text { ignore_case: true }),
        _ => (rest, family),
    };
    let (rest, negated) = rest.strip_prefix("not").map_or((rest, false), |rest| (rest, true));
    let relation = match rest {
        "equals" => Relation::Equals,
        "startswith" => Relation::StartsWith,
        "like" => Relation::Like,
        "lessthan" => Relation::LessThan,
        "lessthanequals" => Relation::LessThanEquals,
        "greaterthan" => Relation::GreaterThan,
        "greaterthanequals" => Relation::GreaterThanEquals,
        _ => return None,
    };
    let operator = Operator { family, relation, negated };
    operator.exists().then_some(operator)
}

impl Operator {
    fn exists(self) -> bool {
        match (self.family, self.relation) {
            (_, Relation::Equals) => true,
            (Family::Text { .. }, Relation::StartsWith | Relation::Like) => true,
            (Family::Text { .. } | Family::Flag | Family::Guid, _) => false,
            (Family::Number | Family::Time, Relation::StartsWith | Relation::Like) => false,
            (Family::Number | Family::Time, _) => !self.negated,
        }
    }

    fn takes_quantity(self) -> bool {
        match self.family {
            Family::Text { .. } => self.relation != Relation::StartsWith,
            Family::Number | Family::Guid => true,
            Family::Flag | Family::Time => false,
        }
    }
}

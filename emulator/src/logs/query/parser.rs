//! From tokens to a query: a recursive descent with the precedence of the language (`or`, `and`, comparisons, sums, products).

use super::Fault;
use super::lexer::{Placed, Token, tokens};
use super::value::Value;

/// A query.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) table: String,
    pub(super) operators: Vec<Operator>,
}

impl Query {
    /// The table that it asks.
    pub fn table(&self) -> &str {
        &self.table
    }
}

/// One operator behind a `|`.
#[derive(Clone, Debug)]
pub(super) enum Operator {
    Where(Expression),
    Project(Vec<Named>),
    ProjectAway(Vec<String>),
    Extend(Vec<Named>),
    Sort(Vec<Key>),
    Take(usize),
    Count,
    Distinct(Option<Vec<Named>>),
    Summarize { what: Vec<Named>, by: Vec<Named> },
}

/// An expression with the name that it is given; without one, it gets a name of its own.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub name: Option<String>,
    pub expression: Expression,
}

/// A key of a sort.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub expression: Expression,
    pub descending: bool,
    pub nulls_first: bool,
}

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Literal(Value),
    Column(String),
    Member(Box<Expression>, String),
    Element(Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Both(Box<Expression>, &'static str, Box<Expression>),
    /// A comparison of texts by word.
    Compare(Box<Expression>, String, Box<Expression>),
    Among {
        value: Box<Expression>,
        word: String,
        list: Vec<Expression>,
    },
    Between {
        value: Box<Expression>,
        from: Box<Expression>,
        to: Box<Expression>,
        negated: bool,
    },
}

/// Comparisons of texts, each with its negation.
const TEXT_WORDS: [&str; 20] = [
    "contains",
    "!contains",
    "contains_cs",
    "!contains_cs",
    "startswith",
    "!startswith",
    "startswith_cs",
    "!startswith_cs",
    "endswith",
    "!endswith",
    "endswith_cs",
    "!endswith_cs",
    "has",
    "!has",
    "has_cs",
    "!has_cs",
    "hasprefix",
    "!hasprefix",
    "hassuffix",
    "!hassuffix",
];
const LIST_WORDS: [&str; 6] = ["in", "!in", "in~", "!in~", "has_any", "has_all"];
/// Operators of the language that are not built here.
const OTHERS: [&str; 30] = [
    "as",
    "consume",
    "evaluate",
    "externaldata",
    "facet",
    "find",
    "fork",
    "getschema",
    "graph-match",
    "invoke",
    "join",
    "lookup",
    "make",
    "mv",
    "parse",
    "partition",
    "print",
    "range",
    "reduce",
    "render",
    "sample",
    "scan",
    "search",
    "serialize",
    "union",
    "datatable",
    "let",
    "set",
    "alias",
    "restrict",
];
/// How deep expressions may be nested.
const DEEPEST: usize = 64;

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Query, Fault> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, depth: 0 };
    let table = parser.table()?;
    let mut operators = Vec::new();
    while parser.sign("|") {
        operators.push(parser.operator()?);
    }
    parser.sign(";");
    if parser.peek().is_some() {
        return Err(parser.fault());
    }
    Ok(Query { table, operators })
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    /// What stands here cannot stand here.
    fn fault(&self) -> Fault {
        match self.tokens.get(self.next) {
            Some(placed) => Fault::Syntax { at: placed.at, token: self.text[placed.at..placed.end].to_owned() },
            None => Fault::Syntax { at: self.text.len(), token: String::new() },
        }
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(sign)) if *sign == wanted);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &str) -> Result<(), Fault> {
        if self.sign(wanted) { Ok(()) } else { Err(self.fault()) }
    }

    fn keyword(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word == wanted);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Some(Token::Word(word)) if !word.starts_with('!') && !word.ends_with('~') => {
                let word = word.clone();
                self.next += 1;
                Ok(word)
            }
            _ => Err(self.fault()),
        }
    }

    /// A name: a word, or any text in brackets.
    fn name(&mut self) -> Result<String, Fault> {
        if !self.sign("[") {
            return self.word();
        }
        let Some(Token::Text(name)) = self.peek().cloned() else { return Err(self.fault()) };
        self.next += 1;
        self.expect("]")?;
        Ok(name)
    }

    fn table(&mut self) -> Result<String, Fault> {
        let name = self.name()?;
        match self.peek() {
            None | Some(Token::Sign("|" | ";")) => Ok(name),
            _ if OTHERS.contains(&name.as_str()) => Err(Fault::Unknown(format!("the statement '{name}'"))),
            Some(Token::Sign("(")) => Err(Fault::Unknown(format!("the function '{name}' in the place of a table"))),
            _ => Err(self.fault()),
        }
    }

    fn operator(&mut self) -> Result<Operator, Fault> {
        let start = self.next;
        let mut name = self.word()?;
        while self.sign("-") {
            name = format!("{name}-{}", self.word()?);
        }
        match name.as_str() {
            "where" | "filter" => Ok(Operator::Where(self.expression()?)),
            "project" => Ok(Operator::Project(self.all_named()?)),
            "project-away" => Ok(Operator::ProjectAway(self.names()?)),
            "extend" => Ok(Operator::Extend(self.all_named()?)),
            "sort" | "order" if self.keyword("by") => Ok(Operator::Sort(self.keys()?)),
            "take" | "limit" => Ok(Operator::Take(self.count()?)),
            "top" => self.top(),
            "count" => Ok(Operator::Count),
            "distinct" if self.sign("*") => Ok(Operator::Distinct(None)),
            "distinct" => Ok(Operator::Distinct(Some(self.all_named()?))),
            "summarize" => self.summarize(),
            other
                if OTHERS.iter().any(|known| other == *known || other.starts_with(&format!("{known}-")))
                    || other.starts_with("project-") =>
            {
                Err(Fault::Unknown(format!("the operator '{other}'")))
            }
            _ => {
                self.next = start;
                Err(self.fault())
            }
        }
    }

    fn count(&mut self) -> Result<usize, Fault> {
        let Some(Token::Long(count)) = self.peek().cloned() else { return Err(self.fault()) };
        self.next += 1;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn names(&mut self) -> Result<Vec<String>, Fault> {
        let mut names = vec![self.name()?];
        while self.sign(",") {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn all_named(&mut self) -> Result<Vec<Named>, Fault> {
        let mut all = vec![self.named()?];
        while self.sign(",") {
            all.push(self.named()?);
        }
        Ok(all)
    }

    /// `name = expression`, or an expression alone.
    fn named(&mut self) -> Result<Named, Fault> {
        let start = self.next;
        if let Ok(name) = self.name()
            && self.sign("=")
        {
            return Ok(Named { name: Some(name), expression: self.expression()? });
        }
        self.next = start;
        Ok(Named { name: None, expression: self.expression()? })
    }

    fn keys(&mut self) -> Result<Vec<Key>, Fault> {
        let mut keys = Vec::new();
        loop {
            let expression = self.expression()?;
            let ascending = self.keyword("asc");
            let descending = self.keyword("desc") || !ascending;
            let mut nulls_first = !descending;
            if self.keyword("nulls") {
                nulls_first = self.keyword("first");
                if !nulls_first && !self.keyword("last") {
                    return Err(self.fault());
                }
            }
            keys.push(Key { expression, descending, nulls_first });
            if !self.sign(",") {
                return Ok(keys);
            }
        }
    }

    /// `top` is a sort and a take; what it becomes here is both in one.
    fn top(&mut self) -> Result<Operator, Fault> {
        let count = self.count()?;
        if !self.keyword("by") {
            return Err(self.fault());
        }
        let keys = self.keys()?;
        // The take comes as an operator of its own: it is put where the next one is read from.
        let at = self.tokens.get(self.next).map_or(self.text.len(), |placed| placed.at);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let take = [Token::Sign("|"), Token::Word("take".into()), Token::Long(count)];
        self.tokens.splice(self.next..self.next, take.map(|token| Placed { token, at, end: at }));
        Ok(Operator::Sort(keys))
    }

    fn summarize(&mut self) -> Result<Operator, Fault> {
        let what = if matches!(self.peek(), Some(Token::Word(word)) if word == "by") { Vec::new() } else { self.all_named()? };
        let by = if self.keyword("by") { self.all_named()? } else { Vec::new() };
        Ok(Operator::Summarize { what, by })
    }

    fn expression(&mut self) -> Result<Expression, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.fault());
        }
        let mut left = self.conjunction()?;
        while self.keyword("or") {
            left = Expression::Both(Box::new(left), "or", Box::new(self.conjunction()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expression, Fault> {
        let mut left = self.comparison()?;
        while self.keyword("and") {
            left = Expression::Both(Box::new(left), "and", Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, Fault> {
        let left = self.sum()?;
        for (sign, meaning) in [
            ("==", "=="),
            ("!=", "!="),
            ("<>", "!="),
            ("=~", "=~"),
            ("!~", "!~"),
            ("<=", "<="),
            (">=", ">="),
            ("<", "<"),
            (">", ">"),
        ] {
            if self.sign(sign) {
                return Ok(Expression::Both(Box::new(left), meaning, Box::new(self.sum()?)));
            }
        }
        let Some(Token::Word(word)) = self.peek().cloned() else { return Ok(left) };
        if TEXT_WORDS.contains(&word.as_str()) {
            self.next += 1;
            return Ok(Expression::Compare(Box::new(left), word, Box::new(self.sum()?)));
        }
        if word == "matches" {
            self.next += 1;
            return if self.keyword("regex") {
                Ok(Expression::Compare(Box::new(left), "matches regex".into(), Box::new(self.sum()?)))
            } else {
                Err(self.fault())
            };
        }
        if LIST_WORDS.contains(&word.as_str()) {
            self.next += 1;
            self.expect("(")?;
            let list = self.list(")")?;
            return Ok(Expression::Among { value: Box::new(left), word, list });
        }
        if word == "between" || word == "!between" {
            self.next += 1;
            self.expect("(")?;
            let from = Box::new(self.sum()?);
            self.expect("..")?;
            let to = Box::new(self.sum()?);
            self.expect(")")?;
            return Ok(Expression::Between { value: Box::new(left), from, to, negated: word.starts_with('!') });
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Expression, Fault> {
        let mut left = self.product()?;
        loop {
            let sign = if self.sign("+") {
                "+"
            } else if self.sign("-") {
                "-"
            } else {
                return Ok(left);
            };
            left = Expression::Both(Box::new(left), sign, Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expression, Fault> {
        let mut left = self.unary()?;
        loop {
            let sign = if self.sign("*") {
                "*"
            } else if self.sign("/") {
                "/"
            } else {
                return Ok(left);
            };
            left = Expression::Both(Box::new(left), sign, Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Expression, Fault> {
        let mut negative = false;
        while self.sign("-") {
            negative = !negative;
        }
        let mut value = self.primary()?;
        loop {
            if self.sign(".") {
                value = Expression::Member(Box::new(value), self.word()?);
            } else if self.sign("[") {
                let index = self.expression()?;
                self.expect("]")?;
                value = Expression::Element(Box::new(value), Box::new(index));
            } else {
                break;
            }
        }
        Ok(if negative { Expression::Negative(Box::new(value)) } else { value })
    }

    fn primary(&mut self) -> Result<Expression, Fault> {
        let Some(token) = self.peek().cloned() else { return Err(self.fault()) };
        if token == Token::Sign("[") {
            return Ok(Expression::Column(self.name()?));
        }
        if self.sign("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let value = match token {
            Token::Long(value) => Value::Long(value),
            Token::Real(value) => Value::Real(value),
            Token::Span(ticks) => Value::Span(ticks),
            Token::Text(text) => Value::Text(text),
            Token::Word(word) => return self.by_word(&word),
            Token::Literal(word, inside) => super::eval::literal(&word, &inside).ok_or_else(|| self.fault())?,
            Token::Sign(_) => return Err(self.fault()),
        };
        self.next += 1;
        Ok(Expression::Literal(value))
    }

    fn by_word(&mut self, word: &str) -> Result<Expression, Fault> {
        if matches!(word, "true" | "false") {
            self.next += 1;
            return Ok(Expression::Literal(Value::Bool(word == "true")));
        }
        let name = self.word()?;
        if !self.sign("(") {
            return Ok(Expression::Column(name));
        }
        let arguments = self.list(")")?;
        if name == "not" && arguments.len() == 1 {
            let inner = arguments.into_iter().next().ok_or_else(|| self.fault())?;
            return Ok(Expression::Not(Box::new(inner)));
        }
        Ok(Expression::Call(name, arguments))
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expression>, Fault> {
        let mut all = Vec::new();
        if self.sign(end) {
            return Ok(all);
        }
        loop {
            // `count(*)` counts rows, as `count()` does.
            if self.sign("*") {
                self.expect(end)?;
                return Ok(all);
            }
            all.push(self.expression()?);
            if self.sign(end) {
                return Ok(all);
            }
            self.expect(",")?;
        }
    }
}

//! Expressions: `or`, `and`, comparisons, sums, products, signs, members and elements, each binding closer than the one before.

use super::super::eval::literal;
use super::super::lexer::Token;
use super::super::syntax::Expression;
use super::super::value::Value;
use super::{Fault, Parser};

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
/// How deep expressions may be nested.
const DEEPEST: usize = 64;
/// How many links (`a or b or c` has two) one expression may have: each makes the tree higher that is walked later.
const LINKS_AT_MOST: usize = 500;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression, Fault> {
        if self.depth == 0 {
            self.links = 0;
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::Unknown(format!("an expression nested more than {DEEPEST} deep")));
        }
        let mut left = self.conjunction()?;
        while self.keyword("or") {
            self.link()?;
            left = Expression::Both(Box::new(left), "or", Box::new(self.conjunction()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    /// One more link in the expression that is read.
    fn link(&mut self) -> Result<(), Fault> {
        self.links += 1;
        if self.links > LINKS_AT_MOST {
            return Err(Fault::Unknown(format!("an expression of more than {LINKS_AT_MOST} links")));
        }
        Ok(())
    }

    fn conjunction(&mut self) -> Result<Expression, Fault> {
        let mut left = self.comparison()?;
        while self.keyword("and") {
            self.link()?;
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
        self.chain(["+", "-"], Self::product)
    }

    fn product(&mut self) -> Result<Expression, Fault> {
        self.chain(["*", "/"], Self::unary)
    }

    /// Operands with any of some signs between them, from left to right.
    fn chain(
        &mut self,
        signs: [&'static str; 2],
        operand: fn(&mut Self) -> Result<Expression, Fault>,
    ) -> Result<Expression, Fault> {
        let mut left = operand(self)?;
        while let Some(sign) = signs.into_iter().find(|sign| self.sign(sign)) {
            self.link()?;
            left = Expression::Both(Box::new(left), sign, Box::new(operand(self)?));
        }
        Ok(left)
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
            self.link()?;
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
            Token::Literal(word, inside) => literal(&word, &inside).ok_or_else(|| self.fault())?,
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

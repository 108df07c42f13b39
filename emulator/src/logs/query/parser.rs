//! From tokens to a query: a recursive descent.

mod expressions;

use super::Fault;
use super::lexer::{Placed, Token, tokens};
use super::syntax::{Key, Named, Operator, Query};

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
struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
    links: usize,
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Query, Fault> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, depth: 0, links: 0 };
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
}

//! The grammar of the shell: what is needed of POSIX' Shell Command Language (2.2 quoting, 2.3 tokens, 2.9 commands, 2.10 grammar).
//! Not built: functions, `case`, here-documents, jobs; `&` counts as `;`.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::tokens::{Token, tokens};

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text; true if it was quoted.
    Text(String, bool),
    /// What stands behind `$`: `NAME` or the inside of `${…}`; true if it was quoted.
    Variable(String, bool),
    /// `$(…)` or backquotes; true if it was quoted.
    Command(String, bool),
    /// `$((…))`.
    Arithmetic(String),
}

/// A word before its expansion.
pub type Word = Vec<Piece>;

/// Where a stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// 0, 1, 2.
    pub stream: u8,
    /// `<`, `>`, `>>`, `>&`.
    pub operator: &'static str,
    /// The file, or the other stream.
    pub target: Word,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Assignments, words, redirections.
    Simple(Vec<(String, Word)>, Vec<Word>, Vec<Redirection>),
    /// `a | b`.
    Pipe(Vec<Node>),
    /// `a && b`.
    And(Box<Node>, Box<Node>),
    /// `a || b`.
    Or(Box<Node>, Box<Node>),
    /// `! a`.
    Not(Box<Node>),
    /// `a; b`.
    List(Vec<Node>),
    /// `if`: conditions with what they lead to, and the rest.
    If(Vec<(Node, Node)>, Option<Box<Node>>),
    /// `while`, and with true `until`.
    While(Box<Node>, Box<Node>, bool),
    /// `for NAME in WORDS`.
    For(String, Vec<Word>, Box<Node>),
    /// `{ … }`, and with true `( … )`.
    Group(Box<Node>, Vec<Redirection>, bool),
}

/// Why a text is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// More has to follow.
    Unfinished,
    /// This is in the way.
    Unexpected(String),
}

/// Commands may stand inside of each other this deep.
const DEEPEST: usize = 40;

/// Reads a script.
pub fn parse(text: &str) -> Result<Node, Flaw> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), depth: 0 };
    let list = parser.list(&[])?;
    match parser.tokens.next() {
        None => Ok(list),
        Some(token) => Err(unexpected(&token)),
    }
}

fn unexpected(token: &Token) -> Flaw {
    Flaw::Unexpected(match token {
        Token::Word(word) => plain(word).unwrap_or_else(|| "word".into()),
        Token::Operator(operator) | Token::Redirect(_, operator) => (*operator).to_owned(),
    })
}

/// The text of a word without quotes and expansions: what may be a reserved word.
fn plain(word: &Word) -> Option<String> {
    match word.as_slice() {
        [Piece::Text(text, false)] => Some(text.clone()),
        _ => None,
    }
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
    depth: usize,
}

impl Parser {
    fn operator(&mut self, wanted: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Operator(operator) if *operator == wanted)).is_some()
    }

    /// The reserved word that comes next.
    fn reserved(&mut self) -> Option<String> {
        match self.tokens.peek() {
            Some(Token::Word(word)) => plain(word),
            _ => None,
        }
    }

    fn expect(&mut self, word: &str) -> Result<(), Flaw> {
        match self.tokens.next() {
            Some(Token::Word(found)) if plain(&found).as_deref() == Some(word) => Ok(()),
            Some(other) => Err(unexpected(&other)),
            None => Err(Flaw::Unfinished),
        }
    }

    /// Commands up to one of these words, which stays.
    fn list(&mut self, ends: &[&str]) -> Result<Node, Flaw> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Flaw::Unexpected("too many commands inside of each other".into()));
        }
        let mut commands = Vec::new();
        loop {
            while ["\n", ";", "&"].into_iter().any(|operator| self.operator(operator)) {}
            let over = self.reserved().is_some_and(|word| ends.contains(&word.as_str()))
                || matches!(self.tokens.peek(), None | Some(Token::Operator(")")));
            if over {
                break;
            }
            commands.push(self.and_or()?);
            if !matches!(self.tokens.peek(), None | Some(Token::Operator(";" | "\n" | "&" | ")"))) {
                break;
            }
        }
        self.depth -= 1;
        Ok(Node::List(commands))
    }

    fn and_or(&mut self) -> Result<Node, Flaw> {
        let mut left = self.pipe()?;
        loop {
            let and = self.operator("&&");
            if !and && !self.operator("||") {
                return Ok(left);
            }
            while self.operator("\n") {}
            let right = Box::new(self.pipe()?);
            left = if and { Node::And(Box::new(left), right) } else { Node::Or(Box::new(left), right) };
        }
    }

    fn pipe(&mut self) -> Result<Node, Flaw> {
        let not = self.reserved().as_deref() == Some("!");
        if not {
            self.tokens.next();
        }
        let mut parts = vec![self.command()?];
        while self.operator("|") {
            while self.operator("\n") {}
            parts.push(self.command()?);
        }
        let node = if parts.len() == 1 { parts.remove(0) } else { Node::Pipe(parts) };
        Ok(if not { Node::Not(Box::new(node)) } else { node })
    }

    fn command(&mut self) -> Result<Node, Flaw> {
        if self.operator("(") {
            let inside = self.list(&[])?;
            return if self.operator(")") { self.group(inside, true) } else { Err(Flaw::Unfinished) };
        }
        match self.reserved().as_deref() {
            Some("{") => {
                self.tokens.next();
                let inside = self.list(&["}"])?;
                self.expect("}")?;
                self.group(inside, false)
            }
            Some("if") => {
                let conditional = self.conditional()?;
                self.group(conditional, false)
            }
            Some(word @ ("while" | "until")) => {
                let until = word == "until";
                self.tokens.next();
                let condition = Box::new(self.list(&["do"])?);
                let looped = Node::While(condition, Box::new(self.body()?), until);
                self.group(looped, false)
            }
            Some("for") => {
                let looped = self.looped()?;
                self.group(looped, false)
            }
            Some(word @ ("then" | "else" | "elif" | "fi" | "do" | "done" | "}")) => Err(Flaw::Unexpected(word.into())),
            _ => self.simple(),
        }
    }

    fn group(&mut self, inside: Node, apart: bool) -> Result<Node, Flaw> {
        let redirections = self.redirections()?;
        Ok(if redirections.is_empty() && !apart { inside } else { Node::Group(Box::new(inside), redirections, apart) })
    }

    fn redirections(&mut self) -> Result<Vec<Redirection>, Flaw> {
        let mut redirections = Vec::new();
        while let Some(Token::Redirect(stream, operator)) = self.tokens.next_if(|token| matches!(token, Token::Redirect(..))) {
            match self.tokens.next() {
                Some(Token::Word(target)) => redirections.push(Redirection { stream, operator, target }),
                Some(other) => return Err(unexpected(&other)),
                None => return Err(Flaw::Unexpected("newline".into())),
            }
        }
        Ok(redirections)
    }

    fn body(&mut self) -> Result<Node, Flaw> {
        self.expect("do")?;
        let body = self.list(&["done"])?;
        self.expect("done")?;
        Ok(body)
    }

    fn conditional(&mut self) -> Result<Node, Flaw> {
        let mut branches = Vec::new();
        loop {
            self.tokens.next();
            let condition = self.list(&["then"])?;
            self.expect("then")?;
            branches.push((condition, self.list(&["elif", "else", "fi"])?));
            match self.reserved().as_deref() {
                Some("elif") => {}
                Some("else") => {
                    self.tokens.next();
                    let rest = self.list(&["fi"])?;
                    self.expect("fi")?;
                    return Ok(Node::If(branches, Some(Box::new(rest))));
                }
                _ => {
                    self.expect("fi")?;
                    return Ok(Node::If(branches, None));
                }
            }
        }
    }

    fn looped(&mut self) -> Result<Node, Flaw> {
        self.tokens.next();
        let name = self.reserved().ok_or(Flaw::Unfinished)?;
        self.tokens.next();
        let mut words = Vec::new();
        if self.reserved().as_deref() == Some("in") {
            self.tokens.next();
            while let Some(Token::Word(word)) = self.tokens.next_if(|token| matches!(token, Token::Word(_))) {
                words.push(word);
            }
        }
        while self.operator(";") || self.operator("\n") {}
        Ok(Node::For(name, words, Box::new(self.body()?)))
    }

    fn simple(&mut self) -> Result<Node, Flaw> {
        let (mut assignments, mut words, mut redirections) = (Vec::new(), Vec::<Word>::new(), Vec::new());
        loop {
            match self.tokens.peek() {
                Some(Token::Word(_)) => {
                    let Some(Token::Word(word)) = self.tokens.next() else { break };
                    match assignment(&word).filter(|_| words.is_empty()) {
                        Some(assignment) => assignments.push(assignment),
                        None => words.push(word),
                    }
                }
                Some(Token::Redirect(..)) => redirections.extend(self.redirections()?),
                _ => break,
            }
        }
        if assignments.is_empty() && words.is_empty() && redirections.is_empty() {
            return Err(self.tokens.next().map_or(Flaw::Unfinished, |token| unexpected(&token)));
        }
        Ok(Node::Simple(assignments, words, redirections))
    }
}

/// `NAME=…`.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let Some(Piece::Text(text, false)) = word.first() else { return None };
    let (name, value) = text.split_once('=')?;
    if !is_name(name) {
        return None;
    }
    let mut rest = vec![Piece::Text(value.into(), false)];
    rest.extend_from_slice(&word[1..]);
    Some((name.to_owned(), rest))
}

/// Whether this can be a variable's name.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finished_is_told_from_what_is_wrong() {
        for text in ["echo 'a", "if true; then", "for i in 1 2; do echo", "a |", "a &&", "(a", "echo $(b", "while true"] {
            assert_eq!(parse(text), Err(Flaw::Unfinished), "{text}");
        }
        for text in ["fi", "a ;; b )", "| a", "then"] {
            assert!(matches!(parse(text), Err(Flaw::Unexpected(_))), "{text}: {:?}", parse(text));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_script_is_a_fault(text in "(if |then |fi|do |done|while |for |[$({})'\"`|&;<>a-z =\\\\\n]){0,40}") {
            let _ = parse(&text);
        }
    }
}

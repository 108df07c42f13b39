//! From the text of a script to its words and operators (POSIX' Shell Command Language, 2.2 and 2.3).

use super::grammar::{Flaw, Piece, Word};

/// A word or an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word.
    Word(Word),
    /// `;`, `|`, `&&` and so on, and the end of a line.
    Operator(&'static str),
    /// `>`, `2>&` and so on.
    Redirect(u8, &'static str),
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn eat(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).is_some_and(|rest| {
            self.rest = rest;
            true
        })
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken.to_owned()
    }

    /// Up to the closing mark, which is eaten; nested pairs are kept whole.
    fn enclosed(&mut self, open: char, close: char) -> Result<String, Flaw> {
        let (mut depth, mut text) = (0, String::new());
        loop {
            let next = self.next().ok_or(Flaw::Unfinished)?;
            if next == close && depth == 0 {
                return Ok(text);
            }
            if next == close {
                depth -= 1;
            } else if next == open {
                depth += 1;
            }
            text.push(next);
            if next == '\'' && open == '(' {
                let end = self.rest.find('\'').ok_or(Flaw::Unfinished)?;
                text.push_str(&self.rest[..=end]);
                self.rest = &self.rest[end + 1..];
            }
        }
    }

    fn dollar(&mut self, quoted: bool) -> Result<Piece, Flaw> {
        if self.eat("((") {
            let inside = self.enclosed('(', ')')?;
            return if self.eat(")") { Ok(Piece::Arithmetic(inside)) } else { Err(Flaw::Unfinished) };
        }
        if self.eat("(") {
            return Ok(Piece::Command(self.enclosed('(', ')')?, quoted));
        }
        if self.eat("{") {
            return Ok(Piece::Variable(self.enclosed('{', '}')?, quoted));
        }
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if !name.is_empty() {
            return Ok(Piece::Variable(name, quoted));
        }
        for special in ["?", "$", "#", "@", "*", "!"] {
            if self.eat(special) {
                return Ok(Piece::Variable(special.into(), quoted));
            }
        }
        Ok(Piece::Text("$".into(), quoted))
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), Flaw> {
        let mut text = String::new();
        loop {
            match self.next().ok_or(Flaw::Unfinished)? {
                '"' => break,
                '\\' => match self.next().ok_or(Flaw::Unfinished)? {
                    '\n' => {}
                    escaped @ ('$' | '`' | '"' | '\\') => text.push(escaped),
                    other => text.extend(['\\', other]),
                },
                '$' => {
                    word.push(Piece::Text(std::mem::take(&mut text), true));
                    word.push(self.dollar(true)?);
                }
                '`' => {
                    word.push(Piece::Text(std::mem::take(&mut text), true));
                    word.push(Piece::Command(self.enclosed('\0', '`')?, true));
                }
                other => text.push(other),
            }
        }
        word.push(Piece::Text(text, true));
        Ok(())
    }

    fn word(&mut self) -> Result<Word, Flaw> {
        let (mut word, mut text) = (Word::new(), String::new());
        while let Some(next) = self.rest.chars().next() {
            if next.is_whitespace() || "|&;<>()".contains(next) {
                break;
            }
            self.next();
            if matches!(next, '\'' | '"' | '$' | '`') && !text.is_empty() {
                word.push(Piece::Text(std::mem::take(&mut text), false));
            }
            match next {
                '\\' => match self.next().ok_or(Flaw::Unfinished)? {
                    '\n' => {}
                    escaped => {
                        word.push(Piece::Text(std::mem::take(&mut text), false));
                        word.push(Piece::Text(escaped.into(), true));
                    }
                },
                '\'' => {
                    let end = self.rest.find('\'').ok_or(Flaw::Unfinished)?;
                    word.push(Piece::Text(self.rest[..end].into(), true));
                    self.rest = &self.rest[end + 1..];
                }
                '"' => self.double_quoted(&mut word)?,
                '$' => word.push(self.dollar(false)?),
                '`' => word.push(Piece::Command(self.enclosed('\0', '`')?, false)),
                other => text.push(other),
            }
        }
        if !text.is_empty() {
            word.push(Piece::Text(text, false));
        }
        Ok(word)
    }
}

/// The tokens of a script.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Flaw> {
    let (mut scanner, mut tokens) = (Scanner { rest: text }, Vec::new());
    'next: loop {
        scanner.take_while(|c| c == ' ' || c == '\t' || c == '\r');
        if scanner.eat("\\\n") {
            continue;
        }
        if scanner.rest.is_empty() {
            return Ok(tokens);
        }
        if scanner.rest.starts_with('#') {
            scanner.take_while(|c| c != '\n');
            continue;
        }
        for (stream, digit) in [(0, "0"), (1, "1"), (2, "2")] {
            let behind = scanner.rest.strip_prefix(digit).filter(|behind| behind.starts_with(['<', '>']));
            if let Some(behind) = behind {
                scanner.rest = behind;
                tokens.push(redirect(&mut scanner, Some(stream)));
                continue 'next;
            }
        }
        if scanner.rest.starts_with(['<', '>']) {
            tokens.push(redirect(&mut scanner, None));
            continue;
        }
        for operator in ["&&", "||", ";", "\n", "|", "&", "(", ")"] {
            if scanner.eat(operator) {
                tokens.push(Token::Operator(operator));
                continue 'next;
            }
        }
        tokens.push(Token::Word(scanner.word()?));
    }
}

fn redirect(scanner: &mut Scanner, stream: Option<u8>) -> Token {
    let operator = [">>", ">&", ">", "<"].into_iter().find(|operator| scanner.eat(operator)).unwrap_or("<");
    Token::Redirect(stream.unwrap_or(u8::from(operator != "<")), operator)
}

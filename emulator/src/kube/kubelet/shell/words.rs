//! Words: quotes and expansions.

use super::parse::{Parser, Piece, WORD_ENDS, Word, parse_at};

impl Parser {
    pub(super) fn word(&mut self) -> Result<Word, String> {
        let mut pieces = Vec::new();
        while let Some(next) = self.peek().filter(|next| !WORD_ENDS.contains(*next)) {
            self.at += 1;
            match next {
                '\'' => pieces.push(Piece::Text(self.until('\'')?, true)),
                '"' => self.double_quoted(&mut pieces)?,
                '$' => pieces.push(self.expansion(false)?),
                '`' => pieces.push(self.backticks(false)?),
                '\\' => match self.next() {
                    Some('\n') | None => {}
                    Some(escaped) => pieces.push(Piece::Text(escaped.into(), true)),
                },
                plain => push_text(&mut pieces, plain, false),
            }
        }
        Ok(Word(pieces))
    }

    fn until(&mut self, end: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.next() {
                Some(next) if next == end => return Ok(text),
                Some(next) => text.push(next),
                None => return Err(format!("syntax error: unterminated quoted string ({end})")),
            }
        }
    }

    fn double_quoted(&mut self, pieces: &mut Vec<Piece>) -> Result<(), String> {
        pieces.push(Piece::Text(String::new(), true));
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('$') => pieces.push(self.expansion(true)?),
                Some('`') => pieces.push(self.backticks(true)?),
                Some('\\') => match self.next() {
                    Some(escaped @ ('"' | '\\' | '$' | '`')) => push_text(pieces, escaped, true),
                    Some('\n') => {}
                    Some(other) => {
                        push_text(pieces, '\\', true);
                        push_text(pieces, other, true);
                    }
                    None => return Err("syntax error: unterminated quoted string (\")".into()),
                },
                Some(plain) => push_text(pieces, plain, true),
                None => return Err("syntax error: unterminated quoted string (\")".into()),
            }
        }
    }

    fn backticks(&mut self, quoted: bool) -> Result<Piece, String> {
        let inner = self.until('`')?;
        let depth = self.depth;
        let node = self.deeper(|_| parse_at(&inner, depth + 1))?;
        Ok(Piece::Command(Box::new(node), quoted))
    }

    /// What stands behind a `$`.
    fn expansion(&mut self, quoted: bool) -> Result<Piece, String> {
        if self.takes("((") {
            return self.arithmetic();
        }
        if self.takes("(") {
            let node = self.deeper(|parser| parser.list(&[]))?;
            self.blanks(true);
            if !self.takes(")") {
                return Err("syntax error: \")\" expected".into());
            }
            return Ok(Piece::Command(Box::new(node), quoted));
        }
        if self.takes("{") {
            return self.braced(quoted);
        }
        let name = match self.peek() {
            Some(special @ ('?' | '$' | '#' | '@' | '*' | '!' | '0'..='9')) => {
                self.at += 1;
                special.to_string()
            }
            _ => self.name(),
        };
        if name.is_empty() {
            return Ok(Piece::Text("$".into(), quoted));
        }
        Ok(Piece::Variable { name, or: None, quoted })
    }

    fn name(&mut self) -> String {
        let rest = &self.chars[self.at..];
        let name: String = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
        let name = if name.starts_with(|first: char| first.is_ascii_digit()) { String::new() } else { name };
        self.at += name.len();
        name
    }

    fn braced(&mut self, quoted: bool) -> Result<Piece, String> {
        let name = match self.peek() {
            Some(special @ ('?' | '$' | '#' | '@' | '*' | '0'..='9')) => {
                self.at += 1;
                special.to_string()
            }
            _ => self.name(),
        };
        let inner = self.until('}')?;
        if inner.is_empty() && !name.is_empty() {
            return Ok(Piece::Variable { name, or: None, quoted });
        }
        let text = inner.strip_prefix(':').unwrap_or(&inner);
        match text.chars().next() {
            Some(operator @ ('-' | '=' | '+' | '?')) if !name.is_empty() => {
                let depth = self.depth;
                let word =
                    self.deeper(|_| Self { chars: text.chars().skip(1).collect(), at: 0, depth: depth + 1 }.whole_word())?;
                Ok(Piece::Variable { name, or: Some((operator, Box::new(word))), quoted })
            }
            _ => Err(format!("azlet's shell does not know ${{{name}{inner}}}")),
        }
    }

    /// All the rest as one word, blanks and all.
    fn whole_word(&mut self) -> Result<Word, String> {
        let mut pieces = Vec::new();
        loop {
            pieces.append(&mut self.word()?.0);
            match self.next() {
                Some(plain) => push_text(&mut pieces, plain, false),
                None => return Ok(Word(pieces)),
            }
        }
    }

    fn arithmetic(&mut self) -> Result<Piece, String> {
        let (mut text, mut open) = (String::new(), 0_usize);
        loop {
            match self.next() {
                Some(')') if open == 0 && self.peek() == Some(')') => {
                    self.at += 1;
                    return Ok(Piece::Arithmetic(text));
                }
                Some(next) => {
                    open = if next == '(' { open + 1 } else { open.saturating_sub(usize::from(next == ')')) };
                    text.push(next);
                }
                None => return Err("syntax error: \"))\" expected".into()),
            }
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, next: char, quoted: bool) {
    match pieces.last_mut() {
        Some(Piece::Text(text, same)) if *same == quoted => text.push(next),
        _ => pieces.push(Piece::Text(next.into(), quoted)),
    }
}

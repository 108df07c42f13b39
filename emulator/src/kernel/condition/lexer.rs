//! From a text to tokens.

use super::{Attribute, Fault, Source};

/// A token and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub at: usize,
    pub token: Token,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Attribute(Attribute),
    Open,
    Close,
    OpenSet,
    CloseSet,
    Comma,
    Not,
    And,
    Or,
}

pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Fault> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (length, token) = match first {
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '(' => (1, Token::Open),
            ')' => (1, Token::Close),
            '{' => (1, Token::OpenSet),
            '}' => (1, Token::CloseSet),
            ',' => (1, Token::Comma),
            '!' => (1, Token::Not),
            '&' if rest.starts_with("&&") => (2, Token::And),
            '|' if rest.starts_with("||") => (2, Token::Or),
            '\'' => quoted(rest, at)?,
            '@' => attribute(rest, at)?,
            _ => word(rest, at)?,
        };
        found.push(Placed { at, token });
        at += length;
    }
    Ok(found)
}

/// A text in single quotes; a quote inside it stands behind a backslash, and any other backslash stands for itself.
fn quoted(rest: &str, at: usize) -> Result<(usize, Token), Fault> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((position, character)) = characters.next() {
        match character {
            '\'' => return Ok((position + 1, Token::Text(text))),
            '\\' if characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                text.push('\'');
                characters.next();
            }
            _ => text.push(character),
        }
    }
    Err(Fault::Malformed { at, why: "a text has no closing quote" })
}

/// `@Source[name]`.
fn attribute(rest: &str, at: usize) -> Result<(usize, Token), Fault> {
    let fault = |why| Fault::Malformed { at, why };
    let open = rest.find('[').ok_or_else(|| fault("an attribute is written @Source[name]"))?;
    let close = rest.find(']').filter(|close| *close > open).ok_or_else(|| fault("an attribute has no closing bracket"))?;
    let source = rest[1..open].trim();
    let source = Source::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(source));
    let source = source.ok_or_else(|| fault("a source is Request, Resource, Principal or Environment"))?;
    let name = rest[open + 1..close].trim();
    if name.is_empty() || name.contains(['[', '\'', '@']) {
        return Err(fault("an attribute has no such name"));
    }
    Ok((close + 1, Token::Attribute(Attribute { source, name: name.to_owned() })))
}

fn word(rest: &str, at: usize) -> Result<(usize, Token), Fault> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | ':' | '.');
    let length = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
    if length == 0 {
        return Err(Fault::Malformed { at, why: "this character has no meaning here" });
    }
    let token = match &rest[..length] {
        word if word.eq_ignore_ascii_case("and") => Token::And,
        word if word.eq_ignore_ascii_case("or") => Token::Or,
        word if word.eq_ignore_ascii_case("not") => Token::Not,
        word => Token::Word(word.to_owned()),
    };
    Ok((length, token))
}

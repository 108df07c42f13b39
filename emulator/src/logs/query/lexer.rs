//! Words, numbers, texts and signs of a query, each with its place.

use super::Fault;

/// A word, number, text or sign.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `where`, `has_any`, `in~`, `!contains`, `datetime`.
    Word(String),
    /// A whole number.
    Long(i64),
    /// A number with decimals.
    Real(f64),
    /// A span of time, in ticks of 100 nanoseconds.
    Span(i64),
    /// A text.
    Text(String),
    /// `==`, `|`, `(`.
    Sign(&'static str),
    /// `datetime(2026-01-01 10:00)`: a word whose inside follows rules of its own, and the inside.
    Literal(String, String),
}

/// The words of such literals.
const LITERALS: [&str; 5] = ["datetime", "timespan", "time", "guid", "dynamic"];

/// A token with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub token: Token,
    pub at: usize,
    pub end: usize,
}

const SIGNS: [&str; 23] =
    ["==", "!=", "=~", "!~", "<=", ">=", "<>", "..", "|", "(", ")", "[", "]", ",", ".", "=", "<", ">", "+", "-", "*", "/", ";"];

/// The units of spans, in ticks.
const UNITS: [(&str, i64); 9] = [
    ("microsecond", 10),
    ("milliseconds", 10_000),
    ("ms", 10_000),
    ("seconds", 10_000_000),
    ("s", 10_000_000),
    ("minutes", 600_000_000),
    ("m", 600_000_000),
    ("h", 36_000_000_000),
    ("d", 864_000_000_000),
];

/// Takes a query apart.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (token, length) = one(rest, first, at)?;
        tokens.push(Placed { token, at, end: at + length });
        at += length;
    }
    Ok(tokens)
}

fn one(rest: &str, first: char, at: usize) -> Result<(Token, usize), Fault> {
    let wrong = || Fault::Syntax { at, token: first.to_string() };
    if first == '"' || first == '\'' {
        return text(rest, first, false).ok_or_else(wrong);
    }
    if first == '@'
        && let Some(quote) = rest[1..].chars().next().filter(|next| *next == '"' || *next == '\'')
    {
        return text(&rest[1..], quote, true).map(|(token, length)| (token, length + 1)).ok_or_else(wrong);
    }
    if first.is_ascii_digit() {
        return number(rest).ok_or_else(wrong);
    }
    if first.is_alphabetic() || first == '_' || first == '$' {
        let length = word_length(rest);
        if LITERALS.contains(&&rest[..length])
            && let Some(opens) = rest[length..].find(|next: char| !next.is_whitespace()).map(|gap| length + gap)
            && rest[opens..].starts_with('(')
        {
            let inside = inside(&rest[opens + 1..]).ok_or_else(wrong)?;
            let token = Token::Literal(rest[..length].to_owned(), inside.trim().to_owned());
            return Ok((token, opens + 1 + inside.len() + 1));
        }
        // `in~`, `has_cs`; the tilde belongs to the word.
        let tilde = usize::from(rest[length..].starts_with('~') && !rest[length..].starts_with("~="));
        return Ok((Token::Word(rest[..length + tilde].to_owned()), length + tilde));
    }
    // `!contains`, `!in~`: the negation belongs to the word.
    if first == '!' && rest[1..].starts_with(|next: char| next.is_alphabetic()) {
        let length = 1 + word_length(&rest[1..]);
        let tilde = usize::from(rest[length..].starts_with('~'));
        return Ok((Token::Word(rest[..length + tilde].to_owned()), length + tilde));
    }
    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign)).ok_or_else(wrong)?;
    Ok((Token::Sign(sign), sign.len()))
}

/// What stands before the parenthesis that closes; parentheses inside of texts do not count.
fn inside(rest: &str) -> Option<&str> {
    let mut open = 1usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, next) in rest.char_indices() {
        match (quote, next) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(begun), _) if next == begun => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(next),
            (None, '(') => open += 1,
            (None, ')') => {
                open -= 1;
                if open == 0 {
                    return Some(&rest[..at]);
                }
            }
            _ => {}
        }
    }
    None
}

fn word_length(rest: &str) -> usize {
    rest.find(|next: char| !(next.is_alphanumeric() || next == '_' || next == '$')).unwrap_or(rest.len())
}

/// A quoted text; a verbatim one doubles its quotes and knows no escapes.
fn text(rest: &str, quote: char, verbatim: bool) -> Option<(Token, usize)> {
    let mut value = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, next)) = characters.next() {
        match next {
            _ if next == quote && verbatim && characters.peek().is_some_and(|(_, after)| *after == quote) => {
                characters.next();
                value.push(quote);
            }
            _ if next == quote => return Some((Token::Text(value), at + next.len_utf8())),
            '\\' if !verbatim => value.push(match characters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            '\n' => return None,
            other => value.push(other),
        }
    }
    None
}

fn number(rest: &str) -> Option<(Token, usize)> {
    let digits = rest.find(|next: char| !next.is_ascii_digit()).unwrap_or(rest.len());
    let decimals = rest[digits..].strip_prefix('.').map(|after| after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()));
    let length = match decimals {
        Some(decimals) if decimals > 0 => digits + 1 + decimals,
        _ => digits,
    };
    let written = &rest[..length];
    let unit_length = word_length(&rest[length..]);
    let unit = &rest[length..length + unit_length];
    if unit.is_empty() {
        let token = if length > digits { Token::Real(written.parse().ok()?) } else { Token::Long(written.parse().ok()?) };
        return Some((token, length));
    }
    let (_, ticks) = UNITS.iter().find(|(name, _)| *name == unit)?;
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a span out of range is cut to the range")]
    let span = (written.parse::<f64>().ok()? * *ticks as f64) as i64;
    Some((Token::Span(span), length + unit_length))
}

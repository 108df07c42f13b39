//! Label selectors as `k8s.io/apimachinery/pkg/labels` reads them, with its words for what is wrong.

use std::collections::BTreeSet;

use serde_json::Value;

/// One term of a label selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl Requirement {
    /// Whether a set of labels is as required.
    pub fn holds(&self, labels: &Value) -> bool {
        let found = labels[&self.key].as_str();
        let listed = || found.is_some_and(|found| self.values.contains(found));
        let number = |text: &str| text.parse::<i64>().ok();
        let bound = || number(self.values.first()?);
        match self.operator {
            Operator::In => listed(),
            Operator::NotIn => !listed(),
            Operator::Exists => found.is_some(),
            Operator::DoesNotExist => found.is_none(),
            Operator::GreaterThan => found.and_then(number).zip(bound()).is_some_and(|(found, bound)| found > bound),
            Operator::LessThan => found.and_then(number).zip(bound()).is_some_and(|(found, bound)| found < bound),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    End,
    Identifier,
    Open,
    Close,
    Comma,
    Not,
    Equals,
    NotEquals,
    Greater,
    Less,
    In,
    NotIn,
    Broken,
}

/// What a word may be: within values, `in` is a word like any other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Operators,
    Values,
}

fn is_symbol(letter: char) -> bool {
    matches!(letter, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn token_of(text: &str) -> Option<Token> {
    Some(match text {
        ")" => Token::Close,
        "(" => Token::Open,
        "," => Token::Comma,
        "!" => Token::Not,
        "=" | "==" => Token::Equals,
        "!=" => Token::NotEquals,
        ">" => Token::Greater,
        "<" => Token::Less,
        "in" => Token::In,
        "notin" => Token::NotIn,
        _ => return None,
    })
}

/// The words of a selector.
fn tokens(text: &str) -> Vec<(Token, String)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if is_symbol(first) {
            // The longest symbol that there is.
            let run = rest.find(|letter| !is_symbol(letter)).unwrap_or(rest.len());
            (1..=run).rev().find(|end| token_of(&rest[..*end]).is_some()).unwrap_or(run)
        } else {
            rest.find(|letter: char| is_symbol(letter) || letter.is_whitespace()).unwrap_or(rest.len())
        };
        let word = &rest[..end];
        let fallback = if is_symbol(first) { Token::Broken } else { Token::Identifier };
        out.push((token_of(word).unwrap_or(fallback), word.to_owned()));
        rest = rest[end..].trim_start();
    }
    out
}

struct Parser {
    tokens: Vec<(Token, String)>,
    position: usize,
}

impl Parser {
    fn peek(&self, within: Within) -> (Token, String) {
        let (token, word) = self.tokens.get(self.position).cloned().unwrap_or((Token::End, String::new()));
        let word_only = within == Within::Values && matches!(token, Token::In | Token::NotIn);
        (if word_only { Token::Identifier } else { token }, word)
    }

    fn take(&mut self, within: Within) -> (Token, String) {
        let found = self.peek(within);
        self.position += 1;
        found
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, String> {
        let mut out = Vec::new();
        loop {
            match self.peek(Within::Values) {
                (Token::Identifier | Token::Not, _) => {
                    out.push(self.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?);
                }
                (Token::End, _) => return Ok(out),
                (_, word) => return Err(format!("found '{word}', expected: !, identifier, or 'end of string'")),
            }
            match self.take(Within::Values) {
                (Token::End, _) => return Ok(out),
                (Token::Comma, _) => {
                    let (next, word) = self.peek(Within::Values);
                    if !matches!(next, Token::Identifier | Token::Not) {
                        return Err(format!("found '{word}', expected: identifier after ','"));
                    }
                }
                (_, word) => return Err(format!("found '{word}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut word) = self.take(Within::Values);
        let absent = token == Token::Not;
        if absent {
            (token, word) = self.take(Within::Values);
        }
        if token != Token::Identifier {
            return Err(format!("found '{word}', expected: identifier"));
        }
        check_key(&word)?;
        let key = word;
        if absent {
            return Ok(Requirement { key, operator: Operator::DoesNotExist, values: BTreeSet::new() });
        }
        if matches!(self.peek(Within::Values).0, Token::End | Token::Comma) {
            return Ok(Requirement { key, operator: Operator::Exists, values: BTreeSet::new() });
        }
        let (token, word) = self.take(Within::Operators);
        let operator = match token {
            Token::In | Token::Equals => Operator::In,
            Token::NotIn | Token::NotEquals => Operator::NotIn,
            Token::Greater => Operator::GreaterThan,
            Token::Less => Operator::LessThan,
            _ => return Err(format!("found '{word}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        let values = match token {
            Token::In | Token::NotIn => self.values()?,
            _ => self.exact_value()?,
        };
        check_values(&key, operator, &values)?;
        Ok(Requirement { key, operator, values })
    }

    fn exact_value(&mut self) -> Result<BTreeSet<String>, String> {
        if matches!(self.peek(Within::Values).0, Token::End | Token::Comma) {
            return Ok([String::new()].into());
        }
        match self.take(Within::Values) {
            (Token::Identifier, word) => Ok([word].into()),
            (_, word) => Err(format!("found '{word}', expected: identifier")),
        }
    }

    fn values(&mut self) -> Result<BTreeSet<String>, String> {
        let (token, word) = self.take(Within::Values);
        if token != Token::Open {
            return Err(format!("found '{word}' expected: '('"));
        }
        match self.peek(Within::Values) {
            (Token::Close, _) => {
                self.position += 1;
                Ok(BTreeSet::new())
            }
            (Token::Identifier | Token::Comma, word) => {
                let values = self.listed_values()?;
                match self.take(Within::Values) {
                    (Token::Close, _) => Ok(values),
                    _ => Err(format!("found '{word}', expected: ')'")),
                }
            }
            (_, word) => Err(format!("found '{word}', expected: ',', ')' or identifier")),
        }
    }

    fn listed_values(&mut self) -> Result<BTreeSet<String>, String> {
        let mut values = BTreeSet::new();
        loop {
            match self.take(Within::Values) {
                (Token::Identifier, word) => {
                    values.insert(word);
                    match self.peek(Within::Values) {
                        (Token::Comma, _) => {}
                        (Token::Close, _) => return Ok(values),
                        (_, word) => return Err(format!("found '{word}', expected: ',' or ')'")),
                    }
                }
                (Token::Comma, _) => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    match self.peek(Within::Values).0 {
                        Token::Close => {
                            values.insert(String::new());
                            return Ok(values);
                        }
                        Token::Comma => {
                            self.position += 1;
                            values.insert(String::new());
                        }
                        _ => {}
                    }
                }
                (_, word) => return Err(format!("found '{word}', expected: ',', or identifier")),
            }
        }
    }
}

const NAME_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
    start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const LONGEST: usize = 63;

fn is_plain(text: &str) -> bool {
    let edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let inner = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().last())
}

fn check_key(key: &str) -> Result<(), String> {
    let invalid = |why: &str| Err(format!("key: Invalid value: {}: {why}", Value::from(key)));
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.contains('/') {
        let rule = NAME_RULE.replacen("name part must", "a qualified name must", 1);
        return invalid(&format!("{rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"));
    }
    if prefix == Some("") {
        return invalid("prefix part must be non-empty");
    }
    if name.is_empty() {
        return invalid("name part must be non-empty");
    }
    if name.len() > LONGEST {
        return invalid(&format!("name part must be no more than {LONGEST} characters"));
    }
    if is_plain(name) { Ok(()) } else { invalid(NAME_RULE) }
}

fn check_values(key: &str, operator: Operator, values: &BTreeSet<String>) -> Result<(), String> {
    if values.is_empty() {
        return Err("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty".into());
    }
    for (index, value) in values.iter().enumerate() {
        let shown = Value::from(value.as_str());
        if matches!(operator, Operator::GreaterThan | Operator::LessThan) && value.parse::<i64>().is_err() {
            return Err(format!(
                "values[{index}]: Invalid value: {shown}: for 'Gt', 'Lt' operators, the value must be an integer"
            ));
        }
        if value.len() > LONGEST {
            return Err(format!("values[{index}][{key}]: Invalid value: {shown}: must be no more than {LONGEST} characters"));
        }
        if !value.is_empty() && !is_plain(value) {
            return Err(format!("values[{index}][{key}]: Invalid value: {shown}: {VALUE_RULE}"));
        }
    }
    Ok(())
}

/// Reads a label selector.
pub fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    Parser { tokens: tokens(text), position: 0 }.requirements()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_selector_is_told_as_the_real_parser_tells_it() {
        for (text, why) in [
            ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("a,", "found '', expected: identifier after ','"),
            (",a", "found ',', expected: !, identifier, or 'end of string'"),
            ("a=b=c", "found '=', expected: ',' or 'end of string'"),
            ("a in b", "unable to parse requirement: found 'b' expected: '('"),
            (
                "a in ()",
                "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
            ),
            (
                "a>b",
                "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
            ("/a", "unable to parse requirement: key: Invalid value: \"/a\": prefix part must be non-empty"),
        ] {
            assert_eq!(parse(text).unwrap_err(), why, "{text}");
        }
    }

    /// The simplest way to say what a list of terms means.
    fn reference(terms: &[(String, u8, Vec<String>)], labels: &BTreeMap<String, String>) -> bool {
        terms.iter().all(|(key, kind, values)| match kind {
            0 => labels.get(key).is_some_and(|value| *value == values[0]),
            1 => labels.get(key).is_none_or(|value| *value != values[0]),
            2 => labels.get(key).is_some_and(|value| values.contains(value)),
            3 => labels.get(key).is_none_or(|value| !values.contains(value)),
            4 => labels.contains_key(key),
            _ => !labels.contains_key(key),
        })
    }

    fn written((key, kind, values): &(String, u8, Vec<String>)) -> String {
        match kind {
            0 => format!("{key} = {}", values[0]),
            1 => format!("{key}!={}", values[0]),
            2 => format!("{key} in ({})", values.join(", ")),
            3 => format!("{key} notin ({})", values.join(",")),
            4 => key.clone(),
            _ => format!("!{key}"),
        }
    }

    proptest! {
        #[test]
        fn selectors_choose_what_the_reference_chooses(
            terms in prop::collection::vec(("[ab]|in", 0_u8..6, prop::collection::vec("[xy]|in", 1..3)), 0..4),
            labels in prop::collection::btree_map("[ab]|in", "[xy]|in", 0..3),
        ) {
            let text = terms.iter().map(written).collect::<Vec<_>>().join(",");
            let parsed = parse(&text).expect("a selector");
            let chosen = parsed.iter().all(|requirement| requirement.holds(&json!(labels)));
            prop_assert_eq!(chosen, reference(&terms, &labels), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-c!=<>(), /.-]{0,20}|.{0,20}") {
            let _ = parse(&text);
        }
    }
}

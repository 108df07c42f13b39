//! `$filter` of Graph: comparisons, `startswith`, `endswith`, `in`, `any`, joined by `and`, `or`, `not` and parentheses. Strings compare
//! without regard to case (inferred). Source: OData 4.0, URL conventions, section 5.1.1; "Advanced query capabilities on Microsoft
//! Entra ID objects".

use serde_json::Value;

/// A filter may be nested so deep; a deeper one is refused.
const DEEPEST: usize = 32;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All must hold.
    And(Vec<Filter>),
    /// One must hold.
    Or(Vec<Filter>),
    /// It must not hold.
    Not(Box<Filter>),
    /// A property compared with a value.
    Compare(String, Operator, Value),
    /// A text that begins, or ends, so.
    Text(String, Place, String),
    /// One of several values.
    In(String, Vec<Value>),
    /// One element of a list for which it holds; the element itself is called by the empty name.
    Any(String, Box<Filter>),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// Where a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `startswith`
    Start,
    /// `endswith`
    End,
    /// `contains`
    Anywhere,
}

impl Filter {
    /// Parses a filter; the error is Graph's message.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, position: 0, depth: 0, variable: None };
        let filter = parser.any_of();
        parser.blank();
        match filter {
            Some(filter) if parser.position == text.len() => Ok(filter),
            _ => Err(format!("Invalid filter clause: Syntax error at position {} in '{text}'.", parser.position)),
        }
    }

    /// Whether an object passes.
    pub fn accepts(&self, object: &Value) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.accepts(object)),
            Self::Or(some) => some.iter().any(|filter| filter.accepts(object)),
            Self::Not(filter) => !filter.accepts(object),
            Self::Compare(name, operator, value) => compare(at(object, name), *operator, value),
            Self::Text(name, place, value) => at(object, name).as_str().is_some_and(|text| holds(text, *place, value)),
            Self::In(name, values) => values.iter().any(|value| compare(at(object, name), Operator::Equal, value)),
            Self::Any(name, filter) => at(object, name).as_array().into_iter().flatten().any(|element| filter.accepts(element)),
        }
    }

    /// The properties that it asks about.
    pub fn properties(&self) -> Vec<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::properties).collect(),
            Self::Not(part) => part.properties(),
            Self::Compare(name, ..) | Self::Text(name, ..) | Self::In(name, _) | Self::Any(name, _) => vec![name],
        }
    }

    /// The first property that only an advanced query may ask about in this way: `ne`, `not`, `endswith`.
    pub fn advanced(&self) -> Option<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().find_map(Self::advanced),
            Self::Not(part) => part.properties().first().copied(),
            Self::Compare(name, Operator::NotEqual, _) | Self::Text(name, Place::End, _) => Some(name),
            Self::Any(_, part) => part.advanced(),
            Self::Compare(..) | Self::Text(..) | Self::In(..) => None,
        }
    }

    /// The first property in which a text is looked for anywhere: the directory does not do that.
    pub fn searched(&self) -> Option<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().find_map(Self::searched),
            Self::Not(part) | Self::Any(_, part) => part.searched(),
            Self::Text(name, Place::Anywhere, _) => Some(name),
            Self::Compare(..) | Self::Text(..) | Self::In(..) => None,
        }
    }
}

/// A member by its path; the empty path is the object itself.
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('/').filter(|part| !part.is_empty()).fold(object, |value, part| {
        let found = value.as_object().and_then(|it| it.iter().find(|(name, _)| name.eq_ignore_ascii_case(part)));
        found.map_or(&Value::Null, |(_, value)| value)
    })
}

fn holds(text: &str, place: Place, value: &str) -> bool {
    let (text, value) = (text.to_lowercase(), value.to_lowercase());
    match place {
        Place::Start => text.starts_with(&value),
        Place::End => text.ends_with(&value),
        Place::Anywhere => text.contains(&value),
    }
}

fn compare(found: &Value, operator: Operator, value: &Value) -> bool {
    let ordering = match (found, value) {
        (Value::String(found), Value::String(value)) => Some(found.to_lowercase().cmp(&value.to_lowercase())),
        (Value::Number(found), Value::Number(value)) => found.as_f64().partial_cmp(&value.as_f64()),
        (Value::Bool(found), Value::Bool(value)) => Some(found.cmp(value)),
        (Value::Null, Value::Null) => Some(std::cmp::Ordering::Equal),
        _ => None,
    };
    match operator {
        Operator::Equal => ordering.is_some_and(std::cmp::Ordering::is_eq),
        Operator::NotEqual => !ordering.is_some_and(std::cmp::Ordering::is_eq),
        Operator::Greater => ordering.is_some_and(std::cmp::Ordering::is_gt),
        Operator::GreaterOrEqual => ordering.is_some_and(std::cmp::Ordering::is_ge),
        Operator::Less => ordering.is_some_and(std::cmp::Ordering::is_lt),
        Operator::LessOrEqual => ordering.is_some_and(std::cmp::Ordering::is_le),
    }
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
    depth: usize,
    /// What an element of a list is called inside `any`.
    variable: Option<String>,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    fn blank(&mut self) {
        self.position += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes a sign.
    fn sign(&mut self, sign: char) -> Option<()> {
        self.blank();
        self.rest().starts_with(sign).then(|| self.position += sign.len_utf8())
    }

    /// Takes a word in any case, if it stands alone.
    fn word(&mut self, word: &str) -> bool {
        self.blank();
        let rest = self.rest();
        let here = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let alone =
            !rest.get(word.len()..).unwrap_or_default().starts_with(|next: char| next.is_alphanumeric() || "_/".contains(next));
        if here && alone {
            self.position += word.len();
        }
        here && alone
    }

    fn any_of(&mut self) -> Option<Filter> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut parts = vec![self.all_of()?];
        while self.word("or") {
            parts.push(self.all_of()?);
        }
        self.depth -= 1;
        if parts.len() == 1 { parts.pop() } else { Some(Filter::Or(parts)) }
    }

    fn all_of(&mut self) -> Option<Filter> {
        let mut parts = vec![self.one()?];
        while self.word("and") {
            parts.push(self.one()?);
        }
        if parts.len() == 1 { parts.pop() } else { Some(Filter::And(parts)) }
    }

    fn one(&mut self) -> Option<Filter> {
        let begin = self.position;
        if self.word("not") {
            self.depth += 1;
            let inner = if self.depth > DEEPEST { None } else { self.one() };
            self.depth -= 1;
            return inner.map(|filter| Filter::Not(Box::new(filter)));
        }
        if self.sign('(').is_some() {
            let inner = self.any_of()?;
            return self.sign(')').map(|()| inner);
        }
        self.position = begin;
        let name = self.name()?;
        let function = [("startswith", Place::Start), ("endswith", Place::End), ("contains", Place::Anywhere)]
            .into_iter()
            .find(|(function, _)| name.eq_ignore_ascii_case(function));
        if let Some((_, place)) = function {
            return self.function(place);
        }
        if let Some(list) = name.strip_suffix("/any") {
            return self.element(list);
        }
        let property = self.property(&name)?;
        if self.word("in") {
            return self.values().map(|values| Filter::In(property, values));
        }
        let operator = self.operator()?;
        Some(Filter::Compare(property, operator, self.value()?))
    }

    fn function(&mut self, place: Place) -> Option<Filter> {
        self.sign('(')?;
        let name = self.name()?;
        let property = self.property(&name)?;
        self.sign(',')?;
        let Value::String(value) = self.value()? else { return None };
        self.sign(')')?;
        Some(Filter::Text(property, place, value))
    }

    fn element(&mut self, list: &str) -> Option<Filter> {
        self.sign('(')?;
        let variable = self.name().filter(|name| !name.contains('/'))?;
        self.sign(':')?;
        if self.variable.replace(variable).is_some() {
            return None;
        }
        let inner = self.any_of()?;
        self.variable = None;
        self.sign(')')?;
        Some(Filter::Any(list.to_owned(), Box::new(inner)))
    }

    /// A property as seen from the object, or inside `any` from the element.
    fn property(&self, name: &str) -> Option<String> {
        let Some(variable) = &self.variable else { return Some(name.to_owned()) };
        let rest = name.strip_prefix(variable.as_str())?;
        if rest.is_empty() { Some(String::new()) } else { rest.strip_prefix('/').map(str::to_owned) }
    }

    fn name(&mut self) -> Option<String> {
        self.blank();
        let rest = self.rest();
        let end = rest.find(|next: char| !(next.is_ascii_alphanumeric() || "_/".contains(next))).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        let good = name.starts_with(|first: char| first.is_ascii_alphabetic()) && !name.ends_with('/') && !name.contains("//");
        good.then(|| {
            self.position += end;
            name
        })
    }

    fn operator(&mut self) -> Option<Operator> {
        let all = [
            ("eq", Operator::Equal),
            ("ne", Operator::NotEqual),
            ("gt", Operator::Greater),
            ("ge", Operator::GreaterOrEqual),
            ("lt", Operator::Less),
            ("le", Operator::LessOrEqual),
        ];
        all.into_iter().find(|(word, _)| self.word(word)).map(|(_, operator)| operator)
    }

    fn values(&mut self) -> Option<Vec<Value>> {
        self.sign('(')?;
        let mut values = vec![self.value()?];
        while self.sign(',').is_some() {
            values.push(self.value()?);
        }
        self.sign(')').map(|()| values)
    }

    fn value(&mut self) -> Option<Value> {
        self.blank();
        if self.rest().starts_with('\'') {
            return self.quoted().map(Value::String);
        }
        let rest = self.rest();
        let end = rest.find(|next: char| !(next.is_ascii_alphanumeric() || "-:.+".contains(next))).unwrap_or(rest.len());
        let word = &rest[..end];
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => bare(word)?,
        };
        self.position += end;
        Some(value)
    }

    /// A quoted text; a doubled quote stands for one.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            if character != '\'' {
                text.push(character);
            } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
                text.push('\'');
            } else {
                self.position += at + 1;
                return Some(text);
            }
        }
        None
    }
}

/// A value without quotes: a number, a GUID, a time.
fn bare(word: &str) -> Option<Value> {
    if uuid::Uuid::try_parse(word).is_ok_and(|_| word.len() == 36) || word.parse::<jiff::Timestamp>().is_ok() {
        return Some(Value::String(word.to_owned()));
    }
    let numeric = word.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    numeric.then(|| word.parse::<serde_json::Number>().ok())?.map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_filters_of_clients_are_understood() {
        let object = json!({
            "displayName": "Bob's app", "appId": "a1", "servicePrincipalNames": ["a1", "api://x"], "accountEnabled": true, "mail": null,
            "createdDateTime": "2026-11-02T08:00:00Z", "keyCredentials": [{ "type": "X" }],
        });
        for (text, expected) in [
            ("displayName eq 'bob''s APP'", true),
            ("startswith(displayName,'Bob')", true),
            ("startsWith(displayName, 'Rob')", false),
            ("servicePrincipalNames/any(c:c eq 'api://x')", true),
            ("servicePrincipalNames/any(c:c eq 'api://y')", false),
            ("servicePrincipalNames/any(c:startswith(c,'api'))", true),
            ("keyCredentials/any(k:k/type eq 'x')", true),
            ("appId eq 'no' or appId eq 'a1'", true),
            ("appId eq 'a1' and displayName eq 'x and y'", false),
            ("appId in ('x', 'A1')", true),
            ("not (appId eq 'a1')", false),
            ("(appId eq 'b' or appId eq 'a1') and accountEnabled eq true", true),
            ("mail eq null and displayName ne null", true),
            ("createdDateTime ge 2026-01-01T00:00:00Z", true),
            ("endswith(displayName,'APP')", true),
        ] {
            assert_eq!(Filter::parse(text).map(|filter| filter.accepts(&object)), Ok(expected), "{text}");
        }
        let deep = format!("{}a eq 1{}", "(".repeat(100), ")".repeat(100));
        let negated = format!("{}a eq 1", "not ".repeat(100));
        for text in [
            "",
            "appId",
            "appId eq a1",
            "appId eq 'a'b'",
            "x/any(c:d eq 'v')",
            "startswith(displayName)",
            "appId eq 'a",
            "(appId eq 'a'",
            "appId eq 'a' or",
            "appId in ()",
            "a//b eq 1",
            &deep,
            &negated,
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}

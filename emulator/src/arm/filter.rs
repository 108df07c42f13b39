//! The `$filter` of ARM's own lists (generic resources, groups): comparisons joined by `and`/`or`, `substringof`, `startswith`.
//! Source: the Resources API's specification; which combinations are refused is what users have reported.

use serde_json::{Map, Value};

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Equals { property: String, value: String, negated: bool },
    SubstringOf { value: String, property: String },
    StartsWith { property: String, value: String },
}

/// A filter: alternatives of conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter(Vec<Vec<Condition>>);

/// What a filter can ask about.
#[derive(Debug, Default)]
pub(super) struct Subject<'a> {
    pub kind: &'a str,
    pub name: &'a str,
    pub location: &'a str,
    pub group: &'a str,
    pub principal_id: &'a str,
    pub tags: Option<&'a Map<String, Value>>,
}

const RESOURCE_PROPERTIES: [&str; 7] =
    ["resourcetype", "name", "location", "resourcegroup", "identity/principalid", "tagname", "tagvalue"];
const GROUP_PROPERTIES: [&str; 2] = ["tagname", "tagvalue"];

impl Filter {
    /// Parses the filter of a list of resources; nothing if it is not one.
    pub(super) fn of_resources(text: &str) -> Option<Self> {
        let filter = Self::parse(text, &RESOURCE_PROPERTIES)?;
        // A tag cannot be asked for together with a type.
        let mentions = |wanted: &[&str]| filter.properties().any(|property| wanted.contains(&property));
        let mixed = mentions(&["tagname", "tagvalue"]) && mentions(&["resourcetype"]);
        (!mixed).then_some(filter)
    }

    /// Parses the filter of a list of groups; nothing if it is not one.
    pub(super) fn of_groups(text: &str) -> Option<Self> {
        Self::parse(text, &GROUP_PROPERTIES)
    }

    /// The one type that it lets through, if it asks for one.
    pub(super) fn only_type(&self) -> Option<&str> {
        let [conditions] = self.0.as_slice() else { return None };
        conditions.iter().find_map(|condition| match condition {
            Condition::Equals { property, value, negated: false } if property == "resourcetype" => Some(value.as_str()),
            _ => None,
        })
    }

    fn parse(text: &str, properties: &[&str]) -> Option<Self> {
        let mut tokens = tokens(text)?.into_iter().peekable();
        let mut alternatives = vec![Vec::new()];
        loop {
            let condition = condition(&mut tokens)?;
            alternatives.last_mut()?.push(condition);
            match tokens.next() {
                None => break,
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("and") => {}
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("or") => alternatives.push(Vec::new()),
                Some(_) => return None,
            }
        }
        let filter = Self(alternatives);
        let known = filter.properties().all(|property| properties.contains(&property));
        known.then_some(filter)
    }

    fn properties(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(|condition| match condition {
            Condition::Equals { property, .. }
            | Condition::SubstringOf { property, .. }
            | Condition::StartsWith { property, .. } => property.as_str(),
        })
    }

    /// Whether it lets a subject through.
    pub(super) fn accepts(&self, subject: &Subject<'_>) -> bool {
        self.0.iter().any(|conditions| {
            let tag_name = conditions.iter().find_map(|condition| match condition {
                Condition::Equals { property, value, negated: false } if property == "tagname" => Some(value.as_str()),
                _ => None,
            });
            conditions.iter().all(|condition| condition.holds(subject, tag_name))
        })
    }
}

impl Condition {
    fn holds(&self, subject: &Subject<'_>, tag_name: Option<&str>) -> bool {
        let value_of = |property: &str| match property {
            "resourcetype" => subject.kind,
            "name" => subject.name,
            "location" => subject.location,
            "resourcegroup" => subject.group,
            "identity/principalid" => subject.principal_id,
            _ => "",
        };
        let tags = || subject.tags.into_iter().flatten();
        let lower = |text: &str| text.to_lowercase();
        match self {
            Self::Equals { property, value, negated } if property == "tagname" => {
                tags().any(|(key, _)| lower(key) == lower(value)) != *negated
            }
            Self::Equals { property, value, negated } if property == "tagvalue" => {
                let of_name = |key: &str| tag_name.is_none_or(|name| lower(name) == lower(key));
                tags().any(|(key, tag)| of_name(key) && tag.as_str() == Some(value)) != *negated
            }
            Self::Equals { property, value, negated } => (lower(value_of(property)) == lower(value)) != *negated,
            Self::SubstringOf { value, property } => lower(value_of(property)).contains(&lower(value)),
            Self::StartsWith { property, value } if property == "tagname" => {
                tags().any(|(key, _)| lower(key).starts_with(&lower(value)))
            }
            Self::StartsWith { property, value } => lower(value_of(property)).starts_with(&lower(value)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// Words, texts in single quotes (doubled inside), and signs.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(&next) = rest.peek() {
        match next {
            _ if next.is_whitespace() => {
                rest.next();
            }
            '(' | ')' | ',' => tokens.extend(rest.next().map(Token::Sign)),
            '\'' => {
                rest.next();
                let mut value = String::new();
                loop {
                    match rest.next()? {
                        '\'' if rest.peek() == Some(&'\'') => value.extend(rest.next()),
                        '\'' => break,
                        other => value.push(other),
                    }
                }
                tokens.push(Token::Text(value));
            }
            _ => {
                let mut word = String::new();
                while let Some(character) = rest.next_if(|next| !next.is_whitespace() && !"(),'".contains(*next)) {
                    word.push(character);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

fn condition(tokens: &mut impl Iterator<Item = Token>) -> Option<Condition> {
    let Token::Word(first) = tokens.next()? else { return None };
    let property = |token: Option<Token>| match token {
        Some(Token::Word(word)) => Some(word.to_ascii_lowercase()),
        _ => None,
    };
    let value = |token: Option<Token>| match token {
        Some(Token::Text(text)) => Some(text),
        _ => None,
    };
    let sign = |tokens: &mut dyn Iterator<Item = Token>, wanted| (tokens.next()? == Token::Sign(wanted)).then_some(());
    if first.eq_ignore_ascii_case("substringof") {
        sign(tokens, '(')?;
        let value = value(tokens.next())?;
        sign(tokens, ',')?;
        let property = property(tokens.next())?;
        sign(tokens, ')')?;
        return Some(Condition::SubstringOf { value, property });
    }
    if first.eq_ignore_ascii_case("startswith") {
        sign(tokens, '(')?;
        let property = property(tokens.next())?;
        sign(tokens, ',')?;
        let value = value(tokens.next())?;
        sign(tokens, ')')?;
        return Some(Condition::StartsWith { property, value });
    }
    let operator = property(tokens.next())?;
    let negated = match operator.as_str() {
        "eq" => false,
        "ne" => true,
        _ => return None,
    };
    Some(Condition::Equals { property: first.to_ascii_lowercase(), value: value(tokens.next())?, negated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_select_as_documented() {
        let tags: Map<String, Value> = serde_json::from_str(r#"{"Env":"prod"}"#).expect("an object");
        let subject = Subject {
            kind: "Microsoft.ContainerRegistry/registries",
            name: "Demo1",
            location: "eastus",
            group: "rg",
            principal_id: "",
            tags: Some(&tags),
        };
        for (text, expected) in [
            ("resourceType eq 'microsoft.containerregistry/Registries'", Some(true)),
            ("resourceType ne 'a/b'", Some(true)),
            ("resourceType eq 'a/b' or name eq 'demo1'", Some(true)),
            ("resourceGroup eq 'rg' and resourceType eq 'a/b'", Some(false)),
            ("substringof('emo', name)", Some(true)),
            ("tagname eq 'env' and tagvalue eq 'prod'", Some(true)),
            ("tagName eq 'env' and tagValue eq 'Prod'", Some(false)),
            ("startswith(tagName, 'en')", Some(true)),
            ("tagName eq 'a' and resourceType eq 'b/c'", None),
            ("nonsense", None),
            ("name eq demo1", None),
            ("name eq 'demo1", None),
            ("name eq 'it''s'", Some(false)),
        ] {
            assert_eq!(Filter::of_resources(text).map(|filter| filter.accepts(&subject)), expected, "{text}");
        }
        assert!(Filter::of_groups("name eq 'x'").is_none());
    }
}

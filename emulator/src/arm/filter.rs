//! The `$filter` of ARM's own lists (generic resources, groups): comparisons, `substringof`, `startswith`, joined by `and`, `or` and
//! parentheses. Source: the Resources API's specification; which combinations are refused is what users have reported. That `ne`
//! is refused for tags, and the functions for all properties but those that the specification names, is inferred.

use serde_json::{Map, Value};

use super::catalog::normal_location;

/// How deep parentheses may be nested, and how many conditions a filter may have: more than any client sends.
const DEPTH: usize = 16;
const CONDITIONS: usize = 100;

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Equals { property: String, value: String, negated: bool },
    SubstringOf { value: String, property: String },
    StartsWith { property: String, value: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expression {
    Is(Condition),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Expression);

/// What a filter can ask about.
#[derive(Debug, Default)]
pub struct Subject<'a> {
    /// The type.
    pub kind: &'a str,
    /// The name.
    pub name: &'a str,
    /// The region.
    pub location: &'a str,
    /// The group.
    pub group: &'a str,
    /// The identity.
    pub identity: Option<&'a Value>,
    /// The plan of something from the marketplace.
    pub plan: Option<&'a Value>,
    /// The tags.
    pub tags: Option<&'a Map<String, Value>>,
}

const RESOURCE_PROPERTIES: [&str; 14] = [
    "resourcetype",
    "name",
    "location",
    "resourcegroup",
    "identity",
    "identity/principalid",
    "plan",
    "plan/publisher",
    "plan/product",
    "plan/name",
    "plan/version",
    "plan/promotioncode",
    "tagname",
    "tagvalue",
];
const TAG_PROPERTIES: [&str; 2] = ["tagname", "tagvalue"];
/// What `substringof` may look into.
const SEARCHED: [&str; 2] = ["name", "resourcegroup"];

impl Filter {
    /// Parses the filter of a list of resources; nothing if it is not one.
    pub fn of_resources(text: &str) -> Option<Self> {
        let filter = Self::parse(text, &RESOURCE_PROPERTIES)?;
        // A tag cannot be asked for together with a type.
        let mentions = |wanted: &[&str]| filter.conditions().iter().any(|condition| wanted.contains(&condition.property()));
        let mixed = mentions(&TAG_PROPERTIES) && mentions(&["resourcetype"]);
        (!mixed).then_some(filter)
    }

    /// Parses the filter of a list of groups; nothing if it is not one.
    pub fn of_groups(text: &str) -> Option<Self> {
        Self::parse(text, &TAG_PROPERTIES)
    }

    /// The one type that it lets through, if it asks for one.
    pub fn only_type(&self) -> Option<&str> {
        let required = match &self.0 {
            Expression::All(required) => required.as_slice(),
            other => std::slice::from_ref(other),
        };
        required.iter().find_map(|expression| match expression {
            Expression::Is(Condition::Equals { property, value, negated: false }) if property == "resourcetype" => {
                Some(value.as_str())
            }
            _ => None,
        })
    }

    fn parse(text: &str, properties: &[&str]) -> Option<Self> {
        let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), conditions: 0 };
        let expression = parser.any(DEPTH)?;
        let filter = parser.tokens.next().is_none().then_some(Self(expression))?;
        filter.conditions().iter().all(|condition| condition.is_allowed(properties)).then_some(filter)
    }

    fn conditions(&self) -> Vec<&Condition> {
        let mut open = vec![&self.0];
        let mut found = Vec::new();
        while let Some(next) = open.pop() {
            match next {
                Expression::Is(condition) => found.push(condition),
                Expression::All(inner) | Expression::Any(inner) => open.extend(inner),
            }
        }
        found
    }

    /// Whether it lets a subject through.
    pub fn accepts(&self, subject: &Subject<'_>) -> bool {
        self.0.holds(subject, None)
    }
}

impl Expression {
    /// `tag` is the tag's name that is asked for in the same breath as a value.
    fn holds(&self, subject: &Subject<'_>, tag: Option<&str>) -> bool {
        match self {
            Self::Is(condition) => condition.holds(subject, tag),
            Self::Any(inner) => inner.iter().any(|expression| expression.holds(subject, tag)),
            Self::All(inner) => {
                let named = inner.iter().find_map(|expression| match expression {
                    Self::Is(Condition::Equals { property, value, .. }) if property == "tagname" => Some(value.as_str()),
                    _ => None,
                });
                inner.iter().all(|expression| expression.holds(subject, named.or(tag)))
            }
        }
    }
}

impl Condition {
    fn property(&self) -> &str {
        match self {
            Self::Equals { property, .. } | Self::SubstringOf { property, .. } | Self::StartsWith { property, .. } => property,
        }
    }

    fn is_allowed(&self, properties: &[&str]) -> bool {
        let property = self.property();
        let fits = match self {
            Self::Equals { negated, .. } => !(*negated && TAG_PROPERTIES.contains(&property)),
            Self::SubstringOf { .. } => SEARCHED.contains(&property),
            Self::StartsWith { .. } => property == "tagname",
        };
        fits && properties.contains(&property)
    }

    fn holds(&self, subject: &Subject<'_>, tag: Option<&str>) -> bool {
        let lower = |text: &str| text.to_lowercase();
        let tags = || subject.tags.into_iter().flatten();
        match self {
            Self::Equals { property, value, .. } if property == "tagname" => tags().any(|(key, _)| lower(key) == lower(value)),
            Self::Equals { property, value, .. } if property == "tagvalue" => {
                let of_name = |key: &str| tag.is_none_or(|name| lower(name) == lower(key));
                tags().any(|(key, tag)| of_name(key) && tag.as_str() == Some(value))
            }
            Self::Equals { property, value, negated } => (lower(subject.value(property)) == lower(value)) != *negated,
            Self::SubstringOf { value, property } => lower(subject.value(property)).contains(&lower(value)),
            Self::StartsWith { value, .. } => tags().any(|(key, _)| lower(key).starts_with(&lower(value))),
        }
    }
}

impl Subject<'_> {
    fn value(&self, property: &str) -> &str {
        match property {
            "resourcetype" => self.kind,
            "name" => self.name,
            "location" => self.location,
            "resourcegroup" => self.group,
            "identity" => member(self.identity, "type"),
            "identity/principalid" => member(self.identity, "principalId"),
            "plan" | "plan/name" => member(self.plan, "name"),
            "plan/publisher" => member(self.plan, "publisher"),
            "plan/product" => member(self.plan, "product"),
            "plan/version" => member(self.plan, "version"),
            "plan/promotioncode" => member(self.plan, "promotionCode"),
            _ => "",
        }
    }
}

fn member<'a>(object: Option<&'a Value>, key: &str) -> &'a str {
    object.and_then(|object| object.get(key)).and_then(Value::as_str).unwrap_or_default()
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

struct Parser<Tokens: Iterator<Item = Token>> {
    tokens: std::iter::Peekable<Tokens>,
    conditions: usize,
}

impl<Tokens: Iterator<Item = Token>> Parser<Tokens> {
    /// `and` binds more tightly than `or`.
    fn any(&mut self, depth: usize) -> Option<Expression> {
        let mut alternatives = vec![self.all(depth)?];
        while self.take_word("or") {
            alternatives.push(self.all(depth)?);
        }
        Some(if alternatives.len() == 1 { alternatives.remove(0) } else { Expression::Any(alternatives) })
    }

    fn all(&mut self, depth: usize) -> Option<Expression> {
        let mut required = vec![self.one(depth)?];
        while self.take_word("and") {
            required.push(self.one(depth)?);
        }
        Some(if required.len() == 1 { required.remove(0) } else { Expression::All(required) })
    }

    fn one(&mut self, depth: usize) -> Option<Expression> {
        if self.tokens.next_if_eq(&Token::Sign('(')).is_some() {
            let inner = self.any(depth.checked_sub(1)?)?;
            return self.sign(')').map(|()| inner);
        }
        self.conditions += 1;
        (self.conditions <= CONDITIONS).then_some(())?;
        self.condition().map(Expression::Is)
    }

    fn condition(&mut self) -> Option<Condition> {
        let first = self.word()?;
        match first.as_str() {
            "substringof" => {
                self.sign('(')?;
                let value = self.text()?;
                self.sign(',')?;
                let property = self.word()?;
                self.sign(')')?;
                Some(Condition::SubstringOf { value, property })
            }
            "startswith" => {
                self.sign('(')?;
                let property = self.word()?;
                self.sign(',')?;
                let value = self.text()?;
                self.sign(')')?;
                Some(Condition::StartsWith { property, value })
            }
            _ => {
                let negated = match self.word()?.as_str() {
                    "eq" => false,
                    "ne" => true,
                    _ => return None,
                };
                let value = self.text()?;
                // A region is written in any way wherever it is written (that this holds of filters too is inferred).
                let value = if first == "location" { normal_location(&value) } else { value };
                Some(Condition::Equals { property: first, value, negated })
            }
        }
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(wanted))).is_some()
    }

    fn word(&mut self) -> Option<String> {
        match self.tokens.next()? {
            Token::Word(word) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<String> {
        match self.tokens.next()? {
            Token::Text(text) => Some(text),
            _ => None,
        }
    }

    fn sign(&mut self, wanted: char) -> Option<()> {
        (self.tokens.next()? == Token::Sign(wanted)).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_select_as_documented() {
        let tags: Map<String, Value> = serde_json::from_str(r#"{"Env":"prod"}"#).expect("an object");
        let plan = serde_json::json!({ "publisher": "Contoso" });
        let subject = Subject {
            kind: "Microsoft.ContainerRegistry/registries",
            name: "Demo1",
            location: "eastus",
            group: "rg",
            plan: Some(&plan),
            tags: Some(&tags),
            ..Subject::default()
        };
        for (text, expected) in [
            ("resourceType eq 'microsoft.containerregistry/Registries'", Some(true)),
            ("resourceType ne 'a/b'", Some(true)),
            ("resourceType eq 'a/b' or name eq 'demo1'", Some(true)),
            ("resourceGroup eq 'rg' and resourceType eq 'a/b'", Some(false)),
            ("(resourceType eq 'a/b' or name eq 'demo1') and location eq 'westus'", Some(false)),
            ("plan/publisher eq 'contoso' and identity/principalId ne 'x'", Some(true)),
            ("substringof('emo', name)", Some(true)),
            ("substringof('emo', location)", None),
            ("tagname eq 'env' and tagvalue eq 'prod'", Some(true)),
            ("tagName eq 'env' and tagValue eq 'Prod'", Some(false)),
            ("tagName ne 'env'", None),
            ("startswith(tagName, 'en')", Some(true)),
            ("startswith(name, 'De')", None),
            ("tagName eq 'a' and resourceType eq 'b/c'", None),
            ("nonsense", None),
            ("", None),
            ("()", None),
            ("(name eq 'x'", None),
            ("name eq 'x')", None),
            ("name eq demo1", None),
            ("name eq 'demo1", None),
            ("name eq 'x' and", None),
            ("name eq 'it''s'", Some(false)),
        ] {
            assert_eq!(Filter::of_resources(text).map(|filter| filter.accepts(&subject)), expected, "{text}");
        }
        assert!(Filter::of_groups("name eq 'x'").is_none());
        let deep = format!("{}name eq 'x'{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(Filter::of_resources(&deep).is_none());
    }
}

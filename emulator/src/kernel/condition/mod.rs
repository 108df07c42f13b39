//! Conditions of role assignments, version 2.0: `@Request[…:name] StringStartsWith 'team/'`, joined and negated.
//!
//! A condition is read once, when its assignment is made, and evaluated on each call that the assignment could allow.
//! Source: Azure RBAC's documentation ("Azure role assignment condition format and syntax", "Authorization actions and
//! attributes", "Delegate Azure role assignment management"). Inferred: AND and OR side by side without parentheses are refused;
//! a comparison with an attribute that is missing is false, also a negated one (the published samples always guard it).

mod evaluate;
mod lexer;
mod parser;
mod validate;

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

pub use validate::{PRINCIPAL_ID, PRINCIPAL_TYPE, REPOSITORY_NAME, ROLE_DEFINITION_ID};

/// A condition may have so many bytes.
pub const LENGTH_AT_MOST: usize = 8 * 1024;
/// The only version.
pub const VERSION: &str = "2.0";

/// A condition that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    text: String,
    root: Expression,
}

/// Why a text is no condition, or none for a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error("the condition is not well formed at byte {at}: {why}")]
    Malformed {
        /// Where.
        at: usize,
        /// What was wrong.
        why: &'static str,
    },
    /// It names an attribute that does not exist.
    #[error("{source_name} attribute {name} is not valid")]
    UnknownAttribute {
        /// `Request`, `Resource`, …
        source_name: &'static str,
        /// The attribute.
        name: String,
    },
    /// The role grants nothing that conditions can narrow.
    #[error("no action of the role supports conditions")]
    RoleWithoutSupport,
}

impl Condition {
    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > LENGTH_AT_MOST {
            return Err(Fault::Malformed { at: LENGTH_AT_MOST, why: "a condition has at most 8192 bytes" });
        }
        let root = parser::parse(lexer::tokens(text)?)?;
        Ok(Self { text: text.to_owned(), root })
    }

    /// The condition as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The condition in one plain spelling.
    pub fn normal(&self) -> String {
        self.root.to_string()
    }

    /// Whether it holds.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        self.root.holds(facts)
    }
}

/// Where an attribute comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What is asked for.
    Request,
    /// What it is asked of.
    Resource,
    /// Who asks.
    Principal,
    /// The circumstances.
    Environment,
}

impl Source {
    const ALL: [Self; 4] = [Self::Request, Self::Resource, Self::Principal, Self::Environment];

    fn as_str(self) -> &'static str {
        match self {
            Self::Request => "Request",
            Self::Resource => "Resource",
            Self::Principal => "Principal",
            Self::Environment => "Environment",
        }
    }
}

/// An attribute, by its source and name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    source: Source,
    name: String,
}

/// A value, of an attribute or written in a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Flag(bool),
    /// A GUID.
    Guid(Uuid),
    /// A time.
    Time(Timestamp),
}

/// An attribute's values, told to those conditions that ask for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Where it comes from.
    pub source: Source,
    /// Its name, `Namespace/type:attribute`.
    pub name: &'static str,
    /// Its values; one that has none is as good as missing.
    pub values: Vec<Value>,
}

impl Fact {
    /// An attribute of the request.
    pub fn request(name: &'static str, value: Value) -> Self {
        Self { source: Source::Request, name, values: vec![value] }
    }

    /// An attribute of the resource.
    pub fn resource(name: &'static str, value: Value) -> Self {
        Self { source: Source::Resource, name, values: vec![value] }
    }
}

/// What a condition is evaluated against.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The action.
    pub action: &'a str,
    /// The time.
    pub now: Timestamp,
    /// The attributes that are known.
    pub given: &'a [Fact],
}

/// The parts that a condition is built of.
#[derive(Clone, Debug, PartialEq)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    ActionMatches(String),
    SubOperationMatches(String),
    Exists(Attribute),
    Comparison { left: Attribute, quantity: Option<Quantity>, operator: Operator, right: Operand },
}

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Attribute(Attribute),
    Values(Vec<Value>),
}

/// `For{All|Any}Of{All|Any}Values`: of the left values, then of the right ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quantity {
    all_left: bool,
    all_right: bool,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operator {
    family: Family,
    relation: Relation,
    negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Text { ignore_case: bool },
    Number,
    Flag,
    Time,
    Guid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equals,
    StartsWith,
    Like,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

impl fmt::Display for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "@{}[{}]", self.source.as_str(), self.name)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "'{}'", text.replace('\'', "\\'")),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Flag(flag) => write!(formatter, "{flag}"),
            Self::Guid(guid) => write!(formatter, "{guid}"),
            Self::Time(at) => write!(formatter, "'{at}'"),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, ending) = match self.family {
            Family::Text { ignore_case } => ("String", if ignore_case { "IgnoreCase" } else { "" }),
            Family::Number => ("Numeric", ""),
            Family::Flag => ("Bool", ""),
            Family::Time => ("DateTime", ""),
            Family::Guid => ("Guid", ""),
        };
        let not = if self.negated { "Not" } else { "" };
        write!(formatter, "{family}{not}{:?}{ending}", self.relation)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |formatter: &mut fmt::Formatter<'_>, parts: &[Expression], word: &str| {
            let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            write!(formatter, "({})", parts.join(word))
        };
        match self {
            Self::All(parts) => joined(formatter, parts, " AND "),
            Self::Any(parts) => joined(formatter, parts, " OR "),
            Self::Not(inner) => write!(formatter, "!({inner})"),
            Self::ActionMatches(pattern) => write!(formatter, "ActionMatches{{{}}}", Value::Text(pattern.clone())),
            Self::SubOperationMatches(name) => write!(formatter, "SubOperationMatches{{{}}}", Value::Text(name.clone())),
            Self::Exists(attribute) => write!(formatter, "Exists {attribute}"),
            Self::Comparison { left, quantity, operator, right } => {
                write!(formatter, "{left} ")?;
                if let Some(Quantity { all_left, all_right }) = quantity {
                    let word = |all: bool| if all { "All" } else { "Any" };
                    write!(formatter, "For{}Of{}Values:", word(*all_left), word(*all_right))?;
                }
                match right {
                    Operand::Attribute(attribute) => write!(formatter, "{operator} {attribute}"),
                    Operand::Values(values) if quantity.is_some() => {
                        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                        write!(formatter, "{operator} {{{}}}", values.join(", "))
                    }
                    Operand::Values(values) => match values.first() {
                        Some(value) => write!(formatter, "{operator} {value}"),
                        None => write!(formatter, "{operator} {{}}"),
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]";

    fn holds(text: &str, given: &[Fact]) -> bool {
        let condition = Condition::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let again = Condition::parse(&condition.normal()).expect("its plain spelling");
        assert_eq!(again.root, condition.root, "{text} reads the same again");
        condition.holds(&Facts { action: "Microsoft.A/b/read", now: "2026-11-02T08:00:00Z".parse().expect("a time"), given })
    }

    fn named(name: &str) -> Vec<Fact> {
        vec![Fact::request(REPOSITORY_NAME, Value::Text(name.into()))]
    }

    #[test]
    fn texts_compare_as_documented() {
        for (operator, value, name, expected) in [
            ("StringEquals", "team/app", "team/app", true),
            ("StringEquals", "team/app", "Team/App", false),
            ("StringEqualsIgnoreCase", "TEAM/app", "team/APP", true),
            ("stringnotequals", "team/app", "other", true),
            ("StringStartsWith", "team/", "team/app", true),
            ("StringStartsWith", "team", "teams", true),
            ("StringStartsWithIgnoreCase", "TEAM/", "team/app", true),
            ("StringNotStartsWith", "team/", "team/app", false),
            ("StringLike", "team/*", "team/a/b", true),
            ("StringLike", "t?am", "team", true),
            ("StringLike", "t?am", "tm", false),
            ("StringLike", "a\\*b", "a*b", true),
            ("StringLike", "a\\*b", "axb", false),
            ("StringLike", "*a*b*", "xxaxxbxx", true),
            ("StringNotLikeIgnoreCase", "TEAM/*", "team/x", false),
        ] {
            assert_eq!(holds(&format!("{NAME} {operator} '{value}'"), &named(name)), expected, "{name} {operator} {value}");
        }
    }

    #[test]
    fn quantities_compare_each_with_each() {
        let numbers = |values: &[i64]| {
            let values = values.iter().map(|number| Value::Number(*number)).collect();
            vec![Fact { source: Source::Request, name: "N/t:size", values }]
        };
        for (quantity, left, right, expected) in [
            ("ForAnyOfAnyValues:NumericEquals", [10, 20], "{20, 30}", true),
            ("ForAllOfAnyValues:NumericEquals", [10, 20], "{20, 30}", false),
            ("ForAnyOfAllValues:NumericLessThan", [10, 20], "{15, 18}", true),
            ("ForAllOfAllValues:NumericLessThan", [10, 20], "{15, 25, 30}", false),
            ("ForAllOfAllValues:NumericLessThan", [10, 11], "{15, 25, 30}", true),
            ("ForAllOfAnyValues:NumericLessThan", [10, 20], "{15, 25, 30}", true),
        ] {
            assert_eq!(holds(&format!("@Request[N/t:size] {quantity} {right}"), &numbers(&left)), expected, "{quantity} {right}");
        }
    }

    #[test]
    fn other_kinds_compare_too() {
        for (text, expected) in [
            ("@Environment[UtcNow] DateTimeGreaterThan '2026-01-01T00:00:00.0Z'", true),
            ("@Environment[UtcNow] DateTimeLessThanEquals '2026-01-01T00:00:00.0000000Z'", false),
            ("@Environment[isPrivateLink] BoolEquals true", false),
            ("NOT @Environment[isPrivateLink] BoolEquals true", true),
            ("!(ActionMatches{'Microsoft.A/*/read'})", false),
            ("ActionMatches{'microsoft.a/B/Read'} && !SubOperationMatches{'Blob.List'}", true),
            ("(ActionMatches{'x/y'} OR ActionMatches{'*'}) AND ActionMatches{'Microsoft.A/*'}", true),
        ] {
            assert_eq!(holds(text, &[]), expected, "{text}");
        }
        let guid = Uuid::from_u128(7);
        let role = [Fact::request(ROLE_DEFINITION_ID, Value::Guid(guid))];
        let attribute = format!("@Request[{ROLE_DEFINITION_ID}]");
        assert!(holds(&format!("{attribute} ForAnyOfAnyValues:GuidEquals {{{guid}, {}}}", Uuid::nil()), &role));
        assert!(!holds(&format!("{attribute} ForAnyOfAllValues:GuidNotEquals {{{guid}}}"), &role));
    }

    #[test]
    fn what_is_missing_compares_as_false() {
        for (text, expected) in [
            (format!("{NAME} StringEquals 'a'"), false),
            (format!("{NAME} StringNotEquals 'a'"), false),
            (format!("Exists {NAME}"), false),
            (format!("NOT Exists {NAME} OR {NAME} StringNotEquals 'a'"), true),
        ] {
            assert_eq!(holds(&text, &[]), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        let deep = format!("{}ActionMatches{{'a'}}{}", "(".repeat(2000), ")".repeat(2000));
        for text in [
            "",
            "()",
            "true",
            "ActionMatches{'a'} AND ActionMatches{'b'} OR ActionMatches{'c'}",
            "ActionMatches{'a'",
            "ActionMatches('a')",
            "ActionMatches{'a'} ActionMatches{'b'}",
            "@Request[a:b] StringEquals",
            "@Request[a:b] StringEquals {'a', 'b'}",
            "@Request[a:b] ForAnyOfAnyValues:StringEquals {}",
            "@Request[a:b] ForAnyOfAnyValues:StringStartsWith {'a'}",
            "@Request[a:b] ForSomeOfAnyValues:StringEquals {'a'}",
            "@Request[a:b] StringMatches 'a'",
            "@Request[a:b] NumericEquals 'a'",
            "@Request[a:b] NumericNotLessThan 1",
            "@Somewhere[a:b] StringEquals 'a'",
            "@Request[] StringEquals 'a'",
            "'a' StringEquals 'a'",
            "@Request[a:b] StringEquals 'a",
            "§",
            &deep,
            &"!".repeat(5000),
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
    }
}

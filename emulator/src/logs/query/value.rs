//! Values and their types.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::kernel::clock::rfc3339_ticks;

/// A type of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `long`.
    Long,
    /// `real`.
    Real,
    /// `string`.
    String,
    /// `datetime`.
    DateTime,
    /// `timespan`.
    TimeSpan,
    /// `dynamic`.
    Dynamic,
}

impl Type {
    /// A type by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int" => Self::Int,
            "long" => Self::Long,
            "real" => Self::Real,
            "string" => Self::String,
            "datetime" => Self::DateTime,
            "timespan" => Self::TimeSpan,
            "dynamic" => Self::Dynamic,
            _ => return None,
        })
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Long => "long",
            Self::Real => "real",
            Self::String => "string",
            Self::DateTime => "datetime",
            Self::TimeSpan => "timespan",
            Self::Dynamic => "dynamic",
        }
    }

    /// Whether it is a number.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Long | Self::Real)
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// None.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// A time.
    Time(Timestamp),
    /// A span, in ticks of 100 nanoseconds.
    Span(i64),
    /// JSON.
    Dynamic(Json),
}

impl Value {
    /// A cell of a row, as its column's type says. An absent text is empty, as the service stores it.
    pub fn of_cell(cell: Option<&Json>, kind: Type) -> Self {
        match (kind, cell) {
            (Type::String, None | Some(Json::Null)) => Self::Text(String::new()),
            (_, None | Some(Json::Null)) => Self::Null,
            (Type::String, Some(Json::String(text))) => Self::Text(text.clone()),
            (Type::String, Some(other)) => Self::Text(other.to_string()),
            (Type::DateTime, Some(Json::String(text))) => text.parse().map_or(Self::Null, Self::Time),
            (Type::Int | Type::Long, Some(number)) => number.as_i64().map_or(Self::Null, Self::Long),
            (Type::Real, Some(number)) => number.as_f64().map_or(Self::Null, Self::Real),
            (Type::Bool, Some(value)) => value.as_bool().map_or(Self::Null, Self::Bool),
            (_, Some(value)) => Self::Dynamic(value.clone()),
        }
    }

    /// A value inside JSON, with JSON's own type.
    pub fn of_json(json: Option<&Json>) -> Self {
        match json {
            None | Some(Json::Null) => Self::Null,
            Some(value) => Self::Dynamic(value.clone()),
        }
    }

    /// As answers write it: JSON inside a text, times and spans as texts.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => json!(value),
            Self::Long(value) => json!(value),
            Self::Real(value) => json!(value),
            Self::Text(text) => json!(text),
            Self::Time(at) => json!(time(*at)),
            Self::Span(ticks) => json!(span(*ticks)),
            Self::Dynamic(Json::String(text)) => json!(text),
            Self::Dynamic(value) => json!(value.to_string()),
        }
    }

    /// Inside of JSON.
    pub fn into_dynamic(self) -> Json {
        match self {
            Self::Dynamic(value) => value,
            other => other.to_json(),
        }
    }

    /// As a text.
    pub fn text(&self) -> String {
        match self.to_json() {
            Json::Null => String::new(),
            Json::String(text) => text,
            Json::Bool(value) => if value { "True" } else { "False" }.to_owned(),
            other => other.to_string(),
        }
    }

    /// As a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "numbers of one another are compared as reals")]
            Self::Long(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            Self::Dynamic(value) => value.as_f64(),
            _ => None,
        }
    }

    /// How two values stand to each other; nothing if they cannot be compared.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Long(one), Self::Long(other)) | (Self::Span(one), Self::Span(other)) => Some(one.cmp(other)),
            (Self::Time(one), Self::Time(other)) => Some(one.cmp(other)),
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(other)),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Text(one), Self::Dynamic(Json::String(other))) => Some(one.as_str().cmp(other)),
            (Self::Dynamic(Json::String(one)), Self::Text(other)) => Some(one.as_str().cmp(other)),
            (Self::Dynamic(Json::String(one)), Self::Dynamic(Json::String(other))) => Some(one.cmp(other)),
            (Self::Dynamic(Json::Bool(one)), Self::Bool(other)) | (Self::Bool(one), Self::Dynamic(Json::Bool(other))) => {
                Some(one.cmp(other))
            }
            (one, other) => one.number()?.partial_cmp(&other.number()?),
        }
    }

    /// The order of a sort: nothing comes before everything.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            _ => self.compare(other).unwrap_or_else(|| self.text().cmp(&other.text())),
        }
    }
}

/// A time as answers write it: decimals only as many as say something.
fn time(at: Timestamp) -> String {
    let text = rfc3339_ticks(at);
    let trimmed = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{trimmed}Z")
}

/// `[-][d.]hh:mm:ss[.fffffff]`.
fn span(ticks: i64) -> String {
    let sign = if ticks < 0 { "-" } else { "" };
    let all = ticks.unsigned_abs();
    let (seconds, rest) = (all / 10_000_000, all % 10_000_000);
    let (days, day) = (seconds / 86_400, seconds % 86_400);
    let days = if days > 0 { format!("{days}.") } else { String::new() };
    let rest = if rest > 0 { format!(".{rest:07}") } else { String::new() };
    format!("{sign}{days}{:02}:{:02}:{:02}{rest}", day / 3600, day / 60 % 60, day % 60)
}

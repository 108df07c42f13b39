//! Comparisons, arithmetic and functions of single values.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::super::Fault;
use super::super::value::{Type, Value};

/// A text is never longer: what is put together beyond that is cut, as the language's reference of `string` says.
const LONGEST_TEXT: usize = 1024 * 1024;

/// Whether a condition holds: nothing is no.
pub(super) fn truth(value: &Value) -> bool {
    matches!(value, Value::Bool(true) | Value::Dynamic(Json::Bool(true)))
}

/// A literal that has a word before it: `datetime(…)`, `timespan(…)`, `guid(…)`, `dynamic(…)`.
pub fn literal(word: &str, inside: &str) -> Option<Value> {
    let bare = inside.trim_matches(|quote| quote == '"' || quote == '\'');
    match word {
        _ if inside == "null" => Some(Value::Null),
        "datetime" => time(bare).map(Value::Time),
        "timespan" | "time" => span(bare).map(Value::Span),
        "guid" => uuid::Uuid::try_parse(bare).ok().map(|guid| Value::Text(guid.to_string())),
        "dynamic" => serde_json::from_str(inside).ok().map(Value::Dynamic),
        _ => None,
    }
}

/// A time as people write it: with or without a time of day, seconds, a zone.
fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let bare = text.trim_end_matches('Z').replace(' ', "T");
    let civil: Option<jiff::civil::DateTime> = bare
        .parse()
        .ok()
        .or_else(|| bare.parse::<jiff::civil::Date>().ok().map(|date| date.to_datetime(jiff::civil::Time::midnight())));
    jiff::tz::TimeZone::UTC.to_timestamp(civil?).ok()
}

/// `1d`, `1.02:03:04.5`, `00:05:00`.
fn span(text: &str) -> Option<i64> {
    if let Ok(tokens) = super::super::lexer::tokens(text)
        && let [only] = tokens.as_slice()
        && let super::super::lexer::Token::Span(ticks) = only.token
    {
        return Some(ticks);
    }
    let (days, clock) = match text.split_once(':').and(text.split_once('.')) {
        Some((days, clock)) if clock.contains(':') => (days.parse().ok()?, clock),
        _ => (0_i64, text),
    };
    let mut parts = clock.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |seconds| seconds.parse().ok())?;
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a minute")]
    let ticks = (seconds * 10_000_000.0) as i64;
    let whole = days.checked_mul(24)?.checked_add(hours)?.checked_mul(60)?.checked_add(minutes)?;
    whole.checked_mul(600_000_000)?.checked_add(ticks)
}

/// Refuses to compare what cannot be compared.
pub(super) fn comparable(one: Type, other: Type) -> Result<(), Fault> {
    let fits = one == other || one == Type::Dynamic || other == Type::Dynamic || (one.is_number() && other.is_number());
    if fits {
        return Ok(());
    }
    let message = format!("Cannot compare values of types {} and {}. Try adding explicit casts", one.as_str(), other.as_str());
    Err(Fault::Semantic("SEM0064", message))
}

pub(super) fn type_of_both(left: Type, sign: &str, right: Type) -> Result<Type, Fault> {
    match sign {
        "or" | "and" => Ok(Type::Bool),
        "=~" | "!~" => Ok(Type::Bool),
        "==" | "!=" | "<" | ">" | "<=" | ">=" => comparable(left, right).map(|()| Type::Bool),
        _ => {
            let kind = match (left, sign, right) {
                (Type::DateTime, "-", Type::DateTime) => Some(Type::TimeSpan),
                (Type::DateTime, "+" | "-", Type::TimeSpan) | (Type::TimeSpan, "+", Type::DateTime) => Some(Type::DateTime),
                (Type::TimeSpan, "+" | "-", Type::TimeSpan) => Some(Type::TimeSpan),
                (Type::TimeSpan, "/", Type::TimeSpan) => Some(Type::Real),
                (Type::TimeSpan, "*" | "/", other) | (other, "*", Type::TimeSpan) if other.is_number() => Some(Type::TimeSpan),
                (Type::Real, _, other) | (other, _, Type::Real) if other.is_number() => Some(Type::Real),
                (one, _, other) if one.is_number() && other.is_number() => Some(Type::Long),
                (Type::Dynamic, _, other) | (other, _, Type::Dynamic) => {
                    Some(if other == Type::Dynamic { Type::Real } else { other })
                }
                _ => None,
            };
            kind.ok_or_else(|| {
                let message =
                    format!("Arithmetic expression cannot be carried-out between {} and {} types", left.as_str(), right.as_str());
                Fault::Semantic("SEM0023", message)
            })
        }
    }
}

/// A sign between two values; the right one is only looked at if it matters.
pub(super) fn both(left: Value, sign: &str, right: impl FnOnce() -> Value) -> Value {
    match sign {
        "or" => return Value::Bool(truth(&left) || truth(&right())),
        "and" => return Value::Bool(truth(&left) && truth(&right())),
        _ => {}
    }
    let right = right();
    let order = || left.compare(&right);
    match sign {
        "==" => Value::Bool(order() == Some(Ordering::Equal)),
        "!=" => Value::Bool(order() != Some(Ordering::Equal)),
        "<" => Value::Bool(order() == Some(Ordering::Less)),
        ">" => Value::Bool(order() == Some(Ordering::Greater)),
        "<=" => Value::Bool(order().is_some_and(Ordering::is_le)),
        ">=" => Value::Bool(order().is_some_and(Ordering::is_ge)),
        "=~" => Value::Bool(left.text().to_lowercase() == right.text().to_lowercase()),
        "!~" => Value::Bool(left.text().to_lowercase() != right.text().to_lowercase()),
        _ => arithmetic(&left, sign, &right),
    }
}

fn arithmetic(left: &Value, sign: &str, right: &Value) -> Value {
    let shifted = |at: &Timestamp, ticks: i64| {
        let span = SignedDuration::from_nanos(ticks.saturating_mul(100));
        at.checked_add(span).map_or(Value::Null, Value::Time)
    };
    match (left, sign, right) {
        (Value::Time(one), "-", Value::Time(other)) => {
            let ticks = one.duration_since(*other).as_nanos() / 100;
            Value::Span(i64::try_from(ticks).unwrap_or(i64::MAX))
        }
        (Value::Time(at), "+", Value::Span(ticks)) | (Value::Span(ticks), "+", Value::Time(at)) => shifted(at, *ticks),
        (Value::Time(at), "-", Value::Span(ticks)) => shifted(at, ticks.saturating_neg()),
        (Value::Span(one), "+", Value::Span(other)) => Value::Span(one.saturating_add(*other)),
        (Value::Span(one), "-", Value::Span(other)) => Value::Span(one.saturating_sub(*other)),
        (Value::Span(ticks), "*", Value::Long(times)) | (Value::Long(times), "*", Value::Span(ticks)) => {
            Value::Span(ticks.saturating_mul(*times))
        }
        (Value::Span(ticks), "/", Value::Long(parts)) => ticks.checked_div(*parts).map_or(Value::Null, Value::Span),
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        (Value::Span(one), "/", Value::Span(other)) => Value::Real(*one as f64 / *other as f64),
        (Value::Long(one), _, Value::Long(other)) => {
            let result = match sign {
                "+" => one.checked_add(*other),
                "-" => one.checked_sub(*other),
                "*" => one.checked_mul(*other),
                _ => one.checked_div(*other),
            };
            result.map_or(Value::Null, Value::Long)
        }
        _ => match (left.number(), right.number()) {
            (Some(one), Some(other)) => Value::Real(match sign {
                "+" => one + other,
                "-" => one - other,
                "*" => one * other,
                _ => one / other,
            }),
            _ => Value::Null,
        },
    }
}

/// `contains`, `has` and their like. A word of `has` is a run of letters and digits.
pub(super) fn compare_texts(left: &str, word: &str, right: &str) -> bool {
    let (negated, word) = word.strip_prefix('!').map_or((false, word), |word| (true, word));
    if word == "matches regex" {
        return regex_lite::Regex::new(right).is_ok_and(|pattern| pattern.is_match(left));
    }
    let (word, exact) = word.strip_suffix("_cs").map_or((word, false), |word| (word, true));
    let fold = |text: &str| if exact { text.to_owned() } else { text.to_lowercase() };
    let (left, right) = (fold(left), fold(right));
    let holds = match word {
        "contains" => left.contains(&right),
        "startswith" => left.starts_with(&right),
        "endswith" => left.ends_with(&right),
        "hasprefix" => word_starts(&left).any(|at| left[at..].starts_with(&right)),
        "hassuffix" => left.match_indices(&right).any(|(at, _)| ends_word(&left, at + right.len())),
        _ => has_word(&left, &right),
    };
    holds != negated
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric()
}

fn starts_word(text: &str, at: usize) -> bool {
    !text[..at].ends_with(is_word)
}

fn ends_word(text: &str, at: usize) -> bool {
    !text[at..].starts_with(is_word)
}

fn word_starts(text: &str) -> impl Iterator<Item = usize> {
    text.char_indices().map(|(at, _)| at).filter(|at| starts_word(text, *at))
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| starts_word(text, at) && ends_word(text, at + word.len()))
}

/// `in` and its like; a list may be one value that is a list.
pub(super) fn among(value: &Value, word: &str, list: &[Value]) -> bool {
    let flat: Vec<Value> = list
        .iter()
        .flat_map(|item| match item {
            Value::Dynamic(Json::Array(items)) => items.iter().map(|item| Value::of_json(Some(item))).collect(),
            other => vec![other.clone()],
        })
        .collect();
    let text = || value.text().to_lowercase();
    match word {
        "in" | "!in" => flat.iter().any(|item| value.compare(item) == Some(Ordering::Equal)) != (word == "!in"),
        "in~" | "!in~" => flat.iter().any(|item| item.text().to_lowercase() == text()) != (word == "!in~"),
        "has_any" => flat.iter().any(|item| has_word(&text(), &item.text().to_lowercase())),
        _ => flat.iter().all(|item| has_word(&text(), &item.text().to_lowercase())),
    }
}

/// An element of an array; from its end if the place is negative.
pub(super) fn element(json: &Json, at: i64) -> Value {
    let Some(items) = json.as_array() else { return Value::Null };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let place = if at < 0 { length.saturating_add(at) } else { at };
    Value::of_json(usize::try_from(place).ok().and_then(|place| items.get(place)))
}

/// A function: how many arguments it takes, and its type.
pub(super) fn type_of_call(name: &str, arguments: &[Type]) -> Result<Type, Fault> {
    let first = arguments.first().copied().unwrap_or(Type::Dynamic);
    let (least, most, kind) = match name {
        "ago" => (1, 1, Type::DateTime),
        "now" => (0, 1, Type::DateTime),
        "startofday" => (1, 1, Type::DateTime),
        "todatetime" => (1, 1, Type::DateTime),
        "totimespan" => (1, 1, Type::TimeSpan),
        "tostring" | "tolower" | "toupper" => (1, 1, Type::String),
        "strcat" => (1, 64, Type::String),
        "substring" => (2, 3, Type::String),
        "strlen" | "tolong" | "toint" | "array_length" => (1, 1, Type::Long),
        "todouble" | "toreal" => (1, 1, Type::Real),
        "tobool" | "isempty" | "isnotempty" | "isnull" | "isnotnull" => (1, 1, Type::Bool),
        "parse_json" | "todynamic" => (1, 1, Type::Dynamic),
        "split" => (2, 2, Type::Dynamic),
        "bin" | "floor" => (2, 2, first),
        "iff" | "iif" => (3, 3, arguments.get(1).copied().unwrap_or(Type::Dynamic)),
        "coalesce" => (2, 64, first),
        _ => return Err(Fault::Semantic("SEM0260", format!("Unknown function: '{name}'."))),
    };
    if (least..=most).contains(&arguments.len()) {
        return Ok(kind);
    }
    let message = format!("{name}(): function expects {least} to {most} argument(s), and got {}.", arguments.len());
    Err(Fault::Semantic("SEM0219", message))
}

/// Texts one behind the other, cut where the language's texts end.
fn joined(values: &[Value]) -> String {
    let mut whole = String::new();
    for value in values {
        whole.push_str(&value.text());
        if whole.len() > LONGEST_TEXT {
            whole.truncate(whole.floor_char_boundary(LONGEST_TEXT));
            break;
        }
    }
    whole
}

/// The value of a function.
pub(super) fn call(name: &str, values: &[Value], now: Timestamp) -> Value {
    let first = values.first().cloned().unwrap_or(Value::Null);
    match (name, &first) {
        ("ago", Value::Span(_)) => arithmetic(&Value::Time(now), "-", &first),
        ("now", Value::Span(_)) => arithmetic(&Value::Time(now), "+", &first),
        ("now", _) => Value::Time(now),
        ("startofday", Value::Time(at)) => Value::Time(super::day(*at)),
        ("todatetime", Value::Time(_)) | ("totimespan", Value::Span(_)) => first,
        ("todatetime", other) => time(&other.text()).map_or(Value::Null, Value::Time),
        ("totimespan", other) => span(&other.text()).map_or(Value::Null, Value::Span),
        ("tostring", other) => Value::Text(other.text()),
        ("tolower", other) => Value::Text(other.text().to_lowercase()),
        ("toupper", other) => Value::Text(other.text().to_uppercase()),
        ("strcat", _) => Value::Text(joined(values)),
        ("substring", other) => Value::Text(substring(&other.text(), values.get(1), values.get(2))),
        ("strlen", other) => long(other.text().chars().count()),
        ("array_length", Value::Dynamic(Json::Array(items))) => long(items.len()),
        #[expect(clippy::cast_possible_truncation, reason = "a number that is made whole")]
        ("tolong" | "toint", other) => match other.number().or_else(|| other.text().trim().parse().ok()) {
            Some(number) => Value::Long(number as i64),
            None => Value::Null,
        },
        ("todouble" | "toreal", other) => {
            other.number().or_else(|| other.text().trim().parse().ok()).map_or(Value::Null, Value::Real)
        }
        ("tobool", other) => match other.text().to_lowercase().as_str() {
            "true" | "1" => Value::Bool(true),
            "false" | "0" => Value::Bool(false),
            _ => Value::Null,
        },
        ("isempty", other) => Value::Bool(other.text().is_empty()),
        ("isnotempty", other) => Value::Bool(!other.text().is_empty()),
        ("isnull", other) => Value::Bool(*other == Value::Null),
        ("isnotnull", other) => Value::Bool(*other != Value::Null),
        ("parse_json" | "todynamic", Value::Text(text)) => {
            Value::Dynamic(serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
        }
        ("parse_json" | "todynamic", _) => first,
        ("split", other) => {
            let by = values.get(1).map(Value::text).unwrap_or_default();
            let text = other.text();
            let parts: Vec<&str> = if by.is_empty() { vec![text.as_str()] } else { text.split(&by).collect() };
            Value::Dynamic(json!(parts))
        }
        ("bin" | "floor", other) => bin(other, values.get(1).unwrap_or(&Value::Null)),
        ("iff" | "iif", condition) => values.get(if truth(condition) { 1 } else { 2 }).cloned().unwrap_or(Value::Null),
        ("coalesce", _) => values.iter().find(|value| !value.text().is_empty()).cloned().unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

fn long(count: usize) -> Value {
    Value::Long(i64::try_from(count).unwrap_or(i64::MAX))
}

fn substring(text: &str, from: Option<&Value>, length: Option<&Value>) -> String {
    let count = |value: Option<&Value>| match value {
        Some(Value::Long(count)) => usize::try_from(*count).unwrap_or(0),
        _ => usize::MAX,
    };
    text.chars().skip(count(from)).take(count(length)).collect()
}

/// A value cut down to a multiple of another.
fn bin(value: &Value, size: &Value) -> Value {
    let cut = |value: i64, size: i64| value.checked_rem_euclid(size).and_then(|rest| value.checked_sub(rest));
    match (value, size) {
        (Value::Time(at), Value::Span(ticks)) => {
            // Times are counted from the year 1, as the language does.
            let since = at.as_nanosecond() / 100 + 621_355_968_000_000_000;
            let since = i64::try_from(since).ok().and_then(|since| cut(since, *ticks));
            let back = since.map(|since| (i128::from(since) - 621_355_968_000_000_000) * 100);
            back.and_then(|nanoseconds| Timestamp::from_nanosecond(nanoseconds).ok()).map_or(Value::Null, Value::Time)
        }
        (Value::Long(value), Value::Long(size)) => cut(*value, *size).map_or(Value::Null, Value::Long),
        (Value::Span(value), Value::Span(size)) => cut(*value, *size).map_or(Value::Null, Value::Span),
        _ => match (value.number(), size.number()) {
            (Some(value), Some(size)) if size != 0.0 => Value::Real((value / size).floor() * size),
            _ => Value::Null,
        },
    }
}

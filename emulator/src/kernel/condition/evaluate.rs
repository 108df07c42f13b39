//! Whether a condition holds.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::action::matches;
use super::{Attribute, Expression, Facts, Family, Operand, Operator, Quantity, Relation, Source, Value};

impl Expression {
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(facts)),
            Self::Not(inner) => !inner.holds(facts),
            Self::ActionMatches(pattern) => matches(pattern, facts.action),
            // Suboperations are those of storage alone, which azlet has not.
            Self::SubOperationMatches(_) => false,
            Self::Exists(attribute) => facts.values(attribute).is_some(),
            Self::Comparison { left, quantity, operator, right } => {
                let Some(left) = facts.values(left) else { return false };
                let right = match right {
                    Operand::Attribute(attribute) => facts.values(attribute),
                    Operand::Values(values) => Some(Cow::Borrowed(values.as_slice())),
                };
                right.is_some_and(|right| operator.compare_all(&left, &right, *quantity))
            }
        }
    }
}

impl<'a> Facts<'a> {
    /// The values of an attribute; nothing if it is missing.
    fn values(&self, attribute: &Attribute) -> Option<Cow<'a, [Value]>> {
        let known = |fact: &&super::Fact| fact.source == attribute.source && fact.name.eq_ignore_ascii_case(&attribute.name);
        if let Some(fact) = self.given.iter().find(known) {
            return (!fact.values.is_empty()).then_some(Cow::Borrowed(fact.values.as_slice()));
        }
        match (attribute.source, attribute.name.to_ascii_lowercase().as_str()) {
            (Source::Environment, "utcnow") => Some(Cow::Owned(vec![Value::Time(self.now)])),
            // No call comes through a private link here.
            (Source::Environment, "isprivatelink") => Some(Cow::Owned(vec![Value::Flag(false)])),
            _ => None,
        }
    }
}

impl Operator {
    fn compare_all(self, left: &[Value], right: &[Value], quantity: Option<Quantity>) -> bool {
        let Quantity { all_left, all_right } = quantity.unwrap_or(Quantity { all_left: false, all_right: false });
        let of_right = |value: &Value| {
            if all_right {
                right.iter().all(|other| self.compare(value, other))
            } else {
                right.iter().any(|other| self.compare(value, other))
            }
        };
        if all_left { left.iter().all(of_right) } else { left.iter().any(of_right) }
    }

    /// Compares two values; values of a wrong kind compare as missing ones do.
    fn compare(self, left: &Value, right: &Value) -> bool {
        self.relate(left, right).is_some_and(|related| related != self.negated)
    }

    fn relate(self, left: &Value, right: &Value) -> Option<bool> {
        Some(match self.family {
            Family::Text { ignore_case } => {
                let (left, right) = (text(left)?, text(right)?);
                if ignore_case {
                    texts(self.relation, &left.to_lowercase(), &right.to_lowercase())
                } else {
                    texts(self.relation, &left, &right)
                }
            }
            Family::Number => ordered(self.relation, number(left)?.cmp(&number(right)?)),
            Family::Flag => flag(left)? == flag(right)?,
            Family::Time => ordered(self.relation, time(left)?.cmp(&time(right)?)),
            Family::Guid => guid(left)? == guid(right)?,
        })
    }
}

fn texts(relation: Relation, left: &str, right: &str) -> bool {
    match relation {
        Relation::StartsWith => left.starts_with(right),
        Relation::Like => like(left, right),
        _ => left == right,
    }
}

fn ordered(relation: Relation, ordering: Ordering) -> bool {
    match relation {
        Relation::LessThan => ordering.is_lt(),
        Relation::LessThanEquals => ordering.is_le(),
        Relation::GreaterThan => ordering.is_gt(),
        Relation::GreaterThanEquals => ordering.is_ge(),
        _ => ordering.is_eq(),
    }
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Guid(guid) => Some(Cow::Owned(guid.to_string())),
        _ => None,
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Flag(flag) => Some(*flag),
        _ => None,
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Time(at) => Some(*at),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn guid(value: &Value) -> Option<Uuid> {
    match value {
        Value::Guid(guid) => Some(*guid),
        Value::Text(text) => Uuid::try_parse(text).ok(),
        _ => None,
    }
}

/// A part of a pattern of `StringLike`.
#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Run,
    One,
    Exactly(char),
}

/// Whether `text` is like `pattern`: `*` stands for any run of characters, `?` for one, a backslash takes either's meaning away.
fn like(text: &str, pattern: &str) -> bool {
    let mut pieces = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        pieces.push(match character {
            '\\' if characters.peek().is_some_and(|next| matches!(next, '*' | '?')) => {
                Piece::Exactly(characters.next().unwrap_or_default())
            }
            '*' => Piece::Run,
            '?' => Piece::One,
            other => Piece::Exactly(other),
        });
    }
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut reached) = (0, 0);
    let mut run: Option<(usize, usize)> = None;
    loop {
        match pieces.get(at) {
            Some(Piece::Run) => {
                run = Some((at, reached));
                at += 1;
            }
            Some(Piece::One) if reached < text.len() => (at, reached) = (at + 1, reached + 1),
            Some(Piece::Exactly(wanted)) if text.get(reached) == Some(wanted) => (at, reached) = (at + 1, reached + 1),
            None if reached == text.len() => return true,
            _ => match run {
                Some((position, from)) if from < text.len() => {
                    run = Some((position, from + 1));
                    (at, reached) = (position + 1, from + 1);
                }
                _ => return false,
            },
        }
    }
}

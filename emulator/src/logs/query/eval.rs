//! From a query and a table to an answer: operators one after the other, columns with types, rows of values.

mod functions;
mod summary;

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::syntax::{Expression, Key, Named, Operator, Query};
use super::value::{Type, Value};
use super::{Columns, Fault, Source};
pub(super) use functions::literal;

/// As many rows are answered at most, as the service does.
pub(super) const ROWS_AT_MOST: usize = 30_000;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The columns.
    pub columns: Columns,
    /// The rows, with a value for each column.
    pub rows: Vec<Vec<Value>>,
}

/// What an expression is evaluated in.
pub(super) struct Frame<'a> {
    pub columns: &'a Columns,
    pub row: &'a [Value],
    pub now: Timestamp,
}

/// Answers a query.
pub(super) fn run(query: &Query, source: &dyn Source, now: Timestamp) -> Result<Answer, Fault> {
    let Some((columns, stored)) = source.table(&query.table) else {
        let message = format!("'{0}': Failed to resolve table or column expression named '{0}'", query.table);
        return Err(Fault::Semantic("SEM0100", message));
    };
    let row = |row: &std::sync::Arc<super::Row>| {
        columns.iter().map(|(name, kind)| Value::of_cell(row.cells.get(name), *kind)).collect()
    };
    let rows: Vec<Vec<Value>> = stored.iter().map(row).collect();
    let mut answer = Answer { columns, rows };
    for operator in &query.operators {
        answer = apply(operator, answer, now)?;
    }
    answer.rows.truncate(ROWS_AT_MOST);
    Ok(answer)
}

fn apply(operator: &Operator, mut answer: Answer, now: Timestamp) -> Result<Answer, Fault> {
    match operator {
        Operator::Where(condition) => {
            let kind = type_of(condition, &answer.columns, "where")?;
            if !matches!(kind, Type::Bool | Type::Dynamic) {
                return Err(Fault::Semantic("SEM0040", "where operator: predicate must be of type 'bool'".into()));
            }
            let columns = &answer.columns;
            answer.rows.retain(|row| functions::truth(&evaluate(condition, &Frame { columns, row, now })));
        }
        Operator::Project(wanted) => return project(wanted, &answer, now),
        Operator::ProjectAway(away) => {
            for name in away {
                position(&answer.columns, name, "project-away")?;
            }
            let kept: Vec<usize> = (0..answer.columns.len()).filter(|at| !away.contains(&answer.columns[*at].0)).collect();
            return Ok(Answer {
                columns: kept.iter().map(|at| answer.columns[*at].clone()).collect(),
                rows: answer.rows.iter().map(|row| kept.iter().map(|at| row[*at].clone()).collect()).collect(),
            });
        }
        Operator::Extend(added) => return extend(added, answer, now),
        Operator::Sort(keys) => sort(keys, &mut answer, now)?,
        Operator::Take(count) => answer.rows.truncate(*count),
        Operator::Count => {
            let count = i64::try_from(answer.rows.len()).unwrap_or(i64::MAX);
            return Ok(Answer { columns: vec![("Count".into(), Type::Long)], rows: vec![vec![Value::Long(count)]] });
        }
        Operator::Distinct(wanted) => {
            let mut picked = match wanted {
                Some(wanted) => project(wanted, &answer, now)?,
                None => answer,
            };
            let mut seen = HashSet::new();
            picked.rows.retain(|row| seen.insert(row.iter().map(identity).collect::<Vec<_>>()));
            return Ok(picked);
        }
        Operator::Summarize { what, by } => return summary::summarize(what, by, &answer, now),
    }
    Ok(answer)
}

/// What makes a value the same as another, of the same column.
pub(super) fn identity(value: &Value) -> String {
    value.to_json().to_string()
}

fn project(wanted: &[Named], answer: &Answer, now: Timestamp) -> Result<Answer, Fault> {
    let columns = named_columns(wanted, &answer.columns, "project", &mut 0)?;
    let rows = answer.rows.iter().map(|row| {
        let frame = Frame { columns: &answer.columns, row, now };
        wanted.iter().map(|named| evaluate(&named.expression, &frame)).collect()
    });
    Ok(Answer { rows: rows.collect(), columns })
}

/// Columns one after the other: each sees those before it.
fn extend(added: &[Named], mut answer: Answer, now: Timestamp) -> Result<Answer, Fault> {
    let mut unnamed = 0;
    for named in added {
        let column = named_columns(std::slice::from_ref(named), &answer.columns, "extend", &mut unnamed)?.remove(0);
        let existing = answer.columns.iter().position(|(name, _)| *name == column.0);
        let columns = &answer.columns;
        for row in &mut answer.rows {
            let value = evaluate(&named.expression, &Frame { columns, row, now });
            match existing {
                Some(at) => row[at] = value,
                None => row.push(value),
            }
        }
        match existing {
            Some(at) => answer.columns[at] = column,
            None => answer.columns.push(column),
        }
    }
    Ok(answer)
}

/// The columns that expressions become: named, called like the column that they are, or numbered.
pub(super) fn named_columns(wanted: &[Named], columns: &Columns, operator: &str, unnamed: &mut usize) -> Result<Columns, Fault> {
    let mut result: Columns = Vec::new();
    for named in wanted {
        let kind = type_of(&named.expression, columns, operator)?;
        let name = named.name.clone().or_else(|| own_name(&named.expression)).unwrap_or_else(|| {
            *unnamed += 1;
            format!("Column{unnamed}")
        });
        result.push((name, kind));
    }
    Ok(result)
}

/// The name of a column that an expression is, or is made of.
fn own_name(expression: &Expression) -> Option<String> {
    match expression {
        Expression::Column(name) => Some(name.clone()),
        Expression::Member(inner, name) => Some(format!("{}_{name}", own_name(inner)?)),
        Expression::Call(name, arguments) if matches!(name.as_str(), "tostring" | "tolong" | "toint" | "bin" | "todatetime") => {
            own_name(arguments.first()?)
        }
        _ => None,
    }
}

fn sort(keys: &[Key], answer: &mut Answer, now: Timestamp) -> Result<(), Fault> {
    for key in keys {
        if type_of(&key.expression, &answer.columns, "sort")? == Type::Dynamic {
            let message = "sort operator: key can't be of dynamic type".to_owned();
            return Err(Fault::Semantic("SEM0042", message));
        }
    }
    let columns = &answer.columns;
    let mut keyed: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
    for row in std::mem::take(&mut answer.rows) {
        let values = keys.iter().map(|key| evaluate(&key.expression, &Frame { columns, row: &row, now }));
        keyed.push((values.collect(), row));
    }
    keyed.sort_by(|(one, _), (other, _)| {
        let each = keys.iter().zip(one).zip(other).map(|((key, one), other)| {
            let (null, other_null) = (*one == Value::Null, *other == Value::Null);
            if null != other_null {
                let first = if key.nulls_first { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
                return if null { first } else { first.reverse() };
            }
            let order = one.order(other);
            if key.descending { order.reverse() } else { order }
        });
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    answer.rows = keyed.into_iter().map(|(_, row)| row).collect();
    Ok(())
}

pub(super) fn position(columns: &Columns, name: &str, operator: &str) -> Result<usize, Fault> {
    columns.iter().position(|(known, _)| known == name).ok_or_else(|| {
        let message = format!("'{operator}' operator: Failed to resolve column or scalar expression named '{name}'");
        Fault::Semantic("SEM0100", message)
    })
}

/// The type of an expression, and whether it means something at all.
pub(super) fn type_of(expression: &Expression, columns: &Columns, operator: &str) -> Result<Type, Fault> {
    let of = |inner: &Expression| type_of(inner, columns, operator);
    Ok(match expression {
        Expression::Literal(value) => literal_type(value),
        Expression::Column(name) => columns[position(columns, name, operator)?].1,
        Expression::Member(inner, _) => {
            of(inner)?;
            Type::Dynamic
        }
        Expression::Element(inner, index) => {
            of(inner)?;
            of(index)?;
            Type::Dynamic
        }
        Expression::Not(inner) => {
            of(inner)?;
            Type::Bool
        }
        Expression::Negative(inner) => of(inner)?,
        Expression::Both(left, sign, right) => functions::type_of_both(of(left)?, sign, of(right)?)?,
        Expression::Compare(left, _, right) => {
            of(left)?;
            of(right)?;
            Type::Bool
        }
        Expression::Among { value, list, .. } => {
            let kind = of(value)?;
            for item in list {
                functions::comparable(kind, of(item)?)?;
            }
            Type::Bool
        }
        Expression::Between { value, from, to, .. } => {
            let kind = of(value)?;
            functions::comparable(kind, of(from)?)?;
            let end = of(to)?;
            // A time may lie between a time and how long after it.
            if !(kind == Type::DateTime && end == Type::TimeSpan) {
                functions::comparable(kind, end)?;
            }
            Type::Bool
        }
        Expression::Call(name, arguments) => {
            let kinds = arguments.iter().map(of).collect::<Result<Vec<_>, _>>()?;
            functions::type_of_call(name, &kinds)?
        }
    })
}

fn literal_type(value: &Value) -> Type {
    match value {
        Value::Bool(_) => Type::Bool,
        Value::Long(_) => Type::Long,
        Value::Real(_) => Type::Real,
        Value::Text(_) => Type::String,
        Value::Time(_) => Type::DateTime,
        Value::Span(_) => Type::TimeSpan,
        Value::Null | Value::Dynamic(_) => Type::Dynamic,
    }
}

/// The value of an expression whose type is known to be right.
pub(super) fn evaluate(expression: &Expression, frame: &Frame<'_>) -> Value {
    match expression {
        Expression::Literal(value) => value.clone(),
        Expression::Column(name) => {
            let at = frame.columns.iter().position(|(known, _)| known == name);
            at.and_then(|at| frame.row.get(at)).cloned().unwrap_or(Value::Null)
        }
        Expression::Member(inner, name) => match evaluate(inner, frame) {
            Value::Dynamic(json) => Value::of_json(json.get(name)),
            _ => Value::Null,
        },
        Expression::Element(inner, index) => match (evaluate(inner, frame), evaluate(index, frame)) {
            (Value::Dynamic(json), Value::Text(name) | Value::Dynamic(Json::String(name))) => Value::of_json(json.get(&name)),
            (Value::Dynamic(json), Value::Long(at)) => functions::element(&json, at),
            _ => Value::Null,
        },
        Expression::Not(inner) => match evaluate(inner, frame) {
            Value::Null => Value::Null,
            value => Value::Bool(!functions::truth(&value)),
        },
        Expression::Negative(inner) => match evaluate(inner, frame) {
            Value::Long(value) => Value::Long(value.saturating_neg()),
            Value::Real(value) => Value::Real(-value),
            Value::Span(value) => Value::Span(value.saturating_neg()),
            _ => Value::Null,
        },
        Expression::Both(left, sign, right) => functions::both(evaluate(left, frame), sign, || evaluate(right, frame)),
        Expression::Compare(left, word, right) => {
            Value::Bool(functions::compare_texts(&evaluate(left, frame).text(), word, &evaluate(right, frame).text()))
        }
        Expression::Among { value, word, list } => {
            let value = evaluate(value, frame);
            let list: Vec<Value> = list.iter().map(|item| evaluate(item, frame)).collect();
            Value::Bool(functions::among(&value, word, &list))
        }
        Expression::Between { value, from, to, negated } => {
            let value = evaluate(value, frame);
            let from = evaluate(from, frame);
            let to = match (&from, evaluate(to, frame)) {
                (Value::Time(_), Value::Span(ticks)) => functions::both(from.clone(), "+", || Value::Span(ticks)),
                (_, to) => to,
            };
            let inside = value.compare(&from).is_some_and(std::cmp::Ordering::is_ge)
                && value.compare(&to).is_some_and(std::cmp::Ordering::is_le);
            Value::Bool(inside != *negated)
        }
        Expression::Call(name, arguments) => {
            let values = arguments.iter().map(|argument| evaluate(argument, frame)).collect::<Vec<_>>();
            functions::call(name, &values, frame.now)
        }
    }
}

/// A time of day in UTC, cut down to its day.
pub(super) fn day(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(86_400) * 86_400).unwrap_or(at)
}

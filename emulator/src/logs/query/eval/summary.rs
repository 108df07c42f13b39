//! `summarize`: rows brought together by keys, and what is said of each such group.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::super::syntax::{Expression, Named};
use super::super::value::{Type, Value};
use super::super::{Columns, Fault};
use super::{Answer, Frame, evaluate, functions, identity, named_columns, type_of};

/// What is said of a group.
struct Aggregate<'a> {
    name: &'a str,
    arguments: &'a [Expression],
    kind: Type,
}

/// `summarize what by keys`.
pub(super) fn summarize(what: &[Named], by: &[Named], answer: &Answer, now: Timestamp) -> Result<Answer, Fault> {
    let mut columns = named_columns(by, &answer.columns, "summarize", &mut 0)?;
    let mut aggregates = Vec::new();
    for named in what {
        let (aggregate, usual) = aggregate(&named.expression, &answer.columns)?;
        columns.push((named.name.clone().unwrap_or(usual), aggregate.kind));
        aggregates.push(aggregate);
    }
    let mut order: Vec<(Vec<Value>, Vec<&Vec<Value>>)> = Vec::new();
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    for row in &answer.rows {
        let frame = Frame { columns: &answer.columns, row, now };
        let keys: Vec<Value> = by.iter().map(|named| evaluate(&named.expression, &frame)).collect();
        let place = *places.entry(keys.iter().map(identity).collect()).or_insert_with(|| {
            order.push((keys, Vec::new()));
            order.len() - 1
        });
        order[place].1.push(row);
    }
    // Without keys there is always one group, be it empty.
    if by.is_empty() && order.is_empty() {
        order.push((Vec::new(), Vec::new()));
    }
    let rows = order.into_iter().map(|(mut values, rows)| {
        values.extend(aggregates.iter().map(|aggregate| aggregate.of(&rows, &answer.columns, now)));
        values
    });
    Ok(Answer { rows: rows.collect(), columns })
}

/// The aggregate that an expression is, and the name that it gets by itself.
fn aggregate<'a>(expression: &'a Expression, columns: &Columns) -> Result<(Aggregate<'a>, String), Fault> {
    let Expression::Call(name, arguments) = expression else {
        let message = "Invalid expression in summarize operator: an aggregate function is expected".to_owned();
        return Err(Fault::Semantic("SEM0086", message));
    };
    let kinds = arguments.iter().map(|argument| type_of(argument, columns, "summarize")).collect::<Result<Vec<_>, _>>()?;
    let first = kinds.first().copied().unwrap_or(Type::Dynamic);
    let (count, kind) = match name.as_str() {
        "count" => (0, Type::Long),
        "countif" | "dcount" => (1, Type::Long),
        "sum" if matches!(first, Type::Int | Type::Long) => (1, Type::Long),
        "sum" | "min" | "max" | "any" | "take_any" => (1, first),
        "avg" => (1, Type::Real),
        "make_set" | "make_list" => (1, Type::Dynamic),
        "arg_max" | "arg_min" | "percentile" | "stdev" | "variance" | "make_bag" | "dcountif" | "sumif" | "avgif" => {
            return Err(Fault::Unknown(format!("the aggregate function '{name}'")));
        }
        _ => return Err(Fault::Semantic("SEM0260", format!("Unknown function: '{name}'."))),
    };
    if arguments.len() != count {
        let message = format!("{name}(): function expects {count} argument(s), and got {}.", arguments.len());
        return Err(Fault::Semantic("SEM0219", message));
    }
    let of = arguments.first().and_then(|argument| match argument {
        Expression::Column(column) => Some(column.as_str()),
        _ => None,
    });
    let prefix = match name.as_str() {
        "make_set" => "set",
        "make_list" => "list",
        other => other,
    };
    Ok((Aggregate { name, arguments, kind }, format!("{prefix}_{}", of.unwrap_or_default())))
}

impl Aggregate<'_> {
    fn of(&self, rows: &[&Vec<Value>], columns: &Columns, now: Timestamp) -> Value {
        let long = |count: usize| Value::Long(i64::try_from(count).unwrap_or(i64::MAX));
        let Some(argument) = self.arguments.first() else { return long(rows.len()) };
        let mut values = rows.iter().map(|row| evaluate(argument, &Frame { columns, row, now }));
        if self.name == "countif" {
            return long(values.filter(functions::truth).count());
        }
        let mut values: Vec<Value> = values.by_ref().filter(|value| *value != Value::Null).collect();
        match self.name {
            "min" => values.into_iter().min_by(Value::order).unwrap_or(Value::Null),
            "max" => values.into_iter().max_by(Value::order).unwrap_or(Value::Null),
            "any" | "take_any" => values.into_iter().next().unwrap_or(Value::Null),
            "sum" => values.into_iter().reduce(|one, other| functions::both(one, "+", || other)).unwrap_or(Value::Long(0)),
            "avg" => {
                let numbers: Vec<f64> = values.iter().filter_map(Value::number).collect();
                #[expect(clippy::cast_precision_loss, reason = "an average")]
                let count = numbers.len() as f64;
                if numbers.is_empty() { Value::Null } else { Value::Real(numbers.iter().sum::<f64>() / count) }
            }
            "make_list" => Value::Dynamic(Json::Array(values.into_iter().map(Value::into_dynamic).collect())),
            name => {
                let mut seen = std::collections::HashSet::new();
                values.retain(|value| seen.insert(identity(value)));
                if name == "dcount" {
                    return long(values.len());
                }
                Value::Dynamic(json!(values.into_iter().map(Value::into_dynamic).collect::<Vec<_>>()))
            }
        }
    }
}

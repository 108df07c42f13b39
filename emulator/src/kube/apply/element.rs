//! An element of a path, as `FieldsV1` writes it: `f:name`, `k:{"name":"a"}`, `v:"x"`, `i:0`.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

/// An element of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element(Box<str>);

impl Element {
    /// A field, or the key of a map.
    pub fn field(name: &str) -> Self {
        Self(format!("f:{name}").into())
    }

    /// An item of a list that is a set.
    pub fn value(value: &Value) -> Self {
        Self(format!("v:{value}").into())
    }

    /// An item of a list by the fields that name it, in alphabetic order.
    pub fn keyed(mut keys: Vec<(&str, Value)>) -> Self {
        keys.sort_by_key(|(name, _)| *name);
        let fields: Map<String, Value> = keys.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self(format!("k:{}", Value::Object(fields)).into())
    }

    /// Reads an element; nothing if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(2)?;
        let sound = match kind {
            "f:" => true,
            "k:" => serde_json::from_str::<Map<String, Value>>(rest).is_ok(),
            "v:" => serde_json::from_str::<Value>(rest).is_ok(),
            "i:" => rest.parse::<i64>().is_ok(),
            _ => false,
        };
        sound.then(|| Self(text.into()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, if it is a field.
    pub fn name(&self) -> Option<&str> {
        self.0.strip_prefix("f:")
    }

    /// Fields come first, then named items, values and positions.
    fn rank(&self) -> usize {
        "fkvi".find(|kind| self.0.starts_with(kind)).unwrap_or(4)
    }

    fn parsed(&self) -> Value {
        serde_json::from_str(self.0.get(2..).unwrap_or("")).unwrap_or(Value::Null)
    }
}

impl Ord for Element {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| {
            if self.0 == other.0 || self.name().is_some() {
                return self.0.cmp(&other.0);
            }
            compare(&self.parsed(), &other.parsed()).then_with(|| self.0.cmp(&other.0))
        })
    }
}

impl PartialOrd for Element {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Numbers by size, texts by letters, keys one after another.
fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Object(left), Value::Object(right)) => {
            let pairs = left.iter().zip(right);
            let first = pairs
                .map(|((left_name, left), (right_name, right))| left_name.cmp(right_name).then_with(|| compare(left, right)))
                .find(|order| order.is_ne());
            first.unwrap_or_else(|| left.len().cmp(&right.len()))
        }
        _ => Ordering::Equal,
    }
}

/// As messages write it: `.name`, `[name="a"]`, `[="x"]`, `[0]`.
impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.0.get(2..).unwrap_or("");
        match self.rank() {
            0 => write!(formatter, ".{rest}"),
            1 => {
                formatter.write_char('[')?;
                for (index, (name, value)) in self.parsed().as_object().into_iter().flatten().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(formatter, "{comma}{name}={value}")?;
                }
                formatter.write_char(']')
            }
            2 => write!(formatter, "[={rest}]"),
            _ => write!(formatter, "[{rest}]"),
        }
    }
}

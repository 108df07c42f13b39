//! Which columns tables have: `fixtures/logs/tables.json`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::query::{Columns, Type};

static TABLES: LazyLock<HashMap<String, Columns>> = LazyLock::new(|| {
    let text = include_str!("../../../fixtures/logs/tables.json");
    let tables: HashMap<String, indexmap::IndexMap<String, String>> =
        serde_json::from_str(text).expect("tables.json holds tables: a test reads it");
    let columns = |columns: indexmap::IndexMap<String, String>| {
        columns.into_iter().filter_map(|(name, kind)| Some((name, Type::parse(&kind)?))).collect()
    };
    tables.into_iter().map(|(name, found)| (name, columns(found))).collect()
});

/// The columns of a table; nothing if there is no such table.
pub fn columns(table: &str) -> Option<&'static Columns> {
    TABLES.get(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_type() {
        let text: serde_json::Value = serde_json::from_str(include_str!("../../../fixtures/logs/tables.json")).expect("JSON");
        for (table, given) in text.as_object().expect("tables") {
            let known = columns(table).expect("a table").len();
            assert_eq!(known, given.as_object().expect("columns").len(), "{table}");
        }
    }
}

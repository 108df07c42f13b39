//! Queries of logs: reading one and answering it over a small table.
#![no_main]

use std::sync::Arc;

use azlet::logs::query::{Columns, Source, Type, parse, run};
use azlet::logs::store::Row;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

struct Table;

impl Source for Table {
    fn table(&self, _name: &str) -> Option<(Columns, Vec<Arc<Row>>)> {
        let columns = vec![("Name".into(), Type::String), ("Size".into(), Type::Long), ("More".into(), Type::Dynamic)];
        let cells = serde_json::json!({ "Name": "a b", "Size": 1, "More": { "k": [1, "x"] } });
        let row = Row { at: Timestamp::UNIX_EPOCH, cells: cells.as_object().cloned().unwrap_or_default() };
        Some((columns, vec![Arc::new(row)]))
    }
}

fuzz_target!(|text: &str| {
    if let Ok(query) = parse(text) {
        let _ = run(&query, &Table, Timestamp::UNIX_EPOCH);
    }
});

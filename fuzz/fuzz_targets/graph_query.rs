//! Query options of Microsoft Graph: the pages of a list are, one after another, the list that one page would have been.
#![no_main]

use azlet::graph::query::Options;
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

fn read(query: &str) -> Option<Options> {
    let headers = HeaderMap::from_iter([("consistencylevel".parse().ok()?, "eventual".parse().ok()?)]);
    Options::read(query, &headers, "User").ok()
}

fn page(options: &Options) -> Value {
    let names =
        ["ada", "Bob", "eve", ""].map(|name| json!({ "id": name, "displayName": name, "accountEnabled": name.is_empty() }));
    options.page("users", "https://a/v1.0/users", names.to_vec(), &Map::new())
}

fuzz_target!(|text: &str| {
    // Whoever begins at a place, or says more than once how many, has no whole list.
    let lower = text.to_lowercase();
    let (Some(whole), false) = (read(text), ["skiptoken", "top", "%"].iter().any(|word| lower.contains(word))) else { return };
    let whole = page(&whole);
    assert!(whole.get("@odata.nextLink").is_none());
    let (mut query, mut rows) = (format!("{text}&$top=1"), Vec::new());
    loop {
        let part = page(&read(&query).expect("what was read is read with a page's size"));
        rows.extend(part["value"].as_array().cloned().unwrap_or_default());
        let Some(next) = part["@odata.nextLink"].as_str() else { break };
        query = next.split_once('?').map(|(_, query)| query.to_owned()).expect("a place to go on from");
        assert!(rows.len() < 5);
    }
    assert_eq!(Value::Array(rows), whole["value"]);
});

//! Filters of Microsoft Graph.
#![no_main]

use azlet::graph::filter::Filter;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    if let Ok(filter) = Filter::parse(text) {
        let _ = filter.accepts(&json!({ "displayName": text, "tags": [text], "accountEnabled": true, "mail": null }));
        let _ = (filter.properties(), filter.advanced(), filter.searched());
    }
});

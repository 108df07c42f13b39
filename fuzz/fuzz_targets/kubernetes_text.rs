//! What a path and a query say to a cluster's API server: paths, queries, selectors; and durations of tables.
#![no_main]

use azlet::kube::kinds;
use azlet::kube::kinds::Served;
use azlet::kube::request::{Query, Target};
use azlet::kube::selector::Selector;
use azlet::kube::table::IncludeObject;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let query = Query::parse(text);
    let _ = (query.number("limit"), query.dry_run(), query.flag("watch"), IncludeObject::parse(query.get("includeObject")));
    let segments: Vec<String> = text.split('/').map(str::to_owned).collect();
    let _ = Target::parse(&Served::default(), "apps", "v1", &segments);
    let pod = json!({ "metadata": { "name": text, "labels": { "a": text, "b": "c" } }, "spec": { "nodeName": "x" } });
    for kind in kinds::all().iter().filter(|kind| matches!(kind.kind.as_str(), "Pod" | "Secret")) {
        for (labels, fields) in [(Some(text), None), (None, Some(text))] {
            if let Ok(selector) = Selector::parse(kind, labels, fields) {
                let _ = selector.matches(&pod);
            }
        }
    }
});

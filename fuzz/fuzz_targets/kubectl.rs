//! What a command line of AKS' run command says to its kubectl: flags, and templates of `-o jsonpath=`.
#![no_main]

use azlet::kube::kubectl::args::Args;
use azlet::kube::kubectl::jsonpath::render;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let _ = Args::parse(&words);
    let object = json!({
        "items": [{ "metadata": { "name": "a", "labels": { "x.y/z": "1" } }, "n": [1, [2, 3]] }, { "metadata": { "name": "b" } }],
        "a": { "b": null },
    });
    let _ = render(text, &object);
});

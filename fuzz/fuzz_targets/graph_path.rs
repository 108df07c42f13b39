//! Paths of Microsoft Graph: a key that stands in parentheses is the key that was written, whatever letters it has.
#![no_main]

use azlet::graph::path::parse;
use libfuzzer_sys::fuzz_target;

/// Percent-encoded, every byte of it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fuzz_target!(|text: &str| {
    let _ = parse(text);
    if let Some(path) = parse(&format!("/beta/{text}")) {
        assert_eq!(path.version, "beta");
    }
    let quoted = encoded(&text.replace('\'', "''"));
    for (path, key) in [
        (format!("/v1.0/users('{quoted}')"), text.to_owned()),
        (format!("/V1.0/users(appId='{quoted}')/"), format!("appId={text}")),
    ] {
        assert_eq!(parse(&path).map(|path| path.segments), Some(vec!["users".to_owned(), key]));
    }
});

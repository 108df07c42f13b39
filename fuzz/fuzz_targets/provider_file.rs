//! Files of providers that a user writes: every type of one that is taken has a version, and verbs and patterns that can be asked for.
#![no_main]

use azlet::arm::catalog::read;
use http::Method;
use libfuzzer_sys::fuzz_target;

/// A file that is taken, to which the text adds a member of a type's description, or a rule of one.
fn around(text: &str) -> [String; 3] {
    let file =
        |kind: &str| format!(r#"{{"namespace":"A.B","apiVersions":["2026-01-01"],"types":[{{"name":"c","item":"GET"{kind}}}]}}"#);
    [
        file(&format!(",{text}")),
        file(&format!(r#","data":{{{text}}}"#)),
        file(&format!(r#","data":{{"members":{{"properties":{{{text}}}}}}}"#)),
    ]
}

fuzz_target!(|text: &str| {
    for file in [text.to_owned()].into_iter().chain(around(text)) {
        match read("file.json", &file) {
            Ok(provider) => {
                for kind in &provider.types {
                    assert!(!provider.versions(kind).is_empty());
                    let verbs = kind.item_verbs().chain(kind.collection_verbs());
                    verbs.for_each(|verb| drop(Method::from_bytes(verb.as_bytes())));
                }
            }
            // Who wrote it learns which file it is.
            Err(why) => assert!(why.starts_with("file.json")),
        }
    }
});

//! What kinds, types and fields are, in a sentence: out of `fixtures/kubernetes/docs.json`, or told by the field's type.

use std::collections::HashMap;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use crate::kube::kinds;
use crate::kube::types::{self, Shape};

const DOCS: &str = include_str!("../../../../fixtures/kubernetes/docs.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Docs {
    /// Types by their names.
    types: HashMap<String, String>,
    /// Fields of one type, `PodSpec.nodeName`.
    fields: HashMap<String, String>,
    /// Fields that mean the same in every type.
    common: HashMap<String, String>,
}

static TABLE: LazyLock<Docs> =
    LazyLock::new(|| serde_json::from_str(DOCS).expect("fixtures/kubernetes/docs.json describes types: a test reads it"));

/// What changes when any built-in document does.
pub(super) fn fingerprint() -> &'static str {
    static FINGERPRINT: LazyLock<String> = LazyLock::new(|| {
        let sources = [DOCS, kinds::SOURCE, types::SOURCE, env!("CARGO_PKG_VERSION")].join("\n");
        super::hex(digest(&SHA256, sources.as_bytes()).as_ref())
    });
    &FINGERPRINT
}

/// The words of a name: `nodeName` → `node name`.
fn words(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            out.push(' ');
            out.push(letter.to_ascii_lowercase());
        } else {
            out.push(letter);
        }
        before = letter;
    }
    out
}

/// What a type is.
pub(super) fn type_of(name: &str) -> String {
    let plain = name.rsplit(['.', '/']).next().unwrap_or(name);
    TABLE.types.get(name).or_else(|| TABLE.types.get(plain)).cloned().unwrap_or_else(|| match plain {
        _ if plain.ends_with("Spec") => format!("What is wanted of a {}.", words(plain.trim_end_matches("Spec"))),
        _ if plain.ends_with("Status") => format!("What was last seen of a {}.", words(plain.trim_end_matches("Status"))),
        _ => format!("{plain} as the API has it."),
    })
}

/// What a field is.
pub(super) fn field(of: &str, name: &str, shape: &Shape) -> String {
    let plain = of.rsplit(['.', '/']).next().unwrap_or(of);
    let own = TABLE.fields.get(&format!("{plain}.{name}"));
    if let Some(text) = own.or_else(|| TABLE.common.get(name)) {
        return text.clone();
    }
    let what = words(name);
    match shape {
        Shape::Bool => format!("Whether it is so: {what}."),
        Shape::Int32 | Shape::Int64 => format!("The {what}, a whole number."),
        Shape::Time | Shape::MicroTime => format!("The {what}, a time."),
        Shape::Quantity => format!("The {what}, an amount such as 500m or 64Mi."),
        Shape::List(_) => format!("The {what}, a list."),
        Shape::Map(_) => format!("The {what}, by key."),
        Shape::Message(inner) => {
            let inner = inner.rsplit(['.', '/']).next().unwrap_or(inner);
            format!("The {what}: {}", lower_first(&type_of(inner)))
        }
        _ => format!("The {what}."),
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

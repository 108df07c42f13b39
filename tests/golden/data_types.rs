//! Every type that is described as data, in `fixtures/providers/*.json`, shown with the bodies of its own `example`: one snapshot a
//! type. Who adds a type adds an example and a row in `docs/COVERAGE.md`, and finds its snapshot here.

use std::fmt::Write as _;
use std::path::Path;

use azlet::arm::catalog::{self, Type};
use azlet_tests::{Actor, Answer, Azlet, SUBSCRIPTION, arm};
use serde_json::{Value, json};

/// A type of the catalogue with its full name.
struct Part {
    full_type: String,
    kind: &'static Type,
    version: String,
}

fn parts() -> impl Iterator<Item = Part> {
    catalog::providers().iter().flat_map(|provider| {
        provider.types.iter().map(|kind| {
            let example = kind.example.as_ref().and_then(|example| example.version.clone());
            let version = example.unwrap_or_else(|| provider.versions(kind)[0].clone());
            Part { full_type: format!("{}/{}", provider.namespace, kind.name), kind, version }
        })
    })
}

fn part(full_type: &str) -> Part {
    parts().find(|part| part.full_type.eq_ignore_ascii_case(full_type)).unwrap_or_else(|| panic!("no type {full_type}"))
}

/// The types that have a life of their own: not actions, not where operations are polled.
fn living() -> impl Iterator<Item = Part> {
    parts().filter(|part| part.kind.data.as_ref().is_some_and(|data| data.poll.is_none() && data.answer.is_none()))
}

fn group() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg")
}

/// An example's body, its `{group}` put in.
fn body(given: &Value) -> Value {
    serde_json::from_str(&given.to_string().replace("{group}", &group())).expect("JSON")
}

/// The id of the example of a type, and of the example that it lies in or extends.
fn id(part: &Part) -> (String, Option<Part>) {
    let example = part.kind.example.as_ref().unwrap_or_else(|| panic!("{} has no example", part.full_type));
    let (namespace, path) = part.full_type.split_once('/').expect("a full type");
    if let Some(on) = &example.on {
        let on = self::part(on);
        return (format!("{}/providers/{}/{}", id(&on).0, part.full_type, example.name), Some(on));
    }
    match path.rsplit_once('/') {
        Some((above, last)) => {
            let above = self::part(&format!("{namespace}/{above}"));
            (format!("{}/{last}/{}", id(&above).0, example.name), Some(above))
        }
        None => (format!("{}/providers/{}/{}", group(), part.full_type, example.name), None),
    }
}

/// Makes the example of a type, with everything that it needs.
async fn make(owner: &Actor, part: &Part) -> Answer {
    prepare(owner, part).await;
    let example = part.kind.example.as_ref().expect("an example");
    owner.put_and_wait(&arm(&id(part).0, &part.version), &body(&example.body)).await
}

async fn prepare(owner: &Actor, part: &Part) {
    let needs = part.kind.example.iter().flat_map(|example| &example.needs).map(|needed| self::part(needed));
    for other in needs.chain(id(part).1) {
        let made = Box::pin(make(owner, &other)).await;
        assert!(made.status() < 300, "{}: {}", other.full_type, made.golden());
    }
}

/// Status, what tells where to poll, and the body.
fn shown(answer: &Answer) -> String {
    let mut text = answer.status().to_string();
    for name in ["azure-asyncoperation", "location", "retry-after"] {
        if answer.header(name).is_some() {
            let _ = write!(text, " {name}");
        }
    }
    let golden = answer.golden();
    let body = golden.split_once("\n\n").map_or("", |(_, body)| body);
    format!("{text}\n{body}")
}

async fn life(part: &Part) -> String {
    let (azlet, owner) = Azlet::with_group().await;
    prepare(&owner, part).await;
    let example = part.kind.example.as_ref().expect("an example");
    let id = id(part).0;
    let url = arm(&id, &part.version);
    let collection = arm(id.rsplit_once('/').expect("an id").0, &part.version);
    let mut text = String::new();
    let mut note = |what: &str, said: String| writeln!(text, "## {what}\n{said}\n").expect("a string takes it");

    let nobody = azlet.actor("nobody").await;
    note("PUT without a right", nobody.put(&url, &body(&example.body)).await.error_code());
    note("GET of nothing", shown(&owner.get(&url).await));
    let started = owner.put(&url, &body(&example.body)).await;
    note("PUT", shown(&started));
    owner.follow(&started).await;
    note("GET", shown(&owner.get(&url).await));
    note("GET without a right", nobody.get(&url).await.error_code());
    let reader = azlet.actor("reader").await;
    note("GET and PUT of a Reader", {
        format!("{} {}", reader.get(&url).await.status(), reader.put(&url, &body(&example.body)).await.error_code())
    });
    let listed = owner.get(&collection).await;
    let names = listed.json()["value"].as_array().expect("a list").iter().map(|one| one["name"].clone()).collect::<Vec<_>>();
    note("LIST", format!("{} {}", listed.status(), json!(names)));
    note("PUT again", owner.put(&url, &body(&example.body)).await.status().to_string());
    if let Some(patch) = &example.patch {
        note("PATCH", shown(&owner.patch(&url, &body(patch)).await));
    }
    note("PUT of nothing", shown(&owner.put(&url, &json!({ "location": "westus2" })).await));
    let wrong = arm(&format!("{}/{}", id.rsplit_once('/').expect("an id").0, "no%3F%21name"), &part.version);
    note("PUT of a bad name", shown(&owner.put(&wrong, &body(&example.body)).await));
    note("DELETE of a Reader", reader.delete(&url).await.error_code());
    note("DELETE", shown(&owner.delete(&url).await));
    note("GET afterwards", owner.get(&url).await.error_code());
    note("DELETE again", owner.delete(&url).await.status().to_string());
    text
}

#[tokio::test]
async fn every_described_type_lives_from_put_to_delete() {
    for part in living() {
        let text = life(&part).await;
        insta::assert_snapshot!(format!("described_{}", part.full_type.replace(['/', '.'], "_")), text);
    }
}

#[test]
fn every_described_type_is_named_by_the_coverage() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("docs/COVERAGE.md");
    let coverage = std::fs::read_to_string(path).expect("the coverage");
    let missing: Vec<String> =
        living().map(|part| format!("`{}`", part.full_type)).filter(|name| !coverage.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "described types without a row in docs/COVERAGE.md: {}", missing.join(", "));
}

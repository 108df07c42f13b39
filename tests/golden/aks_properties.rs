//! What must hold for any body of a cluster or a pool: it is taken, or refused with a 4xx, and the emulator goes on. Members are AKS'
//! own, by the table that the emulator reads bodies with; values are anything.

use std::sync::LazyLock;

use azlet_tests::aks::{below, body, url};
use azlet_tests::{Actor, Azlet};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

static TYPES: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../fixtures/container-service/types.json")).expect("the table of members")
});

/// Words and numbers that mean something to some rule.
const WORDS: [&str; 24] = [
    "",
    "a",
    "1.33",
    "1.34.2",
    "azure",
    "kubenet",
    "overlay",
    "cilium",
    "none",
    "10.0.0.0/16",
    "::/0",
    "0.0.0.0/0",
    "10.0.0.10",
    "::1",
    "System",
    "Windows",
    "Spot",
    "VirtualMachines",
    "AvailabilitySet",
    "Standard_D4s_v3",
    "key=value:NoSchedule",
    "33%",
    "2026-01-01T00:00:00Z",
    "ä/ö\u{0}",
];
const NUMBERS: [i64; 9] = [i64::MIN, -1, 0, 1, 3, 100, 1000, 2_147_483_648, i64::MAX];

/// A value that a kind of the table allows, out of a stream of numbers that decides everything.
fn value(kind: &str, stream: &mut impl Iterator<Item = usize>, depth: u32) -> Value {
    let choice = stream.next().unwrap_or(0);
    // One in ten is of another kind.
    if choice % 10 == 9 {
        return [json!(null), json!(true), json!("x"), json!(1.5), json!([]), json!({}), json!([{}])][choice / 10 % 7].clone();
    }
    match kind.as_bytes() {
        [b's'] => json!(WORDS[choice % WORDS.len()]),
        [b'b'] => json!(choice.is_multiple_of(2)),
        [b'i'] => json!(NUMBERS[choice % NUMBERS.len()]),
        [b'n'] => json!(NUMBERS[choice % NUMBERS.len()] as f64 / 2.0),
        [b'='] | [] | [b'*'] => json!({}),
        [b'=', ..] => TYPES["values"][&kind[1..]].get(choice % 5).cloned().unwrap_or(json!("?")),
        [b'[', ..] => Value::Array((0..choice % 3).map(|_| value(&kind[1..], stream, depth + 1)).collect()),
        [b'{', ..] => {
            let keys = ["omsagent", "azurepolicy", "kubeletidentity", "a.b/c"];
            let entry = |index: usize| (keys[index % keys.len()].to_owned(), value(&kind[1..], stream, depth + 1));
            Value::Object((0..choice % 3).map(entry).collect())
        }
        _ => object(kind, stream, depth),
    }
}

/// An object of a type with a few of its members.
fn object(kind: &str, stream: &mut impl Iterator<Item = usize>, depth: u32) -> Value {
    let known: Vec<(&String, &Value)> = TYPES["types"][kind].as_object().into_iter().flatten().collect();
    if known.is_empty() || depth > 6 {
        return json!({});
    }
    let mut members = Map::new();
    for _ in 0..stream.next().unwrap_or(0) % 5 {
        let (name, of) = known[stream.next().unwrap_or(0) % known.len()];
        members.insert(name.clone(), value(of.as_str().unwrap_or("*"), stream, depth + 1));
    }
    Value::Object(members)
}

async fn is_answered(owner: &Actor, url: &str, body: &Value) {
    let answer = owner.put(url, body).await;
    assert!((200..500).contains(&answer.status()), "{body}\n{}", answer.golden());
}

/// Puts many bodies over the same cluster: what one leaves behind, the next finds.
async fn puts(streams: Vec<Vec<usize>>) {
    let (_azlet, owner) = Azlet::with_group().await;
    for stream in streams {
        let mut stream = stream.into_iter();
        let properties = object("Properties", &mut stream, 0);
        let mut cluster = body(&properties);
        if stream.next().unwrap_or(0) % 3 == 0 {
            cluster["sku"] = value("ManagedClusterSKU", &mut stream, 0);
        }
        is_answered(&owner, &url("c"), &cluster).await;
        let pool = json!({ "properties": object("AgentPoolProperties", &mut stream, 0) });
        is_answered(&owner, &below("c", "agentPools/other"), &pool).await;
        assert!(owner.get(&url("c")).await.status() < 500);
        assert!(owner.get(&below("c", "agentPools")).await.status() < 500);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_of_a_cluster_or_a_pool_is_a_fault(streams in prop::collection::vec(prop::collection::vec(0usize..1000, 60..200), 20)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(puts(streams));
    }
}

//! How often a registry may be called. Source: Azure Container Registry's page on service limits (2026); that deletions tell how many
//! are left in a second is recorded. The detail of a refusal is not known; how long a bucket stays closed is inferred.

use azlet::acr::store::Settings;
use azlet_tests::Azlet;
use azlet_tests::registry::{HOST, push_image};
use serde_json::json;

#[tokio::test]
async fn too_many_calls_are_refused_when_a_test_asks_for_it() {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let actor = azlet.registry_actor(HOST, "owner", "repository:a:*").await;
    let digest = push_image(&actor, HOST, "a", "v1", "one").await;
    let referrers = format!("https://{HOST}/v2/a/referrers/{digest}");
    let set =
        azlet.anonymous().post(&format!("{}/_azlet/settings", azlet.endpoint()), &json!({ "registryThrottling": true })).await;
    assert_eq!(set.status(), 200, "{}", set.golden());
    for call in 0..250 {
        assert_eq!(actor.get(&referrers).await.status(), 200, "call {call}");
    }
    insta::assert_snapshot!("too_many", actor.get(&referrers).await.golden_with(&["retry-after", "content-length"]));
    azlet.advance("20s").await;
    assert_eq!(actor.get(&referrers).await.header("retry-after"), Some("40"), "it counts down");
    assert_eq!(actor.get(&format!("https://{HOST}/v2/a/manifests/v1")).await.status(), 200, "other calls are counted apart");
    azlet.assign("nobody", "AcrPull", &azlet_tests::resource_id("rg", "Microsoft.ContainerRegistry/registries/reg"));
    let other = azlet.registry_actor(HOST, "nobody", "repository:a:pull").await;
    assert_eq!(other.get(&referrers).await.status(), 200, "another caller has calls of its own");
    azlet.advance("40s").await;
    assert_eq!(actor.get(&referrers).await.status(), 200);
}

#[tokio::test]
async fn deletions_tell_how_many_are_left_in_a_second() {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let actor = azlet.registry_actor(HOST, "owner", "repository:a:*").await;
    push_image(&actor, HOST, "a", "v1", "one").await;
    let tag = format!("https://{HOST}/acr/v1/a/_tags/v1");
    let left = |answer: azlet_tests::Answer| {
        (answer.status(), answer.header("x-ms-ratelimit-remaining-calls-per-second").unwrap_or_default().to_owned())
    };
    assert_eq!(left(actor.delete(&tag).await), (202, "8.000000".into()));
    assert_eq!(left(actor.delete(&tag).await), (404, "7.000000".into()));
    assert_eq!(left(actor.get(&tag).await), (404, String::new()));
    azlet.advance("1s").await;
    assert_eq!(left(actor.delete(&tag).await), (404, "8.000000".into()));
}

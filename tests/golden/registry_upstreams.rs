//! Registries outside of Azure as clients and nodes meet them: what they hold, how they let in, how they say no. Sources: CNCF
//! Distribution "Token Authentication"; bodies and texts of these registries as users report them. Marked `inferred`: the bodies of
//! `registry.k8s.io` and of hosts that nothing is known about, and that nobody's accounts are checked.

use azlet::acr::pull::{Platform, PullFailure, Pulled, Reference, pull};
use azlet_tests::archive::Archive;
use azlet_tests::{Azlet, arm, resource_id};
use serde_json::json;

fn image(name: &str, text: &str) -> Vec<u8> {
    let mut archive = Archive::layout();
    let image = archive.image("amd64", text);
    let index = archive.index(&[image]);
    archive.named(&[("io.containerd.image.name", name, &index)]);
    archive.bytes()
}

async fn start() -> Azlet {
    let azlet = Azlet::start().await;
    for name in ["ghcr.io/team/app:v1", "quay.io/team/app:v1", "registry.k8s.io/pause:3.10", "registry.example:5000/team/app:v1"]
    {
        assert_eq!(azlet.load(image(name, name), "").await.status(), 201, "{name}");
    }
    azlet
}

#[tokio::test]
async fn docker_hub_gives_everyone_a_token_for_what_it_holds() {
    let azlet = start().await;
    let nobody = azlet.anonymous();
    let hub = "https://registry-1.docker.io/v2";
    insta::assert_snapshot!("hub_base", nobody.get(&format!("{hub}/")).await.golden());
    insta::assert_snapshot!("hub_challenge", nobody.get(&format!("{hub}/library/nginx/manifests/latest")).await.golden());
    let token = async |scope: &str| {
        nobody.get(&format!("https://auth.docker.io/token?service=registry.docker.io&scope=repository:{scope}:pull")).await
    };
    let given = token("library/nginx").await;
    insta::assert_snapshot!("hub_token", given.golden());
    let puller = azlet.bearer(given.json()["token"].as_str().expect("a token"));
    let latest = puller.get(&format!("{hub}/library/nginx/manifests/latest")).await;
    assert_eq!((latest.status(), latest.json()["manifests"].as_array().map(Vec::len)), (200, Some(2)));
    for host in ["docker.io", "index.docker.io"] {
        assert_eq!(puller.get(&format!("https://{host}/v2/library/nginx/manifests/latest")).await.status(), 200, "{host}");
    }
    insta::assert_snapshot!("hub_unknown_tag", puller.get(&format!("{hub}/library/nginx/manifests/none")).await.golden());
    insta::assert_snapshot!("hub_tags", puller.get(&format!("{hub}/library/nginx/tags/list")).await.golden());
    insta::assert_snapshot!("hub_push", puller.post(&format!("{hub}/library/nginx/blobs/uploads/"), &json!({})).await.golden());
    let absent = token("nats").await;
    assert_eq!(absent.status(), 200, "the token endpoint does not tell what there is");
    let puller = azlet.bearer(absent.json()["token"].as_str().expect("a token"));
    insta::assert_snapshot!("hub_absent", puller.get(&format!("{hub}/nats/manifests/latest")).await.golden());
    assert_eq!(puller.get(&format!("{hub}/library/nginx/manifests/latest")).await.status(), 401, "a token for something else");
    assert_eq!(azlet.bearer("garbage").get(&format!("{hub}/library/nginx/manifests/latest")).await.status(), 401);
    azlet.advance("6m").await;
    let late = azlet.bearer(given.json()["token"].as_str().expect("a token"));
    assert_eq!(late.get(&format!("{hub}/library/nginx/manifests/latest")).await.status(), 401, "after five minutes");
}

#[tokio::test]
async fn each_registry_says_no_in_its_own_way() {
    let azlet = start().await;
    let nobody = azlet.anonymous();
    let mut lines = Vec::new();
    for url in [
        "https://ghcr.io/v2/team/app/manifests/v1",
        "https://ghcr.io/token?service=ghcr.io&scope=repository:team/none:pull",
        "https://quay.io/v2/team/app/manifests/v1",
        "https://quay.io/v2/team/none/manifests/v1",
        "https://mcr.microsoft.com/v2/team/none/manifests/v1",
        "https://mcr.microsoft.com/v2/mcr/hello-world/manifests/none",
        "https://registry.k8s.io/v2/pause/manifests/none",
        "https://registry.k8s.io/v2/none/manifests/v1",
        "https://registry.k8s.io/v2/none/tags/list",
        "https://registry.example:5000/v2/",
        "https://registry.example:5000/v2/_catalog",
        "https://registry.example:5000/v2/team/app/manifests/none",
        "https://registry.example:5000/v2/team/app/blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "https://registry.example:5000/oauth2/token",
        "https://registry.example/v2/",
    ] {
        let answer = nobody.get(url).await;
        let challenge = answer.header("www-authenticate").map(|it| format!(" [{it}]")).unwrap_or_default();
        lines.push(format!("{url}: {} {}{challenge}", answer.status(), answer.text().trim_end()));
    }
    insta::assert_snapshot!("refusals", lines.join("\n"));
    let unknown = azlet.client().get("https://registry.other/v2/").send().await;
    assert!(unknown.is_err() || unknown.is_ok_and(|it| it.status() == 403), "what nothing was loaded from is refused");
}

#[tokio::test]
async fn the_token_flow_of_each_opens_what_was_loaded() {
    let azlet = start().await;
    for (host, token) in [
        ("ghcr.io", "https://ghcr.io/token?service=ghcr.io&scope=repository:team/app:pull"),
        ("quay.io", "https://quay.io/v2/auth?service=quay.io&scope=repository:team/app:pull"),
    ] {
        let token = azlet.anonymous().get(token).await;
        let puller = azlet.bearer(token.json()["token"].as_str().unwrap_or_else(|| panic!("{}", token.golden())));
        assert_eq!(puller.get(&format!("https://{host}/v2/team/app/manifests/v1")).await.status(), 200, "{host}");
        let other = if host == "ghcr.io" { "quay.io" } else { "ghcr.io" };
        assert_eq!(puller.get(&format!("https://{other}/v2/team/app/manifests/v1")).await.status(), 401, "{other}");
    }
    let nobody = azlet.anonymous();
    assert_eq!(nobody.get("https://registry.k8s.io/v2/pause/manifests/3.10").await.status(), 200);
    assert_eq!(nobody.get("https://registry.example:5000/v2/team/app/manifests/v1").await.status(), 200);
}

#[tokio::test]
async fn a_node_pulls_from_them_and_tells_what_it_was_refused() {
    let azlet = start().await;
    let text = |name: &str| {
        let reference = Reference::parse(name).expect("a name");
        let pulled: Result<Pulled, PullFailure> = pull(&azlet.world(), &reference, Platform::USUAL, None, &[]);
        pulled.map_or_else(|failure| format!("{name}: {failure}"), |pulled| format!("{name}: pulled, {} bytes", pulled.size))
    };
    let lines = [
        text("nginx:1.29"),
        text("ghcr.io/team/app:v1"),
        text("quay.io/team/app:v1"),
        text("registry.k8s.io/pause:3.10"),
        text("registry.example:5000/team/app:v1"),
        text("nats"),
        text("nginx:none"),
        text("ghcr.io/team/none:v1"),
        text("quay.io/team/none:v1"),
        text("mcr.microsoft.com/none:v1"),
        text("registry.k8s.io/none:v1"),
        text("registry.other/team/app:v1"),
    ];
    insta::assert_snapshot!("node_pulls", lines.join("\n"));
}

#[tokio::test]
async fn imports_and_caches_find_what_was_loaded() {
    let (azlet, owner) = Azlet::with_group().await;
    for name in ["ghcr.io/team/app:v1", "registry.example:5000/team/app:v1", "docker.io/library/busybox:1.37"] {
        azlet.load(image(name, name), "").await;
    }
    let url = |rest: &str| arm(&resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/reg01{rest}")), "2025-11-01");
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Basic" } })).await;
    let mut lines = Vec::new();
    for (host, image) in [
        ("ghcr.io", "team/app:v1"),
        ("registry.example:5000", "team/app:v1"),
        ("registry-1.docker.io", "library/nginx:latest"),
        ("docker.io", "nginx:latest"),
        ("docker.io", "library/nginx:none"),
        ("ghcr.io", "team/none:v1"),
        ("quay.io", "team/none:v1"),
        ("registry.k8s.io", "none:v1"),
        ("registry.other", "team/app:v1"),
        ("docker.io:5000", "library/nginx:latest"),
    ] {
        let source = json!({ "registryUri": host, "sourceImage": image });
        let tag = format!("copies/{}", image.replace("library/", ""));
        let started = owner.post(&url("/importImage"), &json!({ "source": source, "targetTags": [tag], "mode": "Force" })).await;
        let ended = if started.status() == 202 { owner.follow(&started).await } else { started };
        let text = if ended.status() == 200 { "200 imported".to_owned() } else { ended.refusal() };
        lines.push(format!("{host}/{image}: {}", text.split(" failed. Resource ").last().unwrap_or_default()));
    }
    let rule = |from: &str, to: &str| json!({ "properties": { "sourceRepository": from, "targetRepository": to } });
    owner.put(&url("/cacheRules/hub-rule"), &rule("docker.io/*", "hub/*")).await;
    owner.put(&url("/cacheRules/ghcr-rule"), &rule("ghcr.io/team/app", "app")).await;
    let host = "reg01.azurecr.io";
    let scopes = "repository:hub/busybox:pull repository:hub/none/none:pull repository:app:pull";
    let puller = azlet.registry_actor(host, "owner", scopes).await;
    for path in [
        "hub/busybox/manifests/1.37",
        "hub/busybox/manifests/1.37",
        "app/manifests/v1",
        "app/manifests/v2",
        "hub/none/none/manifests/v1",
    ] {
        let answer = puller.get(&format!("https://{host}/v2/{path}")).await;
        let origin = answer.header("x-azure-origin").unwrap_or("-");
        let error = answer.json()["errors"][0].clone();
        let error = if error.is_null() { String::new() } else { format!(" {}: {}", error["code"], error["message"]) };
        lines.push(format!("{path}: {} origin {origin}{error}", answer.status()));
    }
    insta::assert_snapshot!("imports_and_caches", lines.join("\n"));
}

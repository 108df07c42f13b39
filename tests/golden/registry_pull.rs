//! Importing, and pulling as a node does. Sources: Azure's documentation of `az acr import`; containerd's and the kubelet's texts as
//! users report them from AKS.

use azlet::acr::import::{Import, ImportFailure, ImportRegistry, ImportSource, plan, run_here};
use azlet::acr::pull::{BasicCredential, Platform, PullFailure, Pulled, Reference, exchange_as, pull};
use azlet::acr::store::Settings;
use azlet::kernel::resource_id::ResourceId;
use azlet_tests::registry::{HOST, push_image};
use azlet_tests::{Azlet, resource_id};

fn registry_id(name: &str) -> String {
    resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{name}"))
}

async fn start() -> Azlet {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    azlet
}

/// What a node would pull, with `nobody` of the seed as the kubelet's identity.
fn node_pulls(azlet: &Azlet, image: &str, secrets: &[(&str, &str)]) -> Result<Pulled, PullFailure> {
    let credential = |(user, password): &(&str, &str)| BasicCredential { username: (*user).into(), password: (*password).into() };
    let secrets: Vec<BasicCredential> = secrets.iter().map(credential).collect();
    let reference = Reference::parse(image).expect("an image's name");
    pull(&azlet.world(), &reference, Platform::USUAL, Some(azlet.object_id("nobody")), &secrets)
}

fn bring(
    azlet: &Azlet,
    caller: &str,
    registry: ImportRegistry,
    image: &str,
    tags: &[&str],
    force: bool,
) -> Result<(), ImportFailure> {
    let world = azlet.world();
    let caller = world.directory.caller(azlet.object_id(caller)).expect("a caller");
    let target = world.acr.by_login_server(HOST).expect("made above");
    let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let source = ImportSource { registry, image: image.into() };
    let planned = plan(&world, &caller, &target, &Import { source, target_tags: tags, untagged: Vec::new(), force })?;
    run_here(&world, planned).unwrap_or_else(|_| panic!("it needs a network"))
}

fn uri(host: &str) -> ImportRegistry {
    ImportRegistry::Uri { host: host.into(), credentials: None }
}

#[tokio::test]
async fn an_import_brings_all_platforms_under_the_same_digest() {
    let azlet = start().await;
    bring(&azlet, "owner", uri("docker.io"), "library/nginx:latest", &["nginx:v1", "copies/nginx"], false).expect("imported");
    let actor = azlet.registry_actor(HOST, "owner", "repository:nginx:* repository:copies/nginx:*").await;
    let index = actor.get(&format!("https://{HOST}/v2/nginx/manifests/v1")).await;
    insta::assert_snapshot!("imported_index", index.golden());
    for child in index.json()["manifests"].as_array().expect("children") {
        let digest = child["digest"].as_str().expect("a digest");
        let manifest = actor.get(&format!("https://{HOST}/v2/nginx/manifests/{digest}")).await;
        for blob in manifest.json()["layers"].as_array().expect("layers") {
            let digest = blob["digest"].as_str().expect("a digest");
            let blob = actor.get(&format!("https://{HOST}/v2/nginx/blobs/{digest}")).await;
            assert_eq!(azlet::acr::digest::Digest::sha256(blob.bytes()).as_str(), digest);
        }
    }
    let bare = actor.get(&format!("https://{HOST}/acr/v1/copies/nginx")).await.json();
    assert_eq!((&bare["tagCount"], &bare["manifestCount"]), (&0.into(), &3.into()), "a bare repository gets no tag");
    let digest = index.header("docker-content-digest").expect("a digest");
    let source = format!("library/nginx@{digest}");
    bring(&azlet, "owner", uri("docker.io"), &source, &["nginx:by-digest"], false).expect("imported by digest");
    let registry = azlet.world().acr.by_login_server(HOST).expect("made above");
    assert!(registry.size_in_bytes() > 0);
    let before = registry.size_in_bytes();
    bring(&azlet, "owner", uri("docker.io"), "library/nginx:latest", &["third:v1"], false).expect("imported");
    assert_eq!(registry.size_in_bytes(), before, "the same content is counted once");
}

#[tokio::test]
async fn a_failed_import_says_why_and_changes_nothing() {
    let azlet = start().await;
    azlet.registry("other", Settings::default());
    let other = "other.azurecr.io";
    push_image(&azlet.registry_actor(other, "owner", "repository:a:pull,push").await, other, "a", "v1", "text").await;
    let from_other = || ImportRegistry::Resource(ResourceId::new(&registry_id("other")));
    bring(&azlet, "owner", from_other(), "a:v1", &["a:v1"], false).expect("imported from a registry of Azure");
    let wrong = BasicCredential { username: "other".into(), password: "wrong".into() };
    let refused = ImportRegistry::Uri { host: other.into(), credentials: Some(wrong) };
    let again = |force| bring(&azlet, "owner", from_other(), "a:v1", &["new:v1", "a:v1"], force);
    let lines: Vec<String> = [
        ("the tag exists", again(false)),
        ("an unknown tag", bring(&azlet, "owner", uri("docker.io"), "library/nginx:none", &["b:v1"], false)),
        ("an unknown repository", bring(&azlet, "owner", uri("docker.io"), "nginx:latest", &["b:v1"], false)),
        ("no rights on the source", bring(&azlet, "nobody", from_other(), "a:v1", &["b:v1"], false)),
        ("refused credentials", bring(&azlet, "owner", refused, "a:v1", &["b:v1"], false)),
        ("an unknown source", bring(&azlet, "owner", uri("ghcr.io"), "a:v1", &["b:v1"], false)),
        ("a name that cannot be", bring(&azlet, "owner", uri("docker.io"), "library/nginx:latest", &["B:v1"], false)),
    ]
    .into_iter()
    .map(|(name, result)| match result {
        Ok(()) => format!("{name}: imported"),
        Err(failure) => format!("{name}: {} {}", failure.code, failure.message("registries-0")),
    })
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
    let actor = azlet.registry_actor(HOST, "owner", "registry:catalog:*").await;
    assert_eq!(actor.get(&format!("https://{HOST}/v2/_catalog")).await.text(), "{\"repositories\":[\"a\"]}\n");
    again(true).expect("forced");
}

#[tokio::test]
async fn a_node_pulls_with_the_kubelets_identity() {
    let azlet = start().await;
    bring(&azlet, "owner", uri("docker.io"), "library/nginx:latest", &["nginx:v1"], false).expect("imported");
    let image = format!("{HOST}/nginx:v1");
    let refused = node_pulls(&azlet, &image, &[]).expect_err("no role yet");
    insta::assert_snapshot!("pull_not_attached", refused.to_string());
    let name = azlet.assign("nobody", "AcrPull", &registry_id("reg"));
    let pulled = node_pulls(&azlet, &image, &[]).expect("attached");
    insta::assert_snapshot!("pulled", format!("{} {} bytes\n{:#}", pulled.image_id, pulled.size, pulled.config));
    azlet.world().access.remove_assignment(name);
    assert!(node_pulls(&azlet, &image, &[]).is_err(), "detached");
    // Other rights on the registry: the exchange succeeds, the pull does not.
    azlet.assign("nobody", "AcrDelete", &registry_id("reg"));
    insta::assert_snapshot!("pull_with_other_rights", node_pulls(&azlet, &image, &[]).expect_err("no pull").to_string());
}

#[tokio::test]
async fn a_pull_that_fails_says_it_as_the_kubelet_does() {
    let azlet = start().await;
    bring(&azlet, "owner", uri("docker.io"), "library/nginx:latest", &["team/nginx:v1"], false).expect("imported");
    let text = |image: &str, secrets: &[(&str, &str)]| match node_pulls(&azlet, image, secrets) {
        Ok(pulled) => format!("{image}: pulled {}", pulled.image_id),
        Err(failure) => format!("{image}: {failure}"),
    };
    let image = format!("{HOST}/team/nginx:v1");
    let owner = ("0a210000-0000-4000-8000-0000000000a1", "azlet~owner~secret");
    let mut lines = vec![
        text(&image, &[]),
        text(&image, &[("0a210000-0000-4000-8000-0000000000a1", "wrong")]),
        text(&image, &[("someone", "wrong"), owner]),
        text(&format!("{HOST}/team/nginx:none"), &[owner]),
        text("absent.azurecr.io/nginx:v1", &[]),
        text("nginx", &[]),
        text("nginx:none", &[]),
        text("nobody/nothing", &[]),
        text("mcr.microsoft.com/mcr/hello-world", &[]),
        text("mcr.microsoft.com/mcr/none", &[]),
        text("quay.io/some/thing:v1", &[]),
    ];
    azlet.assign("nobody", "AcrPull", &registry_id("reg"));
    lines.push(text(&format!("{HOST}/team/nginx:none"), &[]));
    azlet.world().acr.by_login_server(HOST).expect("made above").settings.write().public_network_access = false;
    lines.push(text(&image, &[]));
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn a_check_of_access_is_told_what_the_exchange_says() {
    let azlet = start().await;
    let nobody = azlet.object_id("nobody");
    let refused = exchange_as(&azlet.world(), nobody, HOST).expect_err("no role yet");
    assert_eq!(refused.status, 401);
    assert!(
        refused.body.starts_with("{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required"),
        "{}",
        refused.body
    );
    azlet.assign("nobody", "AcrPull", &registry_id("reg"));
    assert!(exchange_as(&azlet.world(), nobody, "REG.azurecr.io").is_ok());
    assert_eq!(exchange_as(&azlet.world(), nobody, "absent.azurecr.io").expect_err("no such registry").status, 404);
}

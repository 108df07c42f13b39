//! A user's own images: `/_azlet/images` and what it takes. Sources: OCI Image Specification 1.1 "Image Layout" and "Annotations";
//! containerd's annotation with the whole name; Docker Image Specification 1.2 for what `docker save` writes.

use std::io::Write as _;

use azlet::acr::digest::Digest;
use azlet_tests::archive::Archive;
use azlet_tests::registry::OCI_MANIFEST;
use azlet_tests::{Actor, Answer, Azlet};
use serde_json::{Value, json};

const NAME: &str = "io.containerd.image.name";
const REF: &str = "org.opencontainers.image.ref.name";

/// An image for two platforms under a name.
fn web(name: &str) -> Archive {
    let mut archive = Archive::layout();
    let children = [archive.image("amd64", "web for amd64"), archive.image("arm64", "web for arm64")];
    let index = archive.index(&children);
    archive.named(&[(NAME, name, &index)]);
    archive
}

/// What is there beside the seed's images, a line each.
async fn listed(azlet: &Azlet) -> Vec<String> {
    let answer = azlet.anonymous().get(&format!("{}/_azlet/images", azlet.endpoint())).await.json();
    let line = |image: &Value| {
        let text = |key: &str| image[key].as_str().unwrap_or_default().to_owned();
        format!("{}/{}:{} {}", text("registry"), text("repository"), text("tag"), image["platforms"])
    };
    let images = answer["images"].as_array().cloned().unwrap_or_default();
    let seed = ["docker.io/library/nginx", "mcr.microsoft.com/"];
    images.iter().map(line).filter(|line| !seed.iter().any(|it| line.starts_with(it))).collect()
}

/// In a line: how loading ends.
fn outcome(answer: &Answer) -> String {
    let body = answer.json();
    match body["error"].as_str() {
        Some(error) => format!("{} {error}", answer.status()),
        None => {
            let names = body["images"].as_array().into_iter().flatten();
            let names = names.map(|it| format!("{}/{}:{}", it["registry"], it["repository"], it["tag"]).replace('"', ""));
            let notes = body["notes"].as_array().into_iter().flatten().map(|note| format!("; {note}"));
            format!("{} {}{}", answer.status(), names.collect::<Vec<_>>().join(", "), notes.collect::<String>())
        }
    }
}

/// Digests in a text by their first digits, so that a line stays a line.
fn short(text: &str) -> String {
    let mut pieces = text.split("sha256:");
    let first = pieces.next().unwrap_or_default().to_owned();
    let cut = |piece: &str| {
        let hex = piece.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(piece.len());
        format!("sha256:{}…{}", &piece[..hex.min(8)], &piece[hex..])
    };
    pieces.fold(first, |all, piece| all + &cut(piece))
}

async fn pull(actor: &Actor, host: &str, repository: &str, reference: &str) -> Answer {
    actor.get(&format!("https://{host}/v2/{repository}/manifests/{reference}")).await
}

#[tokio::test]
async fn a_layout_is_loaded_whole_and_served_byte_for_byte() {
    let azlet = Azlet::start().await;
    let archive = web("registry.example/team/web:v1");
    let loaded = azlet.load(archive.bytes(), "").await;
    insta::assert_snapshot!("loaded", loaded.golden());
    let nobody = azlet.anonymous();
    let index = pull(&nobody, "registry.example", "team/web", "v1").await;
    assert_eq!(index.header("docker-content-digest"), loaded.json()["images"][0]["digest"].as_str());
    for child in index.json()["manifests"].as_array().expect("two platforms") {
        let manifest = pull(&nobody, "registry.example", "team/web", child["digest"].as_str().expect("a digest")).await;
        let layer = manifest.json()["layers"][0]["digest"].as_str().expect("a digest").to_owned();
        let blob = nobody.get(&format!("https://registry.example/v2/team/web/blobs/{layer}")).await;
        assert_eq!(Digest::sha256(blob.bytes()).as_str(), layer);
    }
    insta::assert_snapshot!("loaded_pull", index.golden());
}

#[tokio::test]
async fn names_come_from_the_archive_or_from_who_loads_it() {
    let azlet = Azlet::start().await;
    let single = |annotation: &str, name: &str| {
        let mut archive = Archive::layout();
        let image = archive.image("amd64", "one");
        archive.named(&[(annotation, name, &image)]);
        archive.bytes()
    };
    let two = || {
        let mut archive = Archive::layout();
        let (one, other) = (archive.image("amd64", "one"), archive.image("amd64", "other"));
        archive.named(&[(REF, "v1", &one), (REF, "v2", &other), (REF, "latest", &other)]);
        archive.bytes()
    };
    let mut folder = web("docker.io/library/web:v3");
    for (path, _) in &mut folder.files {
        *path = format!("./web/{path}");
    }
    let mut lines = Vec::new();
    for (case, archive, query) in [
        ("containerd's annotation", single(NAME, "ghcr.io/team/app:v1"), ""),
        ("the specification's annotation with a whole name", single(REF, "quay.io/team/app:v2"), ""),
        ("a name as docker writes it", single(REF, "app:v1"), ""),
        ("a tag alone", single(REF, "v1"), ""),
        ("a tag alone, and a name", single(REF, "v7"), "?as=registry.example/team/app"),
        ("no name", single("", ""), ""),
        ("no name, and one without a tag", single("", ""), "?as=registry.example/team/app"),
        ("another name", single(NAME, "ghcr.io/team/app:v1"), "?as=registry.example:5000/team/app:v9"),
        ("a host in capital letters, and a port of HTTPS", single("", ""), "?as=Registry.Example:443/team/app:v10"),
        ("another name of Docker Hub", single("", ""), "?as=registry-1.docker.io/team/app:v1"),
        ("two images with tags, and a name", two(), "?as=registry.example/team/two"),
        ("two images, and a name with a tag", two(), "?as=registry.example/team/two:v1"),
        ("a folder around everything", folder.bytes(), ""),
        ("a registry of Azure", single("", ""), "?as=myregistry.azurecr.io/app:v1"),
        ("an address", single("", ""), "?as=10.0.0.1:5000/app:v1"),
        ("this machine", single("", ""), "?as=localhost:5000/app:v1"),
        ("a name with a digest", single("", ""), &format!("?as=quay.io/a@sha256:{}", "a".repeat(64))),
        ("a name that is none", single("", ""), "?as=quay.io/A:v1"),
        ("an option that is none", single("", ""), "?at=quay.io/a:v1"),
    ] {
        lines.push(format!("{case}: {}", short(&outcome(&azlet.load(archive, query).await))));
    }
    insta::assert_snapshot!("names", lines.join("\n"));
    insta::assert_snapshot!("listed", listed(&azlet).await.join("\n"));
}

/// What `docker save` wrote before it wrote layouts; `layer` is at the path that the list names.
fn saved(layer_path: &str, layer: &[u8], unpacked: &[u8]) -> Archive {
    let mut archive = Archive::default();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": { "Cmd": ["sh"] },
        "rootfs": { "type": "layers", "diff_ids": [Digest::sha256(unpacked).as_str()] },
    });
    let config = config.to_string();
    let digest = Digest::sha256(config.as_bytes());
    let config_path = format!("{}.json", digest.as_str().trim_start_matches("sha256:"));
    archive.file(layer_path, layer);
    archive.file(&config_path, config);
    let list = json!([{ "Config": config_path, "RepoTags": ["team/tool:v1", "tool:latest"], "Layers": [layer_path] }]);
    archive.file("manifest.json", list.to_string());
    archive
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).expect("memory takes it");
    writer.finish().expect("memory takes it")
}

#[tokio::test]
async fn what_docker_save_writes_gets_a_manifest() {
    let azlet = Azlet::start().await;
    let loaded = azlet.load(saved("0123/layer.tar", b"a layer", b"a layer").bytes(), "").await;
    insta::assert_snapshot!("docker_save", loaded.golden());
    let token =
        azlet.anonymous().get("https://auth.docker.io/token?service=registry.docker.io&scope=repository:team/tool:pull").await;
    let puller = azlet.bearer(token.json()["token"].as_str().expect("a token"));
    insta::assert_snapshot!("docker_save_manifest", pull(&puller, "registry-1.docker.io", "team/tool", "v1").await.golden());
    // Other tools write gzipped layers into the same form; what they unpack to is what the configuration names.
    let packed = gzipped(b"a packed layer");
    let loaded = azlet.load(saved("abc.tar.gz", &packed, b"a packed layer").bytes(), "?as=quay.io/team/packed:v1").await;
    assert_eq!(loaded.status(), 201, "{}", loaded.golden());
    let whole = gzipped(&saved("0123/layer.tar", b"a layer", b"a layer").bytes());
    assert_eq!(azlet.load(whole, "?as=quay.io/team/tool:v1").await.status(), 201, "a gzipped archive");
    // Newer versions write a layout beside the list; the layout counts, and the list has the names that it leaves out.
    let mut both = Archive::layout();
    let image = both.image("amd64", "both");
    both.named(&[("", "", &image)]);
    let config = both.files.iter().find(|(path, content)| path.starts_with("blobs/") && content.starts_with(b"{\"architecture"));
    let config = config.expect("an image has one").0.clone();
    both.file("manifest.json", json!([{ "Config": config, "RepoTags": ["team/both:v1"], "Layers": [] }]).to_string());
    let loaded = azlet.load(both.bytes(), "").await;
    assert_eq!(loaded.json()["images"][0]["digest"], image["digest"], "{}", loaded.golden());
}

#[tokio::test]
async fn a_damaged_archive_is_refused_whole_and_says_where() {
    let azlet = Azlet::start().await;
    let mut lines = Vec::new();
    let mut refused = async |case: &str, archive: Vec<u8>| {
        let answer = azlet.load(archive, "").await;
        lines.push(format!("{case}: {}", short(&outcome(&answer))));
    };
    let name = "registry.example/team/web:v1";
    let good = web(name);
    let blob = |archive: &Archive, with: &str| {
        let has =
            |(path, content): &&(String, Vec<u8>)| path.starts_with("blobs/") && String::from_utf8_lossy(content).contains(with);
        archive.files.iter().find(has).unwrap_or_else(|| panic!("no blob with {with}")).0.clone()
    };
    let changed = |change: &dyn Fn(&mut Archive)| {
        let mut archive = good.clone();
        change(&mut archive);
        archive.bytes()
    };
    let without = |with: &str| {
        let path = blob(&good, with);
        changed(&|archive| archive.files.retain(|(known, _)| *known != path))
    };
    let layer = blob(&good, "web for arm64");
    refused("nothing", Vec::new()).await;
    refused("no archive", b"this is no archive".repeat(100)).await;
    refused("another compression", vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]).await;
    refused("a zip file in gzip", gzipped(b"PK")).await;
    refused("an archive of something else", {
        let mut archive = Archive::default();
        archive.file("hello.txt", "hello");
        archive.bytes()
    })
    .await;
    let bytes = good.bytes();
    refused("broken off in the middle", bytes[..bytes.len() / 2].to_vec()).await;
    let packed = gzipped(&bytes);
    refused("broken off, gzipped", packed[..packed.len() - 6].to_vec()).await;
    refused("a layer with another byte", changed(&|archive| archive.content(&layer)[0] ^= 1)).await;
    refused("a layer that is missing", without("web for arm64")).await;
    refused("a platform that is missing", without("\"layers\"")).await;
    refused("an index that is missing", without("\"manifests\"")).await;
    refused("an index that is no JSON", changed(&|archive| *archive.content("index.json") = b"{".to_vec())).await;
    refused("an index without images", changed(&|archive| *archive.content("index.json") = b"{\"manifests\":[]}".to_vec())).await;
    refused("an index with another size", {
        let size = good.clone().content("index.json").clone();
        let text = String::from_utf8(size).expect("JSON").replace("\"size\":", "\"size\":1");
        changed(&|archive| *archive.content("index.json") = text.clone().into_bytes())
    })
    .await;
    refused(
        "another version of layouts",
        changed(&|archive| *archive.content("oci-layout") = b"{\"imageLayoutVersion\":\"2.0\"}".to_vec()),
    )
    .await;
    refused("a digest that is none", changed(&|archive| archive.file("blobs/sha256/abc", "x"))).await;
    refused("a path that leads out", changed(&|archive| archive.file("../../etc/passwd", "x"))).await;
    refused("a path from the root", changed(&|archive| archive.file("/etc/passwd", "x"))).await;
    let saved_layer = saved("a/layer.tar", b"other", b"a layer");
    refused("docker save: a layer that is not the one described", saved_layer.bytes()).await;
    let mut list = saved("a/layer.tar", b"a layer", b"a layer");
    list.files.retain(|(path, _)| path != "a/layer.tar");
    refused("docker save: a layer that is missing", list.bytes()).await;
    insta::assert_snapshot!("refused", lines.join("\n"));
    assert_eq!(listed(&azlet).await, Vec::<String>::new(), "nothing of all this is there");
    assert!(azlet.client().get("https://registry.example/v2/").send().await.is_err(), "and its host is still refused a tunnel");
}

#[tokio::test]
async fn a_platform_may_be_missing_if_it_is_said() {
    let azlet = Azlet::start().await;
    let mut archive = web("registry.example/team/web:v1");
    let arm = archive.files.iter().filter(|(path, _)| path.starts_with("blobs/")).nth(5).expect("the second platform").0.clone();
    archive.files.retain(|(path, _)| *path != arm);
    let answer = azlet.load(archive.bytes(), "?partial=true").await;
    insta::assert_snapshot!("partial", short(&outcome(&answer)));
    assert_eq!(listed(&azlet).await, ["registry.example/team/web:v1 [\"linux/amd64\"]"]);
}

#[tokio::test]
async fn links_within_an_archive_are_followed_and_others_refused() {
    let azlet = Azlet::start().await;
    let archive = |target: &str| {
        let whole = saved("first/layer.tar", b"a layer", b"a layer");
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in &whole.files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            let text = String::from_utf8_lossy(content).replace("first/layer.tar", "second/layer.tar");
            let content = if path == "manifest.json" { text.into_bytes() } else { content.clone() };
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_slice()).expect("memory takes it");
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "second/layer.tar", target).expect("memory takes it");
        builder.into_inner().expect("memory takes it")
    };
    let mut lines = Vec::new();
    for target in ["../first/layer.tar", "../absent/layer.tar", "layer.tar", "../../first/layer.tar", "/etc/passwd"] {
        lines.push(format!("{target}: {}", short(&outcome(&azlet.load(archive(target), "?as=quay.io/team/tool:v1").await))));
    }
    insta::assert_snapshot!("links", lines.join("\n"));
}

#[tokio::test]
async fn signatures_go_with_the_image_that_they_refer_to() {
    let azlet = Azlet::start().await;
    let mut archive = Archive::layout();
    let image = archive.image("amd64", "signed");
    let empty = archive.blob("application/vnd.oci.empty.v1+json", "{}");
    let signature = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/signature", "config": empty,
        "layers": [], "subject": { "mediaType": OCI_MANIFEST, "digest": image["digest"], "size": image["size"] },
    });
    let signature = archive.blob(OCI_MANIFEST, signature.to_string());
    archive.named(&[(NAME, "registry.example/team/app:v1", &image), ("", "", &signature)]);
    assert_eq!(azlet.load(archive.bytes(), "").await.status(), 201);
    let digest = image["digest"].as_str().expect("a digest");
    let referrers = azlet.anonymous().get(&format!("https://registry.example/v2/team/app/referrers/{digest}")).await.json();
    assert_eq!(referrers["manifests"][0]["digest"], signature["digest"]);
}

#[tokio::test]
async fn images_stay_over_a_reset_until_they_are_removed() {
    let azlet = Azlet::start().await;
    let control = |path: &str| format!("{}/_azlet/{path}", azlet.endpoint());
    azlet.load(web("registry.example/team/web:v1").bytes(), "").await;
    azlet.load(web("registry.example/team/web:v1").bytes(), "?as=registry.example/team/web:v2").await;
    azlet.load(web("registry.example/team/web:v1").bytes(), "?as=registry.example/team/other:v1").await;
    assert_eq!(azlet.anonymous().post(&control("reset"), &json!({})).await.status(), 204);
    let mut lines = vec![format!("after a reset: {}", listed(&azlet).await.join(", "))];
    let remove = async |name: &str| {
        let answer = azlet.anonymous().delete(&control(&format!("images?name={name}"))).await;
        format!("{name}: {} {}", answer.status(), answer.text())
    };
    lines.push(remove("registry.example/team/web:v1").await);
    lines.push(remove("registry.example/team/web:v1").await);
    let v2 = pull(&azlet.anonymous(), "registry.example", "team/web", "v2").await;
    lines.push(format!("the other tag: {}", v2.status()));
    let digest = v2.header("docker-content-digest").expect("a digest").to_owned();
    lines.push(short(&remove(&format!("registry.example/team/web@{digest}")).await));
    lines.push(remove("registry.example/team/other").await);
    lines.push(remove("registry.example/team/none").await);
    lines.push(remove("Registry/").await);
    let gone = azlet.client().get("https://registry.example/v2/").send().await;
    lines.push(format!("a host whose last image is gone: {}", gone.map_or("refused", |_| "served")));
    lines.push(remove("docker.io/library/nginx:1.29").await);
    insta::assert_snapshot!("removed", lines.join("\n"));
}

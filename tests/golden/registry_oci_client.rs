//! The `oci-client` crate as it is: signs in, pushes, pulls, lists, and is refused. It deletes nothing: it has no call for it.

use azlet::acr::store::Settings;
use azlet_tests::registry::HOST;
use azlet_tests::{Azlet, authority_pem};
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, Config, ImageLayer};
use oci_client::manifest::IMAGE_LAYER_MEDIA_TYPE;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

fn client(azlet: &Azlet, roots: Vec<Certificate>) -> Client {
    Client::new(ClientConfig { https_proxy: Some(azlet.endpoint()), tls_certs_only: roots, ..ClientConfig::default() })
}

fn trusting(azlet: &Azlet) -> Client {
    client(azlet, vec![Certificate { encoding: CertificateEncoding::Pem, data: authority_pem().into() }])
}

fn image(text: &str) -> Reference {
    format!("{HOST}/{text}").parse().expect("a reference")
}

/// A service principal of the seed, with its secret.
fn principal(azlet: &Azlet, name: &str) -> RegistryAuth {
    let world = azlet.world();
    let principal = world.seed.principal(name).expect("a principal of the seed");
    let secret = principal.client_secret.clone().expect("a secret");
    RegistryAuth::Basic(principal.app_id.expect("an application").to_string(), secret)
}

async fn push(client: &Client, to: &str, auth: &RegistryAuth) -> Result<String, String> {
    let layers = [ImageLayer::oci_v1(b"one layer".repeat(600_000), None), ImageLayer::oci_v1(&b"another"[..], None)];
    let config = Config::oci_v1(&br#"{"architecture": "amd64", "os": "linux"}"#[..], None);
    let answer = client.push(&image(to), &layers, config, auth, None).await.map_err(|error| error.to_string())?;
    Ok(answer.manifest_url)
}

async fn pull(client: &Client, from: &str, auth: &RegistryAuth) -> Result<usize, String> {
    let found = client.pull(&image(from), auth, vec![IMAGE_LAYER_MEDIA_TYPE]).await;
    found.map(|data| data.layers.iter().map(|layer| layer.data.len()).sum()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_image_is_pushed_in_chunks_pulled_and_listed() {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let (client, owner) = (trusting(&azlet), principal(&azlet, "owner"));
    for tag in ["v1", "v2"] {
        push(&client, &format!("team/app:{tag}"), &owner).await.expect("pushed");
    }
    assert_eq!(pull(&client, "team/app:v1", &owner).await, Ok(5_400_007));
    let (manifest, digest) = client.pull_manifest(&image("team/app:v1"), &owner).await.expect("a manifest");
    assert!(matches!(manifest, oci_client::manifest::OciManifest::Image(_)));
    assert_eq!(pull(&client, &format!("team/app@{digest}"), &owner).await, Ok(5_400_007));
    // It asks for a token to pull, whatever it does; the registry lists tags for who may read metadata (helm's and Argo CD's users
    // found so). A token of one's own does it.
    let reader = principal(&azlet, "reader");
    let refused = trusting(&azlet).list_tags(&image("team/app"), &reader, None, None).await.expect_err("a token to pull");
    assert!(refused.to_string().contains("Not authorized"), "{refused}");
    let refresh = azlet.refresh_token(HOST, "reader").await;
    let answer = azlet.access_token(HOST, &refresh, "repository:team/app:metadata_read").await;
    let token = RegistryAuth::Bearer(answer.json()["access_token"].as_str().expect("a token").to_owned());
    let tags = trusting(&azlet).list_tags(&image("team/app"), &token, None, None).await.expect("tags");
    assert_eq!(tags.tags, ["v1", "v2"]);
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    push(&trusting(&azlet), "team/app:v1", &principal(&azlet, "owner")).await.expect("pushed");
    let reader = principal(&azlet, "reader");
    assert_eq!(pull(&trusting(&azlet), "team/app:v1", &reader).await, Ok(5_400_007));
    let wrong = RegistryAuth::Basic("reg".into(), "wrong".into());
    for (what, refusal) in [
        ("a Reader pushes", push(&trusting(&azlet), "team/app:v2", &reader).await),
        ("nobody pulls", pull(&trusting(&azlet), "team/app:v1", &RegistryAuth::Anonymous).await.map(|size| size.to_string())),
        ("a wrong password", pull(&trusting(&azlet), "team/app:v1", &wrong).await.map(|size| size.to_string())),
    ] {
        let refusal = refusal.expect_err(what);
        assert!(refusal.contains("uthor") || refusal.contains("authentication required"), "{what}: {refusal}");
    }
    let refusal = pull(&client(&azlet, Vec::new()), "team/app:v1", &reader).await.expect_err("no authority");
    assert!(refusal.contains("error sending request"), "{refusal}");
}

#[tokio::test]
async fn a_refresh_token_is_a_password_for_three_hours() {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let token = azlet.refresh_token(HOST, "owner").await;
    let holder = RegistryAuth::Basic("00000000-0000-0000-0000-000000000000".into(), token);
    push(&trusting(&azlet), "team/app:v1", &holder).await.expect("pushed");
    azlet.advance("4h").await;
    pull(&trusting(&azlet), "team/app:v1", &holder).await.expect_err("it has expired");
}

//! `azlet credential-provider`: what a node's kubelet asks for the credential of an image (`credentialprovider.kubelet.k8s.io/v1`: a request
//! on standard input, a response on standard output). As AKS' own provider, it takes the node's identity to the registry: a token of the
//! metadata service, exchanged at `/oauth2/exchange`. It reaches the emulator as its clients do, through its proxy.
//!
//! Sources: Kubernetes' page on credential providers and its API of version v1; the behaviour of AKS' provider: the empty entry for
//! anonymous access, and that of the registry's login server with the user of zeros. Whoever is not a registry of Azure's gets the former
//! alone. That a credential is kept for an hour is that provider's usual time.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use reqwest::{Certificate, Client, Proxy, Response, StatusCode};
use serde_json::{Value, json};

use super::Failure;

const API: &str = "credentialprovider.kubelet.k8s.io";
const KIND: &str = "CredentialProviderRequest";
/// The user of a refresh token.
const NO_USER: &str = "00000000-0000-0000-0000-000000000000";
/// What the registry's tokens are for.
const AUDIENCE: &str = "https://containerregistry.azure.net/";
const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
const REGISTRIES: [&str; 4] = [".azurecr.io", ".azurecr.cn", ".azurecr.de", ".azurecr.us"];
/// A request is one small object.
const LONGEST_REQUEST: u64 = 1 << 20;

/// How the provider reaches the emulator, and as whom.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// The node's cloud configuration, as AKS writes /etc/kubernetes/azure.json: which identity the node has.
    #[arg(value_name = "AZURE_JSON")]
    pub configuration: Option<PathBuf>,
    /// The emulator's address, http://HOST:PORT.
    #[arg(long, env = "AZLET_ENDPOINT", value_name = "URL")]
    pub endpoint: String,
    /// The emulator's CA certificate (ca.pem in the folder of `up`).
    #[arg(long, env = "AZLET_CA", value_name = "FILE")]
    pub ca: PathBuf,
    /// The client id of the node's identity, where there is no configuration.
    #[arg(long, value_name = "GUID")]
    pub identity: Option<String>,
}

/// Answers the request on standard input.
pub(super) async fn run(settings: Settings) -> Result<ExitCode, Failure> {
    let mut request = String::new();
    let read = std::io::stdin().take(LONGEST_REQUEST).read_to_string(&mut request);
    read.map_err(|source| Failure::file(Path::new("standard input"), source))?;
    let response = answer(&request, &settings).await.map_err(Failure::CredentialProvider)?;
    println!("{response}");
    Ok(ExitCode::SUCCESS)
}

/// The response to a request, or what is wrong.
pub async fn answer(request: &str, settings: &Settings) -> Result<Value, String> {
    let request: Value = serde_json::from_str(request).map_err(|error| format!("the request is no JSON: {error}"))?;
    let version = request["apiVersion"].as_str().unwrap_or_default();
    let known = ["v1", "v1beta1", "v1alpha1"].iter().any(|known| version == format!("{API}/{known}"));
    if request["kind"] != KIND || !known {
        return Err(format!(
            "{:?} of {version:?} is not understood: it must be a {KIND} of {API}/v1",
            request["kind"].as_str().unwrap_or("")
        ));
    }
    let image = request["image"].as_str().filter(|image| !image.is_empty()).ok_or("the request names no image")?;
    // Without a name and a password, a pull is anonymous.
    let mut auth = json!({ "*.azurecr.*": { "username": "", "password": "" } });
    let mut duration = "0s";
    if let Some(registry) = registry(image) {
        let (username, password) = credential(registry, &Identity::read(settings)?, settings).await?;
        auth[registry] = json!({ "username": username, "password": password });
        duration = "1h0m0s";
    }
    Ok(json!({
        "kind": "CredentialProviderResponse",
        "apiVersion": version,
        "cacheKeyType": "Registry",
        "cacheDuration": duration,
        "auth": auth,
    }))
}

/// The login server of an image, if it is one of Azure's.
fn registry(image: &str) -> Option<&str> {
    let host = image.split('/').next().filter(|host| host.len() < image.len())?;
    let lower = host.to_ascii_lowercase();
    REGISTRIES.iter().any(|suffix| lower.ends_with(suffix)).then_some(host)
}

/// Who the node is.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// A managed identity; the machine's only one without a client id.
    Managed(Option<String>),
    /// A service principal.
    Principal(String, String),
}

impl Identity {
    fn read(settings: &Settings) -> Result<Self, String> {
        let Some(path) = &settings.configuration else { return Ok(Self::Managed(settings.identity.clone())) };
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let file: Value = serde_json::from_str(&text).map_err(|error| format!("{} is no JSON: {error}", path.display()))?;
        Ok(Self::configured(&file, settings.identity.clone()))
    }

    fn configured(file: &Value, asked: Option<String>) -> Self {
        let text = |field: &str| file[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        match (file["useManagedIdentityExtension"] == true, text("aadClientId"), text("aadClientSecret")) {
            (false, Some(id), Some(secret)) => Self::Principal(id, secret),
            _ => Self::Managed(asked.or_else(|| text("userAssignedIdentityID"))),
        }
    }
}

/// User and password at a registry.
async fn credential(registry: &str, identity: &Identity, settings: &Settings) -> Result<(String, String), String> {
    let client_id = match identity {
        Identity::Principal(id, secret) => return Ok((id.clone(), secret.clone())),
        Identity::Managed(client_id) => client_id.as_deref(),
    };
    let client = client(settings)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", "2018-02-01").append_pair("resource", AUDIENCE);
    if let Some(client_id) = client_id {
        query.append_pair("client_id", client_id);
    }
    let asked = client.get(format!("{METADATA}?{}", query.finish())).header("Metadata", "true").send().await;
    let token = text(&read(asked, "the metadata service").await?, "access_token")?;
    let challenge = client.get(format!("https://{registry}/v2/")).send().await;
    let challenge = challenge.map_err(|error| format!("cannot reach {registry}: {error}"))?;
    if challenge.status() != StatusCode::UNAUTHORIZED {
        return Err(format!("registry {registry} answered {} to /v2/ where a challenge is expected", challenge.status()));
    }
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "access_token")
        .append_pair("service", registry)
        .append_pair("access_token", &token)
        .finish();
    let exchange = client.post(format!("https://{registry}/oauth2/exchange"));
    let exchanged = exchange.header("content-type", "application/x-www-form-urlencoded").body(form).send().await;
    let refresh_token = text(&read(exchanged, registry).await?, "refresh_token")?;
    Ok((NO_USER.into(), refresh_token))
}

/// A client whose every request goes to the emulator.
fn client(settings: &Settings) -> Result<Client, String> {
    let pem = std::fs::read(&settings.ca).map_err(|error| format!("cannot read {}: {error}", settings.ca.display()))?;
    let certificate =
        Certificate::from_pem(&pem).map_err(|error| format!("{} is no certificate: {error}", settings.ca.display()))?;
    let endpoint = &settings.endpoint;
    let proxy = Proxy::all(endpoint).map_err(|error| format!("{endpoint:?} is no address of an emulator: {error}"))?;
    let builder = Client::builder().tls_certs_only([certificate]).proxy(proxy).redirect(reqwest::redirect::Policy::none());
    builder.build().map_err(|error| error.to_string())
}

async fn read(response: reqwest::Result<Response>, whom: &str) -> Result<Value, String> {
    let response = response.map_err(|error| format!("cannot reach {whom}: {error}"))?;
    let status = response.status();
    let body = response.bytes().await.map_err(|error| format!("cannot read the answer of {whom}: {error}"))?;
    if !status.is_success() {
        return Err(format!("{whom} returned error status: {}. body: {}", status.as_u16(), String::from_utf8_lossy(&body)));
    }
    serde_json::from_slice(&body).map_err(|error| format!("the answer of {whom} is no JSON: {error}"))
}

fn text(value: &Value, field: &str) -> Result<String, String> {
    value[field].as_str().map(str::to_owned).ok_or_else(|| format!("the answer has no {field}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registries_of_azures_are_asked() {
        let names =
            ["a.azurecr.io/b:c", "A.azurecr.CN/b", "docker.io/library/x", "nginx", "azurecr.io.evil.com/x", "a.azurecr.io"];
        assert_eq!(names.map(registry), [Some("a.azurecr.io"), Some("A.azurecr.CN"), None, None, None, None]);
    }

    #[test]
    fn the_nodes_configuration_says_who_it_is() {
        let read = |file: Value| Identity::configured(&file, None);
        let managed = json!({ "useManagedIdentityExtension": true, "userAssignedIdentityID": "x", "aadClientId": "msi", "aadClientSecret": "msi" });
        assert_eq!(read(managed), Identity::Managed(Some("x".into())));
        assert_eq!(read(json!({ "aadClientId": "a", "aadClientSecret": "b" })), Identity::Principal("a".into(), "b".into()));
        assert_eq!(read(json!({})), Identity::Managed(None));
    }
}

//! The harness of the golden tests: an emulator whose time stands still, actors that talk to it over the public wire (proxy, TLS
//! and all), and answers in a form that snapshots show.

mod actor;
pub mod aks;
mod answer;
pub mod archive;
mod cluster;
pub mod kube;
pub mod registry;

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use azlet::front::{Authority, Emulator, Options};
use azlet::kernel::clock::{Clock, STEP_START};
use azlet::kernel::jwt::SigningKey;
use azlet::world::World;
use reqwest::{Certificate, Client, ClientBuilder, Proxy};
use serde_json::{Value, json};

pub use actor::Actor;
pub use answer::Answer;
pub use cluster::{Cluster, kubeconfig};

/// ARM.
pub const ARM: &str = "https://management.azure.com";
/// The tenant of the seed world.
pub const TENANT: &str = "0a210000-0000-4000-8000-00000000000a";
/// The first subscription of the seed world.
pub const SUBSCRIPTION: &str = "0a210000-0000-4000-8000-000000000001";
/// The second subscription of the seed world.
pub const OTHER_SUBSCRIPTION: &str = "0a210000-0000-4000-8000-000000000002";

/// Keys take long to make, and no test depends on whose they are.
static SIGNING_KEY: LazyLock<Arc<SigningKey>> = LazyLock::new(Arc::default);
static AUTHORITY: LazyLock<Arc<Authority>> = LazyLock::new(|| Arc::new(Authority::generate()));

/// An emulator of a test's own.
#[derive(Debug)]
pub struct Azlet {
    emulator: Emulator,
    client: Client,
}

impl Azlet {
    /// Starts an emulator with the seed world; its time moves only by [`Azlet::advance`].
    pub async fn start() -> Self {
        Self::start_in(std::env::temp_dir()).await
    }

    /// The same, with large blobs in files of this folder.
    pub async fn start_in(blobs: PathBuf) -> Self {
        let options = Options {
            blobs,
            clock: Clock::step(STEP_START),
            signing_key: SIGNING_KEY.clone(),
            authority: AUTHORITY.clone(),
            ..Options::local()
        };
        let emulator = Emulator::start(options).await.expect("a free port");
        let client = client(&emulator.endpoint(), |builder| builder);
        Self { emulator, client }
    }

    /// The URL of the proxy and of the control API.
    pub fn endpoint(&self) -> String {
        self.emulator.endpoint()
    }

    /// The state itself, for what no wire shows.
    pub fn world(&self) -> Arc<World> {
        self.emulator.universe().world()
    }

    /// The client that trusts the emulator and goes through it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Nobody: requests without a token.
    pub fn anonymous(&self) -> Actor {
        Actor::new(self.client.clone(), None)
    }

    /// A service principal of the seed world with a token for ARM: `owner`, `contributor`, `reader`, `nobody`.
    pub async fn actor(&self, name: &str) -> Actor {
        Actor::new(self.client.clone(), Some(self.token(name, "https://management.azure.com").await))
    }

    /// The seed world's Owner.
    pub async fn owner(&self) -> Actor {
        self.actor("owner").await
    }

    /// An actor that shows the given token.
    pub fn bearer(&self, token: impl Into<String>) -> Actor {
        Actor::new(self.client.clone(), Some(token.into()))
    }

    /// The same actor, over HTTP/1.1: for what one connection does after another request.
    pub fn over_http1(&self, token: Option<String>) -> Actor {
        Actor::new(client(&self.endpoint(), |builder| builder.http1_only()), token)
    }

    /// A token that a service principal of the seed world gets from Entra for `resource`.
    pub async fn token(&self, name: &str, resource: &str) -> String {
        let world = self.world();
        let principal = world.seed.principal(name).unwrap_or_else(|| panic!("the seed has no principal {name}"));
        let (app_id, secret) = (principal.app_id.expect("an application"), principal.client_secret.clone().expect("a secret"));
        self.token_for(&app_id.to_string(), &secret, resource).await
    }

    /// A token that any application gets from Entra with its secret.
    pub async fn token_for(&self, app_id: &str, secret: &str, resource: &str) -> String {
        let scope = format!("{resource}/.default");
        let form = [("grant_type", "client_credentials"), ("client_id", app_id), ("client_secret", secret), ("scope", &scope)];
        let url = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
        let answer = self.anonymous().post_form(&url, &form).await;
        answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("no token: {}", answer.golden())).to_owned()
    }

    /// Moves the time, such as by `10s`; what is due on the way has happened when this returns.
    pub async fn advance(&self, by: &str) {
        let answer = self.anonymous().post(&format!("{}/_azlet/clock", self.endpoint()), &json!({ "advance": by })).await;
        assert_eq!(answer.status(), 200, "{}", answer.golden());
    }

    /// Says how long operations take and which fail, in the form of `POST /_azlet/operations`.
    pub async fn operations(&self, wanted: &Value) {
        let answer = self.anonymous().post(&format!("{}/_azlet/operations", self.endpoint()), wanted).await;
        assert_eq!(answer.status(), 200, "{}", answer.golden());
    }

    /// Loads an archive of images, with the query of `POST /_azlet/images`.
    pub async fn load(&self, archive: impl Into<Vec<u8>>, query: &str) -> Answer {
        let url = format!("{}/_azlet/images{query}", self.endpoint());
        self.anonymous().send_bytes(reqwest::Method::POST, &url, "application/x-tar", archive).await
    }

    /// Puts a principal into the directory, in the form of `POST /_azlet/principals`.
    pub async fn put_principal(&self, principal: &Value) {
        let answer = self.anonymous().post(&format!("{}/_azlet/principals", self.endpoint()), principal).await;
        assert_eq!(answer.status(), 201, "{}", answer.golden());
    }
}

/// The certificate of the authority that every emulator of these tests has.
pub fn authority_pem() -> String {
    AUTHORITY.certificate_pem()
}

/// A client that trusts nothing but the emulator and sends everything through it, redirects not followed.
fn client(endpoint: &str, further: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let certificate = Certificate::from_pem(AUTHORITY.certificate_pem().as_bytes()).expect("the authority's certificate");
    let proxy = Proxy::all(endpoint).expect("a URL").no_proxy(reqwest::NoProxy::from_string("127.0.0.1"));
    let builder = Client::builder().tls_certs_only([certificate]).proxy(proxy).redirect(reqwest::redirect::Policy::none());
    further(builder).build().expect("a client")
}

/// The id of a resource of the first subscription: group, then `Namespace/type/name`.
pub fn resource_id(group: &str, rest: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{rest}")
}

/// The id of the registry that [`Azlet::with_registry`] makes.
pub fn my_registry() -> String {
    resource_id("rg", "Microsoft.ContainerRegistry/registries/myregistry")
}

/// The URL of an ARM path with an api-version.
pub fn arm(path: &str, api_version: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{ARM}{path}{separator}api-version={api_version}")
}

//! A thin client for the road from a registry to running pods: attach a cluster to a registry, detach it, import an image,
//! deploy a manifest, verify its pods. It sends what `az` and `kubectl` send and knows nothing of the emulator: its endpoints
//! come from [`Settings`], so that the same code runs against azlet and against real Azure.
//!
//! Every function takes a [`Client`] and plain names and gives a value that [`report`] can print for people or as JSON.
//!
//! | module | what |
//! |---|---|
//! | [`settings`] | endpoints, credentials, trust, proxy |
//! | [`token`] | tokens of Microsoft Entra ID (client credentials) |
//! | [`arm`] | Azure Resource Manager: calls, errors, long-running operations |
//! | [`attach`] | AcrPull for a cluster's kubelet identity, given and taken |
//! | [`import`] | images into a registry |
//! | [`kubernetes`] | a cluster's credentials and its API server |
//! | [`deploy`] | manifests onto a cluster, and the wait for a rollout |
//! | [`verify`] | the pods of a Deployment, and why they do not run |
//! | [`report`] | results in words |

pub mod arm;
pub mod attach;
pub mod deploy;
pub mod error;
pub mod import;
pub mod kubernetes;
pub mod report;
pub mod settings;
pub mod token;
pub mod verify;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use error::Error;
pub use settings::Settings;

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// How a client waits between two polls: by sleeping, or by moving an emulated clock on.
pub type Pause = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A connection to Azure on behalf of one principal.
#[derive(Clone)]
pub struct Client {
    settings: Arc<Settings>,
    http: reqwest::Client,
    tokens: Arc<Mutex<HashMap<String, String>>>,
    pause: Pause,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that sleeps between polls.
    pub fn new(settings: Settings) -> Result<Self> {
        Self::with_pause(settings, Arc::new(|duration| Box::pin(sleep(duration))))
    }

    /// A client that waits in its own way between polls.
    pub fn with_pause(settings: Settings, pause: Pause) -> Result<Self> {
        let http = settings.http(settings.ca_bundle.as_deref(), None)?;
        Ok(Self { settings: Arc::new(settings), http, tokens: Arc::default(), pause })
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    async fn wait(&self, duration: Duration) {
        (self.pause)(duration).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a real client of a real service has no other way to wait")]
async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

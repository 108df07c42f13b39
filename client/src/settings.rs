//! Where Azure is, who asks, whom to trust. The defaults are the public cloud's; the names of the environment variables are
//! those of the Azure SDKs and of the common HTTP tools.

use std::fmt;

use clap::Args;

use crate::{Error, Result};

/// A text that is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, to be sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Everything a [`Client`](crate::Client) needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The tenant's id.
    pub tenant: String,
    /// The application id of the service principal that asks.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: Secret,
    /// The subscription in which names are looked up.
    pub subscription: String,
    /// Azure Resource Manager, `https://management.azure.com`.
    pub arm: String,
    /// Microsoft Entra ID, `https://login.microsoftonline.com`.
    pub authority: String,
    /// Microsoft Graph, `https://graph.microsoft.com`.
    pub graph: String,
    /// The proxy to go through, `http://127.0.0.1:8080`.
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy, in the usual form of `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// Certificates to trust, as a PEM bundle, instead of the system's.
    pub ca_bundle: Option<Vec<u8>>,
}

/// The same, from the command line or the environment.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Azure")]
pub struct SettingsArgs {
    /// Tenant id
    #[arg(long, env = "AZURE_TENANT_ID", global = true)]
    tenant: Option<String>,
    /// Application id of the service principal
    #[arg(long, env = "AZURE_CLIENT_ID", global = true)]
    client_id: Option<String>,
    /// Its secret; better given by the environment, where other users cannot see it
    #[arg(long, env = "AZURE_CLIENT_SECRET", global = true, hide_env_values = true)]
    client_secret: Option<String>,
    /// Subscription id
    #[arg(long, env = "AZURE_SUBSCRIPTION_ID", global = true)]
    subscription: Option<String>,
    /// Azure Resource Manager
    #[arg(long, env = "AZURE_RESOURCE_MANAGER", default_value = "https://management.azure.com", global = true)]
    arm: String,
    /// Microsoft Entra ID
    #[arg(long, env = "AZURE_AUTHORITY_HOST", default_value = "https://login.microsoftonline.com", global = true)]
    authority: String,
    /// Microsoft Graph
    #[arg(long, env = "AZURE_GRAPH_ENDPOINT", default_value = "https://graph.microsoft.com", global = true)]
    graph: String,
    /// Proxy for every call
    #[arg(long, env = "HTTPS_PROXY", global = true)]
    proxy: Option<String>,
    /// Hosts that are reached without the proxy
    #[arg(long, env = "NO_PROXY", global = true)]
    no_proxy: Option<String>,
    /// PEM file with the certificates to trust instead of the system's (also from REQUESTS_CA_BUNDLE)
    #[arg(long, env = "SSL_CERT_FILE", global = true)]
    ca_file: Option<String>,
}

impl SettingsArgs {
    /// Settings, or what is missing.
    pub fn settings(self) -> Result<Settings> {
        let ca_file = self
            .ca_file
            .filter(|text| given(text))
            .or_else(|| std::env::var("REQUESTS_CA_BUNDLE").ok().filter(|text| given(text)));
        let ca_bundle = ca_file.map(|path| read(&path)).transpose()?;
        Ok(Settings {
            tenant: required(self.tenant, "--tenant", "AZURE_TENANT_ID")?,
            client_id: required(self.client_id, "--client-id", "AZURE_CLIENT_ID")?,
            client_secret: Secret(required(self.client_secret, "--client-secret", "AZURE_CLIENT_SECRET")?),
            subscription: required(self.subscription, "--subscription", "AZURE_SUBSCRIPTION_ID")?,
            arm: endpoint(self.arm),
            authority: endpoint(self.authority),
            graph: endpoint(self.graph),
            proxy: self.proxy.filter(|text| given(text)),
            no_proxy: self.no_proxy.filter(|text| given(text)),
            ca_bundle,
        })
    }
}

impl Settings {
    /// An HTTP client of our trust and proxy; `proxy` takes the place of the settings' own.
    pub(crate) fn http(&self, ca_bundle: Option<&[u8]>, proxy: Option<&str>) -> Result<reqwest::Client> {
        let bad = |what: &str, error: reqwest::Error| Error::Setting(format!("{what} cannot be used: {error}"));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("azlet-client/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(url) = proxy.or(self.proxy.as_deref()) {
            let proxy = reqwest::Proxy::all(url).map_err(|error| bad(&format!("the proxy {url}"), error))?;
            let except = self.no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
            builder = builder.proxy(proxy.no_proxy(except));
        }
        if let Some(pem) = ca_bundle {
            let certificates =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|error| bad("the bundle of certificates", error))?;
            if certificates.is_empty() {
                return Err(Error::Setting("the bundle of certificates to trust is empty; it must be PEM".into()));
            }
            builder = builder.tls_certs_only(certificates);
        }
        builder.build().map_err(|error| bad("the TLS settings", error))
    }
}

fn given(text: &str) -> bool {
    !text.trim().is_empty()
}

fn required(value: Option<String>, option: &str, variable: &str) -> Result<String> {
    value.filter(|text| given(text)).ok_or_else(|| Error::Setting(format!("{option} is missing; give it or set {variable}")))
}

fn endpoint(url: String) -> String {
    url.trim_end_matches('/').to_owned()
}

fn read(path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::Setting(format!("the certificates in {path} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::from("pa55")), "(secret)");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = required(Some(" ".into()), "--tenant", "AZURE_TENANT_ID").unwrap_err();
        assert_eq!(error.to_string(), "--tenant is missing; give it or set AZURE_TENANT_ID");
    }
}

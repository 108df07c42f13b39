//! A cluster's API server, reached with the kubeconfig that AKS gives out (`listClusterUserCredential`, as
//! `az aks get-credentials` uses it): its certificate authority, its token, its proxy.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::Value;

use crate::arm::{Answer, answer, versions};
use crate::attach::Cluster;
use crate::{Client, Error, Result, Settings};

/// How the API server is asked for a table as `kubectl get` prints it, with whole objects for what it does not show.
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// What a kubeconfig says about its current context.
#[derive(Clone, PartialEq, Eq)]
struct Context {
    server: String,
    token: String,
    ca: Option<Vec<u8>>,
    proxy: Option<String>,
}

/// A cluster's API server.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    server: String,
    token: String,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Client {
    /// The kubeconfig of a cluster, as text.
    pub async fn kubeconfig(&self, cluster: &Cluster) -> Result<String> {
        let path = format!("{}/listClusterUserCredential", cluster.id(&self.settings().subscription));
        let body = self.arm(Method::POST, &path, versions::CONTAINER_SERVICE, &[], None).await?.body;
        let encoded = body["kubeconfigs"][0]["value"].as_str();
        let lacks = || Error::lacks(&path, "kubeconfigs[0].value in base64");
        let bytes = STANDARD.decode(encoded.ok_or_else(lacks)?).map_err(|_| lacks())?;
        String::from_utf8(bytes).map_err(|_| lacks())
    }

    /// The API server of a cluster.
    pub async fn kubernetes(&self, cluster: &Cluster) -> Result<Api> {
        Api::from_kubeconfig(self.settings(), &self.kubeconfig(cluster).await?)
    }
}

impl Api {
    /// The API server that a kubeconfig's current context names.
    pub fn from_kubeconfig(settings: &Settings, kubeconfig: &str) -> Result<Self> {
        let Context { server, token, ca, proxy } = context(kubeconfig)?;
        let trust = ca.as_deref().or(settings.ca_bundle.as_deref());
        Ok(Self { http: settings.http(trust, proxy.as_deref())?, server, token })
    }

    /// An object or a list.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        self.send(self.request(Method::GET, path, query), Method::GET, path).await
    }

    /// An object, or nothing if there is none.
    pub async fn find(&self, path: &str) -> Result<Option<Value>> {
        match self.get(path, &[]).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.code() == Some("NotFound") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A list as a table.
    pub async fn table(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let request = self.request(Method::GET, path, query).header("Accept", TABLE);
        self.send(request, Method::GET, path).await
    }

    /// Makes an object.
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value> {
        let query = [("fieldManager", "azlet-client"), ("fieldValidation", "Strict")];
        self.send(self.request(Method::POST, path, &query).json(object), Method::POST, path).await
    }

    /// Changes an object by a strategic merge patch.
    pub async fn patch(&self, path: &str, patch: &Value) -> Result<Value> {
        let query = [("fieldManager", "azlet-client"), ("fieldValidation", "Strict")];
        let request = self.request(Method::PATCH, path, &query);
        let request = request.body(patch.to_string()).header("Content-Type", "application/strategic-merge-patch+json");
        self.send(request, Method::PATCH, path).await
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server)).bearer_auth(&self.token);
        if query.is_empty() { request } else { request.query(query) }
    }

    async fn send(&self, request: reqwest::RequestBuilder, method: Method, path: &str) -> Result<Value> {
        let Answer { status, body, .. } = answer(request, method.as_str(), &format!("{}{path}", self.server)).await?;
        if status >= 400 { Err(Error::refused(method.as_str(), path, status, &body)) } else { Ok(body) }
    }
}

/// The current context of a kubeconfig.
fn context(kubeconfig: &str) -> Result<Context> {
    let bad = |what: &str| Error::Setting(format!("the cluster's kubeconfig has no {what}"));
    let config: Value = serde_saphyr::from_str(kubeconfig)
        .map_err(|error| Error::Setting(format!("the cluster's kubeconfig is not YAML: {error}")))?;
    let current = config["current-context"].as_str().ok_or_else(|| bad("current-context"))?;
    let context = named(&config["contexts"], current, "context").ok_or_else(|| bad("context of that name"))?;
    let cluster = context["cluster"].as_str().and_then(|name| named(&config["clusters"], name, "cluster"));
    let user = context["user"].as_str().and_then(|name| named(&config["users"], name, "user"));
    let (cluster, user) = (cluster.ok_or_else(|| bad("cluster"))?, user.ok_or_else(|| bad("user"))?);
    let ca = cluster["certificate-authority-data"].as_str().map(|data| STANDARD.decode(data)).transpose();
    let token = user["token"].as_str().ok_or_else(|| bad("token; only clusters with local accounts can be reached"))?;
    Ok(Context {
        server: cluster["server"].as_str().ok_or_else(|| bad("server"))?.trim_end_matches('/').to_owned(),
        token: token.to_owned(),
        ca: ca.map_err(|_| bad("certificate-authority-data in base64"))?,
        proxy: cluster["proxy-url"].as_str().map(str::to_owned),
    })
}

fn named<'a>(list: &'a Value, name: &str, key: &str) -> Option<&'a Value> {
    let entry = list.as_array()?.iter().find(|entry| entry["name"] == name)?;
    entry.get(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
clusters:
- {name: c, cluster: {server: 'https://x.hcp.eastus.azmk8s.io:443/', certificate-authority-data: cGVt, proxy-url: 'http://127.0.0.1:1'}}
contexts:
- {name: other, context: {cluster: none, user: none}}
- {name: c, context: {cluster: c, user: u}}
current-context: c
users:
- {name: u, user: {token: secret}}
";

    #[test]
    fn the_current_context_decides() {
        let context = context(KUBECONFIG).unwrap();
        assert_eq!(context.server, "https://x.hcp.eastus.azmk8s.io:443");
        assert_eq!(context.token, "secret");
        assert_eq!(context.ca.as_deref(), Some(b"pem".as_slice()));
        assert_eq!(context.proxy.as_deref(), Some("http://127.0.0.1:1"));
    }

    #[test]
    fn what_a_kubeconfig_lacks_is_named() {
        let lacks = |text: &str| context(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(lacks("current-context: c").contains("context of that name"));
        assert!(lacks(&KUBECONFIG.replace("token: secret", "exec: {}")).contains("no token"));
        assert!(lacks("[").contains("not YAML"));
    }
}

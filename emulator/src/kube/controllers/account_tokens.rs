//! Secrets of type `kubernetes.io/service-account-token`: they get a token of their account that does not end before they do, and go with
//! the account (`pkg/controller/serviceaccount/tokens_controller.go`, `pkg/serviceaccount/legacy.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::context::Context;
use super::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";
const UID: &str = "kubernetes.io/service-account.uid";

/// Whether a secret is one for a token.
pub fn is_for_token(secret: &Value) -> bool {
    secret["type"] == TYPE
}

/// Fills a secret, or deletes it if its account is gone or is another by now.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(secret) = context.get(key).filter(|secret| is_for_token(secret)) else { return };
    let Some(account_name) = annotation(&secret, ACCOUNT).map(str::to_owned) else { return };
    let account = context.cluster.get(&kinds::SERVICE_ACCOUNTS, &key.namespace, &account_name);
    let known = annotation(&secret, UID);
    let Some(account) = account.filter(|account| known.is_none_or(|known| known == uid(account))) else {
        return context.remove_now(key);
    };
    if !text(&secret, "/data/token").is_empty() {
        return;
    }
    let claims = json!({
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": key.namespace,
        "kubernetes.io/serviceaccount/secret.name": key.name,
        "kubernetes.io/serviceaccount/service-account.name": account_name,
        "kubernetes.io/serviceaccount/service-account.uid": uid(&account),
        "sub": format!("system:serviceaccount:{}:{account_name}", key.namespace),
    });
    let signer = &context.world.workload_key;
    let token = signer.sign(&json!({ "alg": "RS256", "kid": signer.thumbprint() }), &claims);
    let authority = STANDARD.encode(context.world.ca_pem.as_bytes());
    let (namespace, token) = (STANDARD.encode(&key.namespace), STANDARD.encode(token));
    context.modify(key, |secret| {
        annotate(secret, UID, uid(&account));
        let data = map_at(secret, &["data"]);
        for (field, value) in [("ca.crt", authority), ("namespace", namespace), ("token", token)] {
            data.insert(field.into(), value.into());
        }
    });
}

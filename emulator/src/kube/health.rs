//! `/healthz`, `/livez` and `/readyz`: a word, or with `verbose` each check with its outcome (`apiserver/pkg/server/healthz`). A cluster
//! that answers at all is well.

const CHECKS: [&str; 8] = [
    "ping",
    "log",
    "etcd",
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/rbac/bootstrap-roles",
    "autoregister-completion",
];

/// The answer of an end point, or of one of its checks.
pub(super) fn answer(endpoint: &str, check: &[&str], verbose: bool) -> Option<String> {
    let asked = check.join("/");
    if !asked.is_empty() && !checks(endpoint).any(|known| known == asked) {
        return None;
    }
    if !verbose || !asked.is_empty() {
        return Some("ok".into());
    }
    let lines: String = checks(endpoint).map(|check| format!("[+]{check} ok\n")).collect();
    Some(format!("{lines}{endpoint} check passed\n"))
}

fn checks(endpoint: &str) -> impl Iterator<Item = &'static str> {
    let shutdown = (endpoint == "readyz").then_some("shutdown");
    CHECKS.into_iter().chain(shutdown)
}

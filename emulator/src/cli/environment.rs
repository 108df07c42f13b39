//! The variables that point unmodified clients at an emulator.

use std::process::ExitCode;

use super::state::{Running, State};
use super::{EnvArguments, Failure};

/// The variables and their values, for one principal of the seed.
pub(super) fn variables(state: &State, running: &Running, principal: &str) -> Result<Vec<(&'static str, String)>, Failure> {
    let seed = &running.seed;
    let known = || {
        let names = seed.principals.iter().filter(|principal| principal.client_secret.is_some());
        names.map(|principal| principal.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let unknown = || Failure::UnknownPrincipal { name: principal.to_owned(), known: known() };
    let who = seed.principal(principal).ok_or_else(unknown)?;
    let (Some(app_id), Some(secret)) = (who.app_id, &who.client_secret) else { return Err(unknown()) };
    let subscription = seed.subscriptions.first().map(|first| first.id.to_string()).unwrap_or_default();
    let path = |path: std::path::PathBuf| path.display().to_string();
    let bundle = path(state.bundle());
    // Both spellings of the proxy variables are in use; a value left over in the other one would win in some clients.
    Ok(vec![
        ("HTTPS_PROXY", running.endpoint.clone()),
        ("https_proxy", running.endpoint.clone()),
        ("HTTP_PROXY", running.endpoint.clone()),
        ("http_proxy", running.endpoint.clone()),
        ("NO_PROXY", "127.0.0.1,localhost".into()),
        ("no_proxy", "127.0.0.1,localhost".into()),
        ("REQUESTS_CA_BUNDLE", bundle.clone()),
        ("SSL_CERT_FILE", bundle.clone()),
        ("CURL_CA_BUNDLE", bundle),
        ("NODE_EXTRA_CA_CERTS", path(state.ca())),
        ("AZURE_CONFIG_DIR", path(state.azure())),
        ("KUBECONFIG", path(state.kubeconfig())),
        ("DOCKER_CONFIG", path(state.docker())),
        ("AZURE_TENANT_ID", seed.tenant().id.to_string()),
        ("AZURE_CLIENT_ID", app_id.to_string()),
        ("AZURE_CLIENT_SECRET", secret.clone()),
        ("AZURE_SUBSCRIPTION_ID", subscription),
        ("AZURE_CORE_COLLECT_TELEMETRY", "0".into()),
        ("AZURE_CORE_LOGIN_EXPERIENCE_V2", "off".into()),
        ("AZLET_ENDPOINT", running.endpoint.clone()),
    ])
}

/// Prints the variables of the emulator that `up` keeps running, for a shell to evaluate.
pub(super) fn print(arguments: &EnvArguments) -> Result<ExitCode, Failure> {
    let state = State::at(arguments.state.clone().unwrap_or_else(State::default_root))?;
    for (name, value) in variables(&state, &state.running()?, &arguments.principal)? {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    Ok(ExitCode::SUCCESS)
}

//! Quarantine: while the registry's policy is on, nobody but its readers may pull a manifest that has not been found good, which its
//! writers say by changing the manifest's attributes. Then, and not before, is the push told to webhooks.
//! Source: Azure Container Registry's page on the quarantine pattern (preview), and answers that users have reported. Inferred: who
//! is a reader or a writer is told by the data actions `quarantinedArtifacts/read` and `/write`, since tokens of owners were
//! recorded without a role; such a role alone opens what its page shows done with it, and not to the admin user.

use serde_json::{Map, Value};

use super::auth::Granted;
use super::error::Error;
use super::scope::{Right, Scope};
use super::store::Manifest;

const PASSED: &str = "Passed";
const FAILED: &str = "Failed";

/// What has been said of a manifest.
#[derive(Clone, Debug, Default)]
pub(super) struct Quarantine {
    state: Option<&'static str>,
    details: Option<String>,
}

impl Quarantine {
    /// Whether it was found good.
    pub fn is_passed(&self) -> bool {
        self.state == Some(PASSED)
    }

    /// A manifest's attributes with what is known, in the recorded order.
    pub fn shown(&self, mut attributes: Value) -> Value {
        if let Some(details) = &self.details {
            attributes["quarantineDetails"] = details.as_str().into();
        }
        if let Some(state) = self.state {
            attributes["quarantineState"] = state.into();
        }
        attributes
    }
}

/// Whether a manifest may not be pulled.
pub(super) fn holds_back(granted: &Granted, manifest: &Manifest) -> bool {
    granted.registry().settings.read().quarantine
        && !manifest.quarantine.is_passed()
        && !granted.holds(Right::QuarantineRead)
        && !granted.holds(Right::QuarantineWrite)
}

/// What a change of attributes makes of it.
pub(super) fn changed(
    granted: &Granted,
    repository: &str,
    before: &Quarantine,
    patch: &Map<String, Value>,
) -> Result<Quarantine, Error> {
    let (state, details) = (patch.get("quarantineState"), patch.get("quarantineDetails"));
    let mut after = before.clone();
    if state.is_none() && details.is_none() {
        return Ok(after);
    }
    if !granted.holds(Right::QuarantineWrite) {
        let needs = [Scope::repository(repository, &["metadata_write"])];
        return Err(Error::challenge(&granted.registry().login_server, &needs, Some("insufficient_scope")));
    }
    let invalid = |key: &str, right: &str| Error::bad_request(format!("invalid format: {key} must be {right}"));
    if let Some(state) = state {
        let known = [PASSED, FAILED].into_iter().find(|known| state == known);
        after.state = Some(known.ok_or_else(|| invalid("quarantineState", "Passed or Failed"))?);
    }
    if let Some(details) = details {
        let details = details.as_str().ok_or_else(|| invalid("quarantineDetails", "a text"))?;
        after.details = Some(details.to_owned());
    }
    Ok(after)
}

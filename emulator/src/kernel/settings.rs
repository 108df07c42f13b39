//! What a test may set about the emulated world: delays that Azure has and that are zero unless asked for, and refusals that stand in
//! every other test's way.
//! Set by the seed and by `POST /_azlet/settings`.

use std::time::Duration;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

/// The settings, shared by all who heed them.
#[derive(Debug, Default)]
pub struct Settings {
    values: RwLock<Values>,
}

/// The settings' values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Values {
    /// How long after its making a principal of the directory is unknown to the providers of ARM.
    #[serde(with = "friendly")]
    pub directory_replication_delay: Duration,
    /// How long after its making a role assignment does not count yet.
    #[serde(with = "friendly")]
    pub role_assignment_propagation_delay: Duration,
    /// Whether an empty rate budget refuses requests to ARM.
    pub throttling: bool,
    /// Whether a registry refuses requests beyond its documented limits.
    pub registry_throttling: bool,
    /// Whether a registry sends who reads a blob to its storage, as Azure does, instead of serving it by itself.
    pub blob_redirects: bool,
    /// Whether a subscription begins without being registered for providers, as a new one does; else it begins with all.
    pub registration_required: bool,
    /// Whether a cache rule for Docker Hub must have a credential set, as it must in Azure; azlet has no key vaults to keep one in.
    pub docker_hub_credentials_required: bool,
}

impl Settings {
    /// These values.
    pub fn new(values: Values) -> Self {
        Self { values: RwLock::new(values) }
    }

    /// The values as they are now.
    pub fn values(&self) -> Values {
        *self.values.read()
    }

    /// Other values from now on.
    pub fn set(&self, values: Values) {
        *self.values.write() = values;
    }
}

/// Durations as people write them: `30s`, `5m`.
mod friendly {
    use std::time::Duration;

    use jiff::SignedDuration;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        let signed = SignedDuration::try_from(*value).unwrap_or(SignedDuration::MAX);
        serializer.collect_str(&format_args!("{signed:#}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
        parsed.ok_or_else(|| D::Error::custom(format!("{text:?} is not a duration; write it as 30s, 5m or 1h30m")))
    }
}

//! The folder that clients of an emulator share: the CA certificate, a bundle of it with the system's, and homes for what the
//! command lines store, so that nothing of a real profile is read or written. Folders are 0700 and files 0600.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Failure;
use crate::front::Emulator;
use crate::world::Seed;

/// Where distributions keep the certificates that a system trusts.
const SYSTEM_BUNDLES: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// What is known about a running emulator.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Running {
    /// The URL of the proxy and of the control API.
    pub(super) endpoint: String,
    /// The world it began with.
    pub(super) seed: Seed,
}

/// The folder.
#[derive(Debug)]
pub(super) struct State {
    root: PathBuf,
    temporary: bool,
}

impl State {
    /// A folder that stays, made if needed.
    pub(super) fn at(root: PathBuf) -> Result<Self, Failure> {
        make_folder(&root)?;
        let state = Self { root, temporary: false };
        state.make_homes()?;
        Ok(state)
    }

    /// A folder that goes away with this value.
    pub(super) fn temporary() -> Result<Self, Failure> {
        let base = std::env::temp_dir();
        let root = (0..).map(|attempt| base.join(format!("azlet-{}-{attempt}", std::process::id()))).find_map(|candidate| {
            match fs::DirBuilder::new().mode(0o700).create(&candidate) {
                Ok(()) => Some(Ok(candidate)),
                // Another one's: never use a folder that someone else may have prepared.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => None,
                Err(error) => Some(Err(Failure::file(&candidate, error))),
            }
        });
        let state = Self { root: root.expect("the search goes on until it ends with a result")?, temporary: true };
        state.make_homes()?;
        Ok(state)
    }

    /// The folder that `up` and `env` use unless told otherwise.
    pub(super) fn default_root() -> PathBuf {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        variable("XDG_STATE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
            .unwrap_or_else(std::env::temp_dir)
            .join("azlet")
    }

    fn make_homes(&self) -> Result<(), Failure> {
        [self.azure(), self.docker()].iter().try_for_each(|folder| make_folder(folder))
    }

    /// Writes what clients need to know about an emulator.
    pub(super) fn describe(&self, emulator: &Emulator) -> Result<Running, Failure> {
        let world = emulator.universe().world();
        let system = SYSTEM_BUNDLES.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        self.write(&self.ca(), world.ca_pem.as_bytes())?;
        self.write(&self.bundle(), format!("{}\n{system}", world.ca_pem).as_bytes())?;
        let running = Running { endpoint: emulator.endpoint(), seed: world.seed.clone() };
        let json = serde_json::to_vec_pretty(&running).expect("a seed that was read can be written");
        self.write(&self.running_file(), &json)?;
        Ok(running)
    }

    /// What `up` wrote about the emulator that it keeps running.
    pub(super) fn running(&self) -> Result<Running, Failure> {
        let not_running = || Failure::NotRunning { path: self.root.display().to_string() };
        let text = fs::read(self.running_file()).map_err(|_| not_running())?;
        serde_json::from_slice(&text).map_err(|_| not_running())
    }

    /// Takes back what was written about a running emulator.
    pub(super) fn forget(&self) {
        let _ = fs::remove_file(self.running_file());
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        // Removed first: the mode of a file that is there already would stay as it is.
        let _ = fs::remove_file(path);
        let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        written.and_then(|mut file| file.write_all(content)).map_err(|source| Failure::file(path, source))
    }

    /// The CA certificate.
    pub(super) fn ca(&self) -> PathBuf {
        self.root.join("ca.pem")
    }

    /// The system's CA certificates and ours.
    pub(super) fn bundle(&self) -> PathBuf {
        self.root.join("ca-bundle.pem")
    }

    /// The home of Azure's command line.
    pub(super) fn azure(&self) -> PathBuf {
        self.root.join("azure")
    }

    /// The home of docker's command line.
    pub(super) fn docker(&self) -> PathBuf {
        self.root.join("docker")
    }

    /// The kubeconfig.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.root.join("kubeconfig")
    }

    fn running_file(&self) -> PathBuf {
        self.root.join("running.json")
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.temporary {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| Failure::file(path, source))
}

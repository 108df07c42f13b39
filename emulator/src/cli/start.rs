//! Starting an emulator as the command line says.

use std::path::Path;
use std::sync::Arc;

use super::{Failure, PaceArgument, StartArguments, images};
use crate::arm::catalog;
use crate::control::upstreams;
use crate::front::{Emulator, Options};
use crate::kernel::clock::{Clock, STEP_START};
use crate::kernel::ids::Ids;
use crate::kube::backend::Backend;
use crate::world::Seed;

/// Starts an emulator; without an address it takes a free loopback port, without a folder for large blobs the system's temporary one.
pub(super) async fn start(arguments: &StartArguments, blobs: Option<&Path>) -> Result<Emulator, Failure> {
    if let Some(folder) = &arguments.providers {
        catalog::add(provider_files(folder)?).map_err(Failure::Providers)?;
    }
    let seed = arguments.seed.as_deref().map(Seed::from_file).transpose()?.unwrap_or_default();
    let clock = match arguments.clock {
        PaceArgument::Real => Clock::real(),
        PaceArgument::Step => Clock::step(STEP_START),
    };
    let defaults = Options::local();
    let listen = arguments.listen.unwrap_or(defaults.listen);
    let blobs = blobs.map_or(defaults.blobs, Path::to_owned);
    let options = Options { listen, seed, clock, ids: Ids::new(&arguments.id_seed), blobs, ..defaults };
    let emulator = launch(options).await?;
    let world = emulator.universe().world();
    for host in &arguments.allow_upstream {
        if !upstreams::is_host(host) {
            return Err(Failure::Images(format!("{host:?} is no host; write it as docker.io or registry.example:5000")));
        }
        world.acr.allow_upstream(host);
    }
    if let Some(path) = &arguments.kubernetes_backend {
        world.kube.set_backend(Some(Arc::new(backend(path)?)));
    }
    images::load_at_start(&world, &arguments.images).await?;
    Ok(emulator)
}

/// The cluster of a kubeconfig; paths in it are beside it.
fn backend(path: &Path) -> Result<Backend, Failure> {
    let text = std::fs::read(path).map_err(|source| Failure::file(path, source))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = |name: &str| std::fs::read(folder.join(name)).map_err(|error| format!("cannot read {name}: {error}"));
    Backend::read(&text, file).map_err(|why| Failure::Kubeconfig { path: path.display().to_string(), why })
}

/// The JSON files of a folder, by name.
fn provider_files(folder: &Path) -> Result<Vec<(String, String)>, Failure> {
    let fault = |path: &Path| {
        let path = path.display().to_string();
        move |source| Failure::File { path, source }
    };
    let entries = std::fs::read_dir(folder).map_err(fault(folder))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: &std::path::PathBuf| Ok((path.display().to_string(), std::fs::read_to_string(path).map_err(fault(path))?));
    paths.iter().map(read).collect()
}

/// Starts an emulator whose time stands still, on a free port.
pub(super) async fn start_stepping() -> Result<Arc<Emulator>, Failure> {
    launch(Options { clock: Clock::step(STEP_START), ..Options::local() }).await.map(Arc::new)
}

async fn launch(options: Options) -> Result<Emulator, Failure> {
    let address = options.listen;
    Emulator::start(options).await.map_err(|source| Failure::Listen { address, source })
}

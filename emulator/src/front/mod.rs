//! One port for everything: tells TLS from HTTP by the first byte, is a CONNECT proxy, mints certificates by SNI, and hands each
//! request to the plane that its host belongs to. Any other host is refused, so that a test can never reach Azure by accident.

pub mod conn;
mod hosts;
mod listener;
mod malformed;
mod serve;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::control;
use crate::kernel::clock::Clock;
use crate::kernel::ids::Ids;
use crate::kernel::jwt::SigningKey;
use crate::world::{Seed, Universe, World};

pub use tls::Authority;

/// What an emulator is started with.
#[derive(Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The world to begin with.
    pub seed: Seed,
    /// How time passes.
    pub clock: Clock,
    /// What identifiers are derived from.
    pub ids: Ids,
    /// What tokens are signed with.
    pub signing_key: Arc<SigningKey>,
    /// What certificates are signed with.
    pub authority: Arc<Authority>,
    /// A folder for blobs that are too large for memory. Their files have no names.
    pub blobs: PathBuf,
}

impl Options {
    /// The defaults: a free port on the loopback interface, the seed world, real time, keys of its own, the system's folder for
    /// temporary files.
    pub fn local() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: Seed::default(),
            clock: Clock::real(),
            ids: Ids::new("azlet"),
            signing_key: Arc::default(),
            authority: Arc::new(Authority::generate()),
            blobs: std::env::temp_dir(),
        }
    }
}

/// A running emulator; it stops when this is dropped.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    universe: Arc<Universe>,
    stop: watch::Sender<bool>,
}

impl Emulator {
    /// Starts listening. The signing key is made meanwhile, on a thread of its own.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let socket = TcpListener::bind(options.listen).await?;
        let address = socket.local_addr()?;
        let key = options.signing_key.clone();
        std::thread::spawn(move || key.prepare());
        let ca_pem: Arc<str> = options.authority.certificate_pem().into();
        let world = World::new(options.seed, options.clock, options.ids, options.signing_key, ca_pem, options.blobs);
        let universe = Arc::new(Universe::new(world));
        let (stop, stopped) = watch::channel(false);
        let service = serve::Service::new(universe.clone(), options.authority);
        tokio::spawn(control::due::drive(universe.clone(), stopped.clone()));
        tokio::spawn(listener::accept(socket, service, stopped));
        Ok(Self { address, universe, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The proxy's and the control API's URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its state.
    pub fn universe(&self) -> &Arc<Universe> {
        &self.universe
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

//! The `azlet` command. `up` keeps an emulator running, `exec` runs one command against a fresh one, `env` points a shell at one,
//! `images` fills one with a user's own images, `tutorial` plays the whole flow.

pub mod credential_provider;
mod environment;
mod exec;
mod images;
mod limits;
mod signals;
mod start;
mod state;
mod tutorial;
mod up;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// A little Azure for one machine: AKS pulling from ACR, offline.
#[derive(Debug, Parser)]
#[command(name = "azlet", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep an emulator running until interrupted.
    Up(UpArguments),
    /// Run a command against a fresh emulator and return its exit code.
    Exec(ExecArguments),
    /// Print the variables that point a shell at the emulator that `up` keeps running: eval "$(azlet env)".
    Env(EnvArguments),
    /// Use your own images offline: load them, list them, remove them.
    #[command(subcommand)]
    Images(images::ImagesCommand),
    /// Answer a kubelet that asks for the credential of an image (docs/CLUSTERS.md): a credential provider plugin.
    CredentialProvider(credential_provider::Settings),
    /// Play the tutorial against a fresh emulator: attach, deploy, verify.
    Tutorial,
}

/// How an emulator is started.
#[derive(Debug, Args)]
struct StartArguments {
    /// Where to listen. Beyond loopback, anyone who reaches the port can do everything.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A world to begin with, instead of the built-in one.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// A folder of provider files (docs/PROVIDERS.md): resource types of your own.
    #[arg(long, value_name = "FOLDER")]
    providers: Option<PathBuf>,
    /// Images to begin with: an OCI layout, an archive, or a folder of them; repeatable. PATH=NAME says what an image is called.
    #[arg(long, value_name = "PATH[=NAME]")]
    images: Vec<String>,
    /// A registry that imports may ask over the network, such as docker.io; repeatable. Without this nothing is asked.
    #[arg(long, value_name = "HOST")]
    allow_upstream: Vec<String>,
    /// A cluster of your own (kind, k3s, kwok) in the place of the simulated ones: its credentials are handed out, and azlet's own API
    /// server is off.
    #[arg(long, value_name = "KUBECONFIG")]
    kubernetes_backend: Option<PathBuf>,
    /// What identifiers and generated secrets are derived from.
    #[arg(long, value_name = "TEXT", default_value = "azlet")]
    id_seed: String,
    /// How the emulated time passes.
    #[arg(long, value_enum, default_value_t = PaceArgument::Real)]
    clock: PaceArgument,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PaceArgument {
    /// With the wall clock.
    Real,
    /// Only when the control API advances it.
    Step,
}

#[derive(Debug, Args)]
struct UpArguments {
    #[command(flatten)]
    start: StartArguments,
    /// Where to keep the CA certificate and what clients store; by default below the user's state folder.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ExecArguments {
    #[command(flatten)]
    start: StartArguments,
    /// As whom: a principal of the seed world, such as owner, contributor or reader.
    #[arg(long = "as", value_name = "PRINCIPAL", default_value = "owner")]
    principal: String,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, required = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

#[derive(Debug, Args)]
struct EnvArguments {
    /// As whom: a principal of the seed world, such as owner, contributor or reader.
    #[arg(long = "as", value_name = "PRINCIPAL", default_value = "owner")]
    principal: String,
    /// The folder that `up` was given.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file or folder could not be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The address could not be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The seed could not be read.
    #[error(transparent)]
    Seed(#[from] crate::world::SeedError),
    /// A provider file is none.
    #[error("{0}")]
    Providers(String),
    /// The principal is not in the seed.
    #[error("the seed world has no service principal {name:?}; it has {known}")]
    UnknownPrincipal {
        /// Who was asked for.
        name: String,
        /// Who is there.
        known: String,
    },
    /// The child could not be started.
    #[error("cannot run {command}: {source}")]
    Child {
        /// Which program.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is no running emulator.
    #[error("no emulator is running with the state in {path}: start one with `azlet up`")]
    NotRunning {
        /// Where its state should be.
        path: String,
    },
    /// Images could not be loaded, listed or removed.
    #[error("{0}")]
    Images(String),
    /// A kubelet's request for a credential could not be answered.
    #[error("{0}")]
    CredentialProvider(String),
    /// The kubeconfig of a user's own cluster could not be used.
    #[error("cannot use {path} as a kubeconfig: {why}")]
    Kubeconfig {
        /// Which file.
        path: String,
        /// Why.
        why: String,
    },
    /// The tutorial did not go as it should.
    #[error("{0}")]
    Tutorial(String),
}

impl Failure {
    fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }

    /// The same, with the file that it is about.
    fn about(self, path: &std::path::Path) -> Self {
        match self {
            Self::Images(text) => Self::Images(format!("{}: {text}", path.display())),
            other => other,
        }
    }
}

/// Runs the command line and tells how the process shall end.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let asked = std::env::var("AZLET_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter);
    tracing_subscriber::registry().with(lines).init();
    limits::raise();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start the runtime: {error}")),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Up(arguments) => up::run(arguments).await,
            Command::Exec(arguments) => exec::run(arguments).await,
            Command::Env(arguments) => environment::print(&arguments),
            Command::Images(command) => images::run(command).await,
            Command::CredentialProvider(settings) => credential_provider::run(settings).await,
            Command::Tutorial => tutorial::run().await,
        }
    });
    runtime.shutdown_background();
    result.unwrap_or_else(|failure| fail(&failure.to_string()))
}

fn fail(message: &str) -> ExitCode {
    eprintln!("azlet: {message}");
    ExitCode::FAILURE
}

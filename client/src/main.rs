//! The `azlet-client` command: attach, detach, import, deploy, verify. It ends 0 when what was asked for is so, 1 when it is
//! not, 2 when the command line is wrong.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use azlet_client::attach::Cluster;
use azlet_client::report::Report;
use azlet_client::settings::SettingsArgs;
use azlet_client::{Client, Error, Result};
use clap::{Args, Parser, Subcommand};

/// From a registry to running pods: attach, import, deploy, verify. Against azlet or real Azure.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct ClusterArgs {
    /// Resource group of the cluster
    #[arg(long, short = 'g')]
    group: String,
    /// Name of the cluster
    #[arg(long, short = 'n')]
    name: String,
}

#[derive(Debug, Args)]
struct DeploymentArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Namespace
    #[arg(long, default_value = "default")]
    namespace: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Let a cluster pull from a registry
    Attach {
        #[command(flatten)]
        cluster: ClusterArgs,
        /// Registry: its name, or its resource id if it is in another subscription
        #[arg(long)]
        acr: String,
    },
    /// Take that right away
    Detach {
        #[command(flatten)]
        cluster: ClusterArgs,
        /// Registry: its name, or its resource id if it is in another subscription
        #[arg(long)]
        acr: String,
    },
    /// Import an image into a registry
    Import {
        /// Registry: its name or its resource id
        #[arg(long)]
        acr: String,
        /// Image to import, with its registry's host: docker.io/library/nginx:latest
        #[arg(long)]
        source: String,
        /// Repository and tag to give it; by default its own
        #[arg(long)]
        image: Option<String>,
        /// Overwrite the tag if it is there
        #[arg(long)]
        force: bool,
    },
    /// Put a manifest onto a cluster
    Deploy {
        #[command(flatten)]
        target: DeploymentArgs,
        /// Manifest, YAML or JSON
        #[arg(long, short = 'f')]
        file: PathBuf,
        /// Wait until its Deployments are rolled out, at most so many seconds
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u64>,
    },
    /// Show a Deployment's pods, and why they do not run
    Verify {
        #[command(flatten)]
        target: DeploymentArgs,
        /// Name of the Deployment
        #[arg(long)]
        deployment: String,
    },
}

/// What is printed, and whether it is what was wanted.
struct Outcome {
    text: String,
    good: bool,
}

impl Outcome {
    fn of(report: &impl Report, json: bool, good: bool) -> Result<Self> {
        let as_json = || serde_json::to_string_pretty(report).map_err(|error| Error::Setting(error.to_string()));
        let text = if json { as_json()? } else { report.text() };
        Ok(Self { text, good })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli).await {
        Ok(Outcome { text, good }) => {
            println!("{text}");
            ExitCode::from(u8::from(!good))
        }
        Err(error) => {
            eprintln!("azlet-client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<Outcome> {
    let client = Client::new(cli.settings.settings()?)?;
    let json = cli.json;
    match cli.command {
        Command::Attach { cluster, acr } => Outcome::of(&client.attach(&cluster.cluster(), &acr).await?, json, true),
        Command::Detach { cluster, acr } => Outcome::of(&client.detach(&cluster.cluster(), &acr).await?, json, true),
        Command::Import { acr, source, image, force } => {
            Outcome::of(&client.import(&acr, &source, image.as_deref(), force).await?, json, true)
        }
        Command::Deploy { target, file, wait } => deploy(&client, &target, &file, wait, json).await,
        Command::Verify { target, deployment } => {
            let api = client.kubernetes(&target.cluster.cluster()).await?;
            let verdict = client.verify(&api, &target.namespace, &deployment).await?;
            Outcome::of(&verdict, json, verdict.healthy)
        }
    }
}

async fn deploy(
    client: &Client,
    target: &DeploymentArgs,
    file: &std::path::Path,
    wait: Option<u64>,
    json: bool,
) -> Result<Outcome> {
    let manifest = std::fs::read_to_string(file)
        .map_err(|error| Error::Setting(format!("the manifest {} cannot be read: {error}", file.display())))?;
    let api = client.kubernetes(&target.cluster.cluster()).await?;
    let applied = client.deploy(&api, &manifest, &target.namespace).await?;
    if let Some(seconds) = wait {
        for deployment in applied.iter().filter(|applied| applied.kind == "Deployment") {
            let namespace = deployment.namespace.as_deref().unwrap_or(&target.namespace);
            client.rollout(&api, namespace, &deployment.name, Duration::from_secs(seconds)).await?;
        }
    }
    Outcome::of(&applied, json, true)
}

impl ClusterArgs {
    fn cluster(&self) -> Cluster {
        Cluster::new(&self.group, &self.name)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}

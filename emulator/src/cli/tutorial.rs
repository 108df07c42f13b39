//! `azlet tutorial`: the tutorial "Authenticate with Azure Container Registry from Azure Kubernetes Service" from its first command to
//! its last, played by the thin client over the wire against a fresh emulator whose time we move. Then what the tutorial leaves
//! out: the registry detached, a pull that fails for that reason, the registry attached again, the pull that recovers.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azlet_client::attach::Cluster;
use azlet_client::kubernetes::Api;
use azlet_client::verify::{Pod, Verdict};
use azlet_client::{Client, Settings, report};
use serde_json::json;

use super::Failure;
use super::start::start_stepping;
use crate::control::due;
use crate::front::Emulator;

const MANIFEST: &str = include_str!("../../../fixtures/tutorial/acr-nginx.yaml");
const LOCATION: &str = "eastus";
const REGISTRY: &str = "mycontainerregistry";
const REGISTRY_GROUP: &str = "myContainerRegistryResourceGroup";
const CLUSTER: &str = "myAKSCluster";
const CLUSTER_GROUP: &str = "myResourceGroup";
const NAMESPACE: &str = "default";
const DEPLOYMENT: &str = "nginx0-deployment";
/// How much emulated time a rollout is given.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often a state is looked for, with emulated time passing between the looks.
const LOOKS: usize = 100;

/// Plays the tutorial.
pub(super) async fn run() -> Result<ExitCode, Failure> {
    let mut play = Play::default();
    let emulator = play.step("start an emulator and make its keys", started()).await?;
    let begun = now();
    let stage = Stage::new(emulator).map_err(|error| Failure::Tutorial(error.to_string()))?;
    let api = stage.deploy(&mut play).await?;
    stage.lose_and_regain(&mut play, &api).await?;
    println!("\n{} steps; {} once started", play.steps, milliseconds(begun.elapsed()));
    Ok(ExitCode::SUCCESS)
}

/// The emulator, ready to sign its first token.
async fn started() -> Result<Arc<Emulator>, Failure> {
    let emulator = start_stepping().await?;
    let key = emulator.universe().world().signing_key.clone();
    let made = tokio::task::spawn_blocking(move || key.prepare()).await;
    made.map_err(|error| Failure::Tutorial(format!("the signing key could not be made: {error}")))?;
    Ok(emulator)
}

/// Says each step in one line with its time, and numbers them.
#[derive(Default)]
struct Play {
    steps: usize,
}

impl Play {
    async fn step<T, E: std::fmt::Display>(
        &mut self,
        what: &str,
        doing: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        self.steps += 1;
        let begun = now();
        let result = doing.await;
        let time = milliseconds(begun.elapsed());
        match result {
            Ok(value) => {
                println!("{:>2}. {what:<90} {time:>9}", self.steps);
                Ok(value)
            }
            Err(error) => {
                println!("{:>2}. {what:<90} {time:>9}  FAILED", self.steps);
                Err(Failure::Tutorial(format!("step {} of the tutorial ({what}) failed: {error}", self.steps)))
            }
        }
    }
}

/// Who plays, and where.
struct Stage {
    client: Client,
    cluster: Cluster,
    subscription: String,
    emulator: Arc<Emulator>,
}

impl Stage {
    fn new(emulator: Arc<Emulator>) -> azlet_client::Result<Self> {
        let settings = settings(&emulator)?;
        let subscription = settings.subscription.clone();
        let stage = emulator.clone();
        let pause = move |least: Duration| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
            pass(&stage, least);
            Box::pin(std::future::ready(()))
        };
        let client = Client::with_pause(settings, Arc::new(pause))?;
        Ok(Self { client, cluster: Cluster::new(CLUSTER_GROUP, CLUSTER), subscription, emulator })
    }

    /// The tutorial itself.
    async fn deploy(&self, play: &mut Play) -> Result<Api, Failure> {
        let client = &self.client;
        for group in [REGISTRY_GROUP, CLUSTER_GROUP] {
            play.step(&format!("create the resource group {group}"), self.create_group(group)).await?;
        }
        play.step(&format!("create the registry {REGISTRY}.azurecr.io"), self.create_registry()).await?;
        play.step(&format!("create the cluster {CLUSTER} with two nodes"), self.create_cluster()).await?;
        play.step(&format!("attach {REGISTRY}: AcrPull for the kubelet identity"), client.attach(&self.cluster, REGISTRY))
            .await?;
        let source = "docker.io/library/nginx:latest";
        play.step(&format!("import {source} as nginx:v1"), client.import(REGISTRY, source, Some("nginx:v1"), false)).await?;
        let api = play.step("get the cluster's credentials", client.kubernetes(&self.cluster)).await?;
        let manifest = MANIFEST.replace("<acr-name>", REGISTRY);
        play.step("apply acr-nginx.yaml", client.deploy(&api, &manifest, NAMESPACE)).await?;
        play.step("wait for the rollout", client.rollout(&api, NAMESPACE, DEPLOYMENT, PATIENCE)).await?;
        // The age that the tutorial shows.
        pass_exactly(&self.emulator, Duration::from_secs(20));
        let verdict = play.step("list the pods", self.running(&api)).await?;
        show(&verdict);
        Ok(api)
    }

    /// What happens without the role, and with it again.
    async fn lose_and_regain(&self, play: &mut Play, api: &Api) -> Result<(), Failure> {
        let client = &self.client;
        play.step(&format!("detach {REGISTRY}"), client.detach(&self.cluster, REGISTRY)).await?;
        let source = "docker.io/library/nginx:1.29";
        play.step(
            &format!("import {source} as nginx:v2, which no node has"),
            client.import(REGISTRY, source, Some("nginx:v2"), false),
        )
        .await?;
        play.step("set the Deployment's image to nginx:v2", self.set_image(api, "nginx:v2")).await?;
        for state in ["ErrImagePull", "ImagePullBackOff"] {
            let what = format!("see the new pod in {state}");
            let verdict =
                play.step(&what, self.look_for(api, |verdict| verdict.pods.iter().any(|pod| pod.status == state))).await?;
            show(&verdict);
        }
        play.step(&format!("attach {REGISTRY} again"), client.attach(&self.cluster, REGISTRY)).await?;
        play.step("wait for the next try of the pull and the rollout", client.rollout(api, NAMESPACE, DEPLOYMENT, PATIENCE))
            .await?;
        let verdict = play.step("list the pods: they have recovered", self.running(api)).await?;
        show(&verdict);
        Ok(())
    }

    async fn create_group(&self, name: &str) -> azlet_client::Result<()> {
        let path = format!("/subscriptions/{}/resourcegroups/{name}", self.subscription);
        self.put(&path, azlet_client::arm::versions::RESOURCES, json!({"location": LOCATION})).await
    }

    async fn create_registry(&self) -> azlet_client::Result<()> {
        let group = format!("/subscriptions/{}/resourceGroups/{REGISTRY_GROUP}", self.subscription);
        let path = format!("{group}/providers/Microsoft.ContainerRegistry/registries/{REGISTRY}");
        let body = json!({"location": LOCATION, "sku": {"name": "Basic"}, "properties": {"adminUserEnabled": false}});
        self.put(&path, azlet_client::arm::versions::CONTAINER_REGISTRY, body).await
    }

    async fn create_cluster(&self) -> azlet_client::Result<()> {
        let pool = json!({"name": "nodepool1", "mode": "System", "count": 2, "vmSize": "Standard_DS2_v2", "osType": "Linux"});
        let body = json!({
            "location": LOCATION,
            "identity": {"type": "SystemAssigned"},
            "properties": {"dnsPrefix": "myakscluster", "agentPoolProfiles": [pool]},
        });
        self.put(&self.cluster.id(&self.subscription), azlet_client::arm::versions::CONTAINER_SERVICE, body).await
    }

    async fn put(&self, path: &str, version: &str, body: serde_json::Value) -> azlet_client::Result<()> {
        self.client.arm_run(azlet_client::arm::PUT, path, version, Some(&body)).await.map(drop)
    }

    async fn set_image(&self, api: &Api, image: &str) -> azlet_client::Result<()> {
        let container = json!({"name": "nginx", "image": format!("{REGISTRY}.azurecr.io/{image}")});
        let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        api.patch(&format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{DEPLOYMENT}"), &patch).await.map(drop)
    }

    /// Two pods run and no other is left; pods that end take their time.
    async fn running(&self, api: &Api) -> Result<Verdict, String> {
        self.look_for(api, |verdict| verdict.healthy && verdict.pods.len() == 2).await
    }

    async fn verify(&self, api: &Api) -> Result<Verdict, String> {
        self.client.verify(api, NAMESPACE, DEPLOYMENT).await.map_err(|error| error.to_string())
    }

    /// Lets time pass until the pods look as wanted.
    async fn look_for(&self, api: &Api, wanted: impl Fn(&Verdict) -> bool) -> Result<Verdict, String> {
        let mut verdict = self.verify(api).await?;
        for _ in 0..LOOKS {
            if wanted(&verdict) {
                return Ok(verdict);
            }
            pass(&self.emulator, Duration::ZERO);
            verdict = self.verify(api).await?;
        }
        Err(format!("no pod came to that:\n{}", report::Report::text(&verdict)))
    }
}

/// The seed world's Owner, through the emulator's proxy, trusting its authority alone.
fn settings(emulator: &Emulator) -> azlet_client::Result<Settings> {
    let world = emulator.universe().world();
    let seed = &world.seed;
    let lacks = |what: &str| azlet_client::Error::Setting(format!("the seed world has no {what}"));
    let owner = seed.principal("owner").ok_or_else(|| lacks("owner"))?;
    Ok(Settings {
        tenant: seed.tenant().id.to_string(),
        client_id: owner.app_id.ok_or_else(|| lacks("application id for its owner"))?.to_string(),
        client_secret: owner.client_secret.as_deref().ok_or_else(|| lacks("secret for its owner"))?.into(),
        subscription: seed.subscriptions.first().ok_or_else(|| lacks("subscription"))?.id.to_string(),
        arm: "https://management.azure.com".into(),
        authority: "https://login.microsoftonline.com".into(),
        graph: "https://graph.microsoft.com".into(),
        proxy: Some(emulator.endpoint()),
        no_proxy: None,
        ca_bundle: Some(world.ca_pem.as_bytes().to_vec()),
    })
}

/// Lets emulated time pass: to the next thing that happens, at least as long as asked.
fn pass(emulator: &Emulator, least: Duration) {
    let world = emulator.universe().world();
    let next = world.timeline.next_at().map(|at| at.duration_since(world.clock.now()));
    let next = next.and_then(|until| Duration::try_from(until).ok()).unwrap_or_default();
    due::advance(&world, least.max(next));
}

fn pass_exactly(emulator: &Emulator, time: Duration) {
    due::advance(&emulator.universe().world(), time);
}

/// The pods as the tutorial shows them, and the reason of those that do not run.
fn show(verdict: &Verdict) {
    println!("\n{}", report::pods(&verdict.pods));
    for Pod { name, reason, .. } in &verdict.pods {
        if let Some(reason) = reason {
            println!("{name}: {reason}");
        }
    }
    println!();
}

#[expect(clippy::disallowed_methods, reason = "what a person waits for is measured in real time")]
fn now() -> Instant {
    Instant::now()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

//! What a cluster does with a Deployment, from its creation to running pods or to the reason why they do not run: with real
//! registries, identities and roles, without the wire.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::object::*;
use super::settle;
use crate::acr::import::{self, Import, ImportRegistry, ImportSource};
use crate::acr::store::Settings;
use crate::control::due;
use crate::entra::store::{Credentials, Kind, Principal, ServicePrincipal};
use crate::kernel::access::RoleAssignment;
use crate::kernel::clock::{Clock, STEP_START};
use crate::kernel::ids::Ids;
use crate::kernel::jwt::SigningKey;
use crate::kernel::principal::PrincipalKind;
use crate::kernel::resource_id::ResourceId;
use crate::kube::deletion::{DeleteOptions, Propagation};
use crate::kube::kinds;
use crate::kube::spec::{ClusterSpec, KubeletIdentity};
use crate::kube::store::Cluster;
use crate::world::{Seed, World};

const ACR_PULL: Uuid = Uuid::from_u128(0x7f951dda_4ed3_4680_a7ca_43fe172d538d);
const REGISTRY: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/myacr";
const KUBELET: Uuid = Uuid::from_u128(1);

struct Scene {
    world: Arc<World>,
    cluster: Arc<Cluster>,
}

impl Scene {
    /// A cluster of three nodes beside a registry that holds `nginx:v1` and `nginx:v2`.
    fn new() -> Self {
        let key = Arc::new(SigningKey::default());
        let world = World::new(Seed::default(), Clock::step(STEP_START), Ids::new("test"), key, "".into(), std::env::temp_dir());
        let now = world.clock.now();
        let service_principal = ServicePrincipal {
            app_id: Uuid::from_u128(2),
            managed_identity: Some("/subscriptions/s/resourceGroups/mc/providers/x/y/agentpool".into()),
            credentials: Credentials::default(),
        };
        world.directory.put(Principal::new(KUBELET, "agentpool", Kind::ServicePrincipal(service_principal), now));
        let registry =
            world.acr.create(ResourceId::new(REGISTRY), "myacr", "myacr.azurecr.io".into(), "eastus", Settings::default());
        let source = ImportSource {
            registry: ImportRegistry::Uri { host: "docker.io".into(), credentials: None },
            image: "library/nginx:latest".into(),
        };
        let caller = world.directory.caller(KUBELET).expect("put above");
        let tags = ["nginx:v1".to_owned(), "nginx:v2".to_owned()];
        let import = Import { source, target_tags: tags.to_vec(), untagged: Vec::new(), force: false };
        let plan = import::plan(&world, &caller, &registry, &import).expect("the seed has nginx");
        assert_eq!(import::run_here(&world, plan).ok(), Some(Ok(())));
        let cluster = crate::kube::provision(&world, spec());
        for number in 0..3 {
            let node = json!({"metadata": {"name": format!("aks-test-{number}")}});
            cluster.create(&world, &kinds::NODES, node).expect("a node");
        }
        Self { world, cluster }
    }

    fn attach(&self) {
        let now = self.world.clock.now();
        let to = (KUBELET, PrincipalKind::ServicePrincipal);
        let assignment = RoleAssignment::new(Uuid::from_u128(9), ResourceId::new(REGISTRY), ACR_PULL, to, (KUBELET, now));
        self.world.access.put_assignment(assignment).expect("a new assignment");
    }

    fn detach(&self) {
        self.world.access.remove_assignment(Uuid::from_u128(9)).expect("attached before");
    }

    fn deploy(&self, image: &str) {
        let labels = json!({"app": "web"});
        let containers = json!([{"name": "nginx", "image": image, "imagePullPolicy": "IfNotPresent"}]);
        let deployment = json!({
            "metadata": {"name": "web", "namespace": "default", "generation": 1},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels}, "progressDeadlineSeconds": 600,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": containers, "restartPolicy": "Always"}},
            },
        });
        self.cluster.create(&self.world, &kinds::DEPLOYMENTS, deployment).expect("a Deployment");
        settle(&self.world, &self.cluster);
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        self.cluster.modify(&self.world, &kinds::DEPLOYMENTS, "default", "web", change).expect("deployed before");
        settle(&self.world, &self.cluster);
    }

    fn pass(&self, seconds: u64) {
        due::advance(&self.world, Duration::from_secs(seconds));
    }

    fn pods(&self) -> Vec<Arc<Value>> {
        self.cluster.list(&kinds::PODS, Some("default")).0
    }

    fn deployment(&self) -> Arc<Value> {
        self.cluster.get(&kinds::DEPLOYMENTS, "default", "web").expect("deployed before")
    }

    /// The pods' phases and waiting reasons.
    fn states(&self) -> Vec<String> {
        let state = |pod: &Arc<Value>| {
            let reason = text(pod, "/status/containerStatuses/0/state/waiting/reason");
            format!("{} {reason}", text(pod, "/status/phase")).trim_end().to_owned()
        };
        self.pods().iter().map(state).collect()
    }

    /// Reasons and counts of all events of a reason.
    fn events(&self, reason: &str) -> Vec<(String, i64)> {
        let (events, _) = self.cluster.list(&kinds::EVENTS, Some("default"));
        let of_reason = events.iter().filter(|event| event["reason"] == reason);
        of_reason.map(|event| (text(event, "/message").to_owned(), number(event, "/count").unwrap_or(0))).collect()
    }
}

fn spec() -> ClusterSpec {
    ClusterSpec {
        id: ResourceId::new("/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c"),
        name: "c".into(),
        fqdn: "c.hcp.eastus.azmk8s.io".into(),
        location: "eastus".into(),
        version: "1.33.5".into(),
        node_pools: Vec::new(),
        kubelet_identity: Some(KubeletIdentity { object_id: KUBELET, client_id: Uuid::from_u128(2) }),
        user_token: "user".into(),
        admin_token: "admin".into(),
        monitoring_token: "admin".into(),
        node_resource_group: "mc".into(),
        workload_identity: false,
        entra: None,
    }
}

#[test]
fn an_attached_cluster_runs_its_pods_and_says_so() {
    let scene = Scene::new();
    scene.attach();
    scene.deploy("myacr.azurecr.io/nginx:v1");
    assert_eq!(scene.states(), ["Running", "Running"]);
    let status = scene.deployment()["status"].clone();
    assert_eq!(status["availableReplicas"], 2, "{status:#}");
    assert_eq!(status["conditions"][1]["reason"], "NewReplicaSetAvailable", "{status:#}");
    assert_eq!(annotation(&scene.deployment(), "deployment.kubernetes.io/revision"), Some("1"));
    let pods = scene.pods();
    assert_ne!(pods[0]["spec"]["nodeName"], pods[1]["spec"]["nodeName"]);
    assert!(text(&pods[0], "/status/containerStatuses/0/imageID").starts_with("myacr.azurecr.io/nginx@sha256:"));
    assert_eq!(scene.events("Started"), [("Started container nginx".to_owned(), 1), ("Started container nginx".to_owned(), 1)]);
    assert_eq!(scene.events("ScalingReplicaSet").len(), 1);
}

#[test]
fn without_a_role_pods_back_off_and_recover_once_attached() {
    let scene = Scene::new();
    scene.deploy("myacr.azurecr.io/nginx:v1");
    assert_eq!(scene.states(), ["Pending ErrImagePull", "Pending ErrImagePull"]);
    let message = text(&scene.pods()[0], "/status/containerStatuses/0/state/waiting/message").to_owned();
    assert_eq!(
        message,
        "failed to pull and unpack image \"myacr.azurecr.io/nginx:v1\": failed to resolve reference \
         \"myacr.azurecr.io/nginx:v1\": failed to authorize: failed to fetch anonymous token: unexpected status from GET request \
         to https://myacr.azurecr.io/oauth2/token?scope=repository%3Anginx%3Apull&service=myacr.azurecr.io: 401 Unauthorized"
    );
    scene.pass(1);
    assert_eq!(scene.states(), ["Pending ImagePullBackOff", "Pending ImagePullBackOff"]);
    scene.pass(9);
    assert_eq!(scene.states(), ["Pending ErrImagePull", "Pending ErrImagePull"], "tried again after 10 s");
    scene.attach();
    scene.pass(19);
    assert_eq!(scene.states(), ["Pending ImagePullBackOff", "Pending ImagePullBackOff"], "the next back-off is 20 s");
    scene.pass(1);
    assert_eq!(scene.states(), ["Running", "Running"]);
    assert_eq!(scene.events("Pulling")[0].1, 3);
    assert_eq!(scene.events("BackOff")[0], ("Back-off pulling image \"myacr.azurecr.io/nginx:v1\"".to_owned(), 2));
    assert_eq!(scene.deployment()["status"]["readyReplicas"], 2);
}

#[test]
fn after_a_detach_a_node_runs_what_it_has_and_pulls_nothing_new() {
    let scene = Scene::new();
    scene.attach();
    scene.deploy("myacr.azurecr.io/nginx:v1");
    scene.change(|deployment| deployment["spec"]["replicas"] = 3.into());
    scene.detach();
    for pod in scene.pods() {
        scene.cluster.delete(&scene.world, &kinds::PODS, "default", name(&pod), &Default::default()).expect("a pod");
    }
    settle(&scene.world, &scene.cluster);
    assert!(scene.states().iter().all(|state| state == "Running"), "every node had the image: {:?}", scene.states());
    scene.change(|deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "myacr.azurecr.io/nginx:v2".into();
    });
    scene.pass(1);
    let mut states = scene.states();
    states.sort();
    assert_eq!(states, ["Pending ImagePullBackOff", "Running", "Running", "Running"], "the old pods stay");
    scene.pass(600);
    let status = scene.deployment()["status"].clone();
    let progressing = items(&status, "/conditions").iter().find(|it| it["type"] == "Progressing").cloned();
    assert_eq!(progressing.expect("a condition")["reason"], "ProgressDeadlineExceeded", "{status:#}");
}

#[test]
fn a_roll_out_replaces_pods_and_an_undo_takes_the_old_replica_set_again() {
    let scene = Scene::new();
    scene.attach();
    scene.deploy("myacr.azurecr.io/nginx:v1");
    let image = |image: &'static str| {
        move |deployment: &mut Value| deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image.into()
    };
    scene.change(image("myacr.azurecr.io/nginx:v2"));
    scene.pass(1);
    assert_eq!(scene.pods().len(), 2, "the old pods are gone");
    assert_eq!(annotation(&scene.deployment(), "deployment.kubernetes.io/revision"), Some("2"));
    let told: Vec<_> = scene.events("ScalingReplicaSet").into_iter().map(|(message, _)| message).collect();
    assert_eq!(told.len(), 5, "{told:?}");
    scene.change(image("myacr.azurecr.io/nginx:v1"));
    scene.pass(1);
    let (sets, _) = scene.cluster.list(&kinds::REPLICA_SETS, Some("default"));
    assert_eq!(sets.len(), 2);
    assert_eq!(annotation(&scene.deployment(), "deployment.kubernetes.io/revision"), Some("3"));
    let again = sets.iter().find(|set| set["spec"]["replicas"] == 2).expect("one is in use");
    assert_eq!(annotation(again, "deployment.kubernetes.io/revision-history"), Some("1"));
    assert_eq!(scene.deployment()["status"]["conditions"][1]["reason"], "NewReplicaSetAvailable");
}

#[test]
fn a_pause_is_noted_once_and_keeps_what_is_there() {
    let scene = Scene::new();
    scene.attach();
    scene.deploy("myacr.azurecr.io/nginx:v1");
    let condition = || {
        let deployment = scene.deployment();
        let all = deployment["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let progressing = all.into_iter().find(|condition| condition["type"] == "Progressing").unwrap_or_default();
        (progressing["status"].clone(), progressing["reason"].clone())
    };
    let version = || scene.deployment()["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse::<u64>().ok());
    let before = version();
    scene.change(|deployment| deployment["spec"]["paused"] = true.into());
    assert_eq!(condition(), ("Unknown".into(), "DeploymentPaused".into()));
    assert!(version() < before.map(|before| before + 5), "a pause is a few writes, not a contest of two writers");
    scene.change(|deployment| deployment["spec"]["template"]["metadata"]["labels"]["more"] = "1".into());
    assert_eq!(scene.pods().iter().filter(|pod| pod["metadata"]["labels"]["more"] == "1").count(), 0);
    scene.change(|deployment| deployment["spec"]["paused"] = false.into());
    scene.pass(60);
    assert_eq!(condition(), ("True".into(), "NewReplicaSetAvailable".into()));
    assert_eq!(scene.pods().iter().filter(|pod| pod["metadata"]["labels"]["more"] == "1").count(), 2);
}

#[test]
fn a_pod_that_is_deleted_ends_its_containers_first() {
    let scene = Scene::new();
    scene.attach();
    scene.deploy("myacr.azurecr.io/nginx:v1");
    scene.change(|deployment| deployment["spec"]["replicas"] = 0.into());
    assert_eq!(scene.pods().len(), 2);
    assert!(scene.pods().iter().all(|pod| is_terminating(pod)));
    assert_eq!(scene.events("Killing")[0], ("Stopping container nginx".to_owned(), 1));
    scene.pass(1);
    assert_eq!(scene.pods().len(), 0);
    assert!(scene.deployment()["status"].get("replicas").is_none());
}

#[test]
fn the_check_of_a_clusters_access_ends_at_once_and_is_true() {
    let scene = Scene::new();
    let pod = |name: &str, registry: &str| {
        let container = json!({"name": name, "image": "mcr.microsoft.com/aks/canipull:v0.1.0", "args": ["-v6", registry]});
        let pod = json!({
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"restartPolicy": "Never", "hostNetwork": true, "containers": [container]},
        });
        scene.cluster.create(&scene.world, &kinds::PODS, pod).expect("a pod");
        settle(&scene.world, &scene.cluster);
        let pod = scene.cluster.get(&kinds::PODS, "default", name).expect("made above");
        let memory = scene.cluster.controllers.lock();
        let log = memory.nodes.pod(uid(&pod)).expect("it ran").containers[0].lines(scene.world.clock.now());
        let log: Vec<String> = log.iter().map(|line| line.text.clone()).collect();
        (text(&pod, "/status/phase").to_owned(), log.join("\n"))
    };
    let (phase, log) = pod("refused", "myacr.azurecr.io");
    assert_eq!(phase, "Failed", "{log}");
    assert!(log.contains("Validating image pull permission: FAILED"), "{log}");
    assert!(log.contains("ACR token exchange endpoint returned error status: 401"), "{log}");
    scene.attach();
    let (phase, log) = pod("allowed", "myacr.azurecr.io");
    assert_eq!(phase, "Succeeded");
    assert!(log.ends_with("Your cluster can pull images from myacr.azurecr.io!"), "{log}");
    let (phase, log) = pod("unknown", "nosuch.azurecr.io");
    assert_eq!(phase, "Failed");
    assert!(log.contains("Checking host name resolution (nosuch.azurecr.io): FAILED"), "{log}");
}

#[test]
fn a_pod_that_no_node_takes_waits_for_one() {
    let scene = Scene::new();
    let container = json!({"name": "a", "image": "docker.io/library/nginx:latest"});
    let pod = json!({
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {"restartPolicy": "Always", "nodeSelector": {"disk": "ssd"}, "containers": [container]},
    });
    scene.cluster.create(&scene.world, &kinds::PODS, pod).expect("a pod");
    settle(&scene.world, &scene.cluster);
    let told = scene.events("FailedScheduling");
    assert!(told[0].0.starts_with("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."), "{told:?}");
    scene.cluster.modify(&scene.world, &kinds::NODES, "", "aks-test-1", |node| {
        map_at(node, &["metadata", "labels"]).insert("disk".into(), "ssd".into());
    });
    settle(&scene.world, &scene.cluster);
    assert_eq!(scene.states(), ["Running"]);
    assert_eq!(scene.pods()[0]["spec"]["nodeName"], "aks-test-1");
}

#[test]
fn a_chain_of_owners_of_any_length_goes() {
    let Scene { world, cluster } = Scene::new();
    let (before, _) = cluster.list(&kinds::CONFIG_MAPS, Some("default"));
    for propagation in [Propagation::Background, Propagation::Foreground] {
        let mut references = json!([]);
        for number in 0..2000 {
            let metadata = json!({"name": format!("c{number}"), "namespace": "default", "ownerReferences": references.take()});
            let made = cluster.create(&world, &kinds::CONFIG_MAPS, json!({ "metadata": metadata })).expect("an object");
            let (name, uid) = (&made["metadata"]["name"], &made["metadata"]["uid"]);
            let kind = "ConfigMap";
            references = json!([{"apiVersion": "v1", "kind": kind, "name": name, "uid": uid, "blockOwnerDeletion": true}]);
        }
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        cluster.delete(&world, &kinds::CONFIG_MAPS, "default", "c0", &options).expect("it is there");
        let (after, _) = cluster.list(&kinds::CONFIG_MAPS, Some("default"));
        assert_eq!(after.len(), before.len(), "{propagation:?}");
    }
}

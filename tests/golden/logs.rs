//! Diagnostic settings, what they deliver, and how it is asked for. Sources: Azure Monitor's documentation of diagnostic settings,
//! of the tables of registries and clusters, of access to workspaces; the Log Analytics API's reference.

use azlet_tests::registry::{image, push_image, put_manifest};
use azlet_tests::{Actor, Answer, Azlet, SUBSCRIPTION, arm, resource_id};
use serde_json::{Value, json};

const SETTINGS: &str = "2021-05-01-preview";
const WORKSPACES: &str = "2025-02-01";
const HOST: &str = "demo1.azurecr.io";
const LOGINS: &str = "ContainerRegistryLoginEvents";
const REPOSITORIES: &str = "ContainerRegistryRepositoryEvents";

fn registry() -> String {
    resource_id("rg", "Microsoft.ContainerRegistry/registries/demo1")
}

fn workspace() -> String {
    resource_id("rg", "Microsoft.OperationalInsights/workspaces/logs1")
}

fn setting(on: &str, name: &str) -> String {
    arm(&format!("{on}/providers/Microsoft.Insights/diagnosticSettings/{name}"), SETTINGS)
}

/// The properties of a setting that delivers categories into the workspace.
fn deliver(categories: &[&str]) -> Value {
    let logs: Vec<Value> = categories.iter().map(|category| json!({ "category": category, "enabled": true })).collect();
    json!({ "properties": { "workspaceId": workspace(), "logs": logs } })
}

/// A group with a workspace.
struct Scene {
    azlet: Azlet,
    owner: Actor,
    customer: String,
}

impl Scene {
    async fn new() -> Self {
        let (azlet, owner) = Azlet::with_group().await;
        let customer = make_workspace(&owner).await;
        Self { azlet, owner, customer }
    }

    async fn with_registry() -> Self {
        let scene = Self::new().await;
        let body = json!({ "location": "westus2", "sku": { "name": "Premium" } });
        let made = scene.owner.put_and_wait(&arm(&registry(), "2023-07-01"), &body).await;
        assert_eq!(made.status(), 200, "{}", made.golden());
        scene
    }

    async fn ask_as(&self, principal: &str, query: &str) -> Answer {
        let token = self.azlet.token(principal, "https://api.loganalytics.io").await;
        let url = format!("https://api.loganalytics.io/v1/workspaces/{}/query", self.customer);
        self.azlet.bearer(token).post(&url, &json!({ "query": query })).await
    }

    async fn ask(&self, query: &str) -> Answer {
        self.ask_as("owner", query).await
    }

    /// The rows of an answer, a line each.
    async fn rows(&self, query: &str) -> String {
        let answer = self.ask(query).await;
        let body = answer.json();
        let rows = body["tables"][0]["rows"].as_array().unwrap_or_else(|| panic!("{query}: {}", answer.golden()));
        rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

async fn make_workspace(owner: &Actor) -> String {
    let made = owner.put_and_wait(&arm(&workspace(), WORKSPACES), &json!({ "location": "westus2" })).await;
    made.json()["properties"]["customerId"].as_str().unwrap_or_else(|| panic!("{}", made.golden())).to_owned()
}

#[tokio::test]
async fn a_registrys_sign_ins_and_changes_reach_the_workspace() {
    let scene = Scene::with_registry().await;
    // Nothing is told of before a setting asks for it.
    let early = scene.azlet.registry_actor(HOST, "owner", "repository:app:pull,push,delete,metadata_write").await;
    let made = scene.owner.put(&setting(&registry(), "s"), &deliver(&[LOGINS, REPOSITORIES])).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
    push_image(&early, HOST, "app", "v1", "layer").await;
    let puller = scene.azlet.registry_actor(HOST, "owner", "repository:app:pull").await;
    let manifest = |reference: &str| format!("https://{HOST}/v2/app/manifests/{reference}");
    assert_eq!(puller.get(&manifest("v1")).await.status(), 200);
    assert_eq!(puller.get(&manifest("v2")).await.status(), 404);
    assert_eq!(scene.azlet.anonymous().get(&manifest("v1")).await.status(), 401);
    assert_eq!(scene.azlet.exchange(HOST, "nobody").await.status(), 401);
    assert_eq!(early.delete(&format!("https://{HOST}/acr/v1/app/_tags/v1")).await.status(), 202);
    assert_eq!(early.delete(&format!("https://{HOST}/acr/v1/app")).await.status(), 202);
    let whole = scene.ask(&format!("{REPOSITORIES} | where OperationName == 'Push'")).await;
    insta::assert_snapshot!("registry_push_inferred", whole.golden());
    insta::assert_snapshot!(
        "registry_events_inferred",
        scene
            .rows(&format!("{REPOSITORIES} | project OperationName, Repository, Tag, ResultType, ResultDescription, MediaType, Size, Identity"))
            .await
    );
    insta::assert_snapshot!(
        "registry_logins_inferred",
        scene
            .rows(&format!("{LOGINS} | project OperationName, ResultDescription, LoginServer, Identity, Region, CallerIpAddress"))
            .await
    );
    // Who takes the setting away takes the events away.
    assert_eq!(scene.owner.delete(&setting(&registry(), "s")).await.status(), 200);
    let before = scene.rows(&format!("{LOGINS} | count")).await;
    scene.azlet.exchange(HOST, "owner").await;
    assert_eq!(scene.rows(&format!("{LOGINS} | count")).await, before);
}

#[tokio::test]
async fn what_a_cluster_pulls_is_told_with_its_identity() {
    let scene = Scene::with_registry().await;
    let pusher = scene.azlet.registry_actor(HOST, "owner", "repository:app:pull,push").await;
    let built = image(&pusher, HOST, "app", "layer").await;
    put_manifest(&pusher, HOST, "app", "v1", azlet_tests::registry::OCI_MANIFEST, &built).await;
    scene.owner.put(&setting(&registry(), "s"), &deliver(&[LOGINS, REPOSITORIES])).await;
    let cluster = scene.azlet.cluster(&scene.owner, 1).await;
    let kubelet =
        cluster.resource["properties"]["identityProfile"]["kubeletidentity"]["objectId"].as_str().expect("an id").to_owned();
    let pod = |name: &str| {
        let spec = json!({ "containers": [{ "name": "app", "image": format!("{HOST}/app:v1") }] });
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name }, "spec": spec })
    };
    let pods = format!("{}/api/v1/namespaces/default/pods", cluster.server);
    cluster.user.post(&pods, &pod("early")).await;
    let refused =
        scene.rows(&format!("{LOGINS} | where Identity == '{kubelet}' | distinct OperationName, ResultDescription")).await;
    assert_eq!(refused, r#"["Login","401"]"#);
    let kubelet_id = uuid::Uuid::try_parse(&kubelet).expect("a GUID");
    scene.azlet.assign_to(kubelet_id, "AcrPull", &registry());
    cluster.user.post(&pods, &pod("late")).await;
    scene.azlet.advance("1s").await;
    let pulled = scene
        .rows(&format!("{REPOSITORIES} | where Identity == '{kubelet}' | distinct OperationName, Tag, ResultDescription"))
        .await;
    assert_eq!(pulled, r#"["Pull","v1","200"]"#);
}

#[tokio::test]
async fn a_clusters_audit_log_lies_in_the_common_table_or_its_own() {
    let scene = Scene::new().await;
    let cluster = scene.azlet.cluster(&scene.owner, 1).await;
    let id = cluster.resource["id"].as_str().expect("an id").to_owned();
    let made = scene.owner.put(&setting(&id, "common"), &deliver(&["kube-audit-admin"])).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
    let namespaces = format!("{}/api/v1/namespaces", cluster.server);
    cluster.user.get(&namespaces).await;
    cluster.user.post(&namespaces, &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "one" } })).await;
    // Reads are not the administrators' log's.
    let common = scene
        .ask("AzureDiagnostics | extend e = parse_json(log_s) | project Category, Resource, e.verb, e.objectRef.resource")
        .await;
    insta::assert_snapshot!("cluster_audit_admin", common.golden());
    insta::assert_snapshot!("cluster_audit_row", scene.ask("AzureDiagnostics").await.golden());
    assert_eq!(scene.owner.delete(&setting(&id, "common")).await.status(), 200);
    let mut own = deliver(&[]);
    own["properties"]["logs"] = json!([{ "categoryGroup": "audit", "enabled": true }]);
    own["properties"]["logAnalyticsDestinationType"] = json!("Dedicated");
    assert_eq!(scene.owner.put(&setting(&id, "own"), &own).await.status(), 200);
    cluster.user.get(&namespaces).await;
    cluster.user.delete(&format!("{namespaces}/one")).await;
    scene.azlet.anonymous().get(&namespaces).await;
    let rows =
        scene.rows("AKSAudit | project Verb, RequestUri, tostring(User.username), toint(ResponseStatus.code), Level").await;
    insta::assert_snapshot!("cluster_audit_own", rows);
    assert_eq!(
        scene.rows("AKSAuditAdmin | project Verb, ObjectRef").await,
        r#"["delete","{\"resource\":\"namespaces\",\"name\":\"one\",\"apiVersion\":\"v1\"}"]"#
    );
}

#[tokio::test]
async fn a_setting_needs_a_destination_and_known_categories() {
    let scene = Scene::with_registry().await;
    let on = registry();
    let with = |properties: Value| json!({ "properties": properties });
    let here = workspace();
    let elsewhere = here.replace("logs1", "logs2");
    for (name, body) in [
        ("no_destination", with(json!({ "logs": [] }))),
        ("unknown_category", deliver(&["kube-audit"])),
        ("unknown_group_inferred", with(json!({ "workspaceId": here, "logs": [{ "categoryGroup": "most", "enabled": true }] }))),
        (
            "category_and_group_inferred",
            with(json!({ "workspaceId": here, "logs": [{ "category": LOGINS, "categoryGroup": "allLogs", "enabled": true }] })),
        ),
        ("unknown_metric_inferred", with(json!({ "workspaceId": here, "metrics": [{ "category": "Some", "enabled": true }] }))),
        ("absent_workspace_inferred", with(json!({ "workspaceId": elsewhere }))),
        ("no_workspace_inferred", with(json!({ "workspaceId": on }))),
    ] {
        let refused = scene.owner.put(&setting(&on, "s"), &body).await;
        assert!((400..500).contains(&refused.status()), "{name}: {}", refused.golden());
        insta::assert_snapshot!(format!("setting_{name}"), refused.golden());
    }
    assert_eq!(scene.owner.put(&setting(&on, "a"), &deliver(&[LOGINS])).await.status(), 200);
    insta::assert_snapshot!("setting_conflict", scene.owner.put(&setting(&on, "b"), &deliver(&[LOGINS])).await.golden());
    assert_eq!(scene.owner.put(&setting(&on, "b"), &deliver(&[REPOSITORIES])).await.status(), 200);
    let list = arm(&format!("{on}/providers/Microsoft.Insights/diagnosticSettings"), SETTINGS);
    assert_eq!(scene.owner.get(&list).await.json()["value"].as_array().map(Vec::len), Some(2));
    let categories = arm(&format!("{on}/providers/microsoft.insights/diagnosticSettingsCategories"), SETTINGS);
    insta::assert_snapshot!("setting_categories", scene.owner.get(&categories).await.golden());
    // A type without categories has no settings.
    let identity = resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/someone");
    scene.owner.put(&arm(&identity, "2023-01-31"), &json!({ "location": "westus2" })).await;
    insta::assert_snapshot!("setting_unsupported_type", scene.owner.put(&setting(&identity, "s"), &deliver(&[])).await.golden());
    // The setting goes with what it is on.
    scene.owner.delete(&arm(&on, "2023-07-01")).await;
    assert_eq!(scene.owner.get(&setting(&on, "a")).await.error_code(), "ResourceNotFound");
}

#[tokio::test]
async fn delivering_needs_a_right_on_the_workspace_too() {
    let scene = Scene::with_registry().await;
    scene.azlet.assign("nobody", "Contributor", &registry());
    let somebody = scene.azlet.actor("nobody").await;
    insta::assert_snapshot!(
        "setting_without_right",
        somebody.put(&setting(&registry(), "s"), &deliver(&[LOGINS])).await.golden()
    );
}

#[tokio::test]
async fn who_may_not_query_is_refused_and_a_query_without_answer_says_why() {
    let scene = Scene::new().await;
    let token = scene.azlet.token("owner", "https://management.azure.com").await;
    let url = format!("https://api.loganalytics.io/v1/workspaces/{}/query", scene.customer);
    let question = json!({ "query": LOGINS });
    insta::assert_snapshot!("query_anonymous", scene.azlet.anonymous().post(&url, &question).await.golden());
    insta::assert_snapshot!("query_other_audience_inferred", scene.azlet.bearer(token).post(&url, &question).await.golden());
    insta::assert_snapshot!("query_without_right", scene.ask_as("nobody", LOGINS).await.golden());
    assert_eq!(scene.ask_as("reader", LOGINS).await.status(), 200);
    for (name, query) in [
        ("syntax", "ContainerRegistryLoginEvents\n| where Identity = 'x'"),
        ("table", "NoSuchTable | count"),
        ("column", "ContainerRegistryLoginEvents | where Nothing == 1"),
        ("types", "ContainerRegistryLoginEvents | where Identity == 1"),
        ("unknown_operator", "ContainerRegistryLoginEvents | join AKSAudit on Identity"),
        ("empty_inferred", " "),
    ] {
        let refused = scene.ask(query).await;
        assert_eq!(refused.status(), 400, "{query}");
        insta::assert_snapshot!(format!("query_refused_{name}"), refused.golden());
    }
    let other = url.replace(&scene.customer, "00000000-0000-0000-0000-000000000001");
    let token = scene.azlet.token("owner", "https://api.loganalytics.io").await;
    let asker = scene.azlet.bearer(token);
    insta::assert_snapshot!("query_no_workspace_inferred", asker.post(&other, &question).await.golden());
    assert_eq!(asker.get("https://api.loganalytics.io/v1/nothing").await.error_code(), "PathNotFoundError");
    // By URL, on the other host, and through ARM.
    let by_url = format!(
        "https://api.loganalytics.azure.com/v1/workspaces/{}/query?query=AKSAudit%20%7C%20count&timespan=P1D",
        scene.customer
    );
    insta::assert_snapshot!("query_by_url", asker.get(&by_url).await.golden());
    for path in ["api/query", "query"] {
        let through_arm = arm(&format!("{}/{path}", workspace()), "2017-04-26-preview");
        let answer = scene.owner.post(&through_arm, &json!({ "query": "AKSAudit | count" })).await;
        assert_eq!(answer.json()["tables"][0]["rows"], json!([[0]]), "{}", answer.golden());
    }
}

#[tokio::test]
async fn rows_are_kept_as_long_as_the_workspace_says_and_come_back_with_it() {
    let scene = Scene::with_registry().await;
    scene.owner.put(&setting(&registry(), "s"), &deliver(&[LOGINS])).await;
    scene.azlet.exchange(HOST, "owner").await;
    let count = format!("{LOGINS} | count");
    assert_eq!(scene.rows(&count).await, "[1]");
    let keys = arm(&format!("{}/sharedKeys", workspace()), "2020-08-01");
    assert!(scene.owner.post(&keys, &json!({})).await.json()["primarySharedKey"].as_str().is_some_and(|key| key.ends_with("==")));
    // Deleted and made again, it is the same workspace; deleted by force, it is another one.
    let url = arm(&workspace(), WORKSPACES);
    assert_eq!(scene.owner.delete(&url).await.status(), 200);
    assert_eq!(scene.ask(&count).await.status(), 404);
    assert_eq!(make_workspace(&scene.owner).await, scene.customer);
    assert_eq!(scene.rows(&count).await, "[1]");
    scene.azlet.advance("719h").await;
    assert_eq!(scene.rows(&count).await, "[1]");
    scene.azlet.advance("2h").await;
    assert_eq!(scene.rows(&count).await, "[0]");
    // Tokens do not live as long.
    let owner = scene.azlet.owner().await;
    assert_eq!(owner.delete(&format!("{url}&force=true")).await.status(), 200);
    assert_ne!(make_workspace(&owner).await, scene.customer);
    let list = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.OperationalInsights/workspaces");
    assert_eq!(owner.get(&arm(&list, WORKSPACES)).await.json()["value"].as_array().map(Vec::len), Some(1));
    let short = json!({ "location": "westus2", "properties": { "retentionInDays": 7 } });
    insta::assert_snapshot!("workspace_retention_inferred", owner.put(&url, &short).await.golden());
}

#[tokio::test]
async fn a_batch_answers_each_query_as_if_it_came_alone() {
    let scene = Scene::with_registry().await;
    let url = "https://api.loganalytics.io/v1/$batch";
    let asker = scene.azlet.bearer(scene.azlet.token("owner", "https://api.loganalytics.io").await);
    let count = json!({ "query": format!("{LOGINS} | count"), "timespan": "P1D" });
    let query = |id: &str, workspace: &str, body: &Value| json!({ "id": id, "method": "POST", "path": "/query", "workspace": workspace, "body": body });
    let mut wishful = query("statistics", &scene.customer, &count);
    wishful["headers"] = json!({ "Prefer": "wait=60,include-statistics=true,include-render=true" });
    let mut by_get = query("method_inferred", &scene.customer, &count);
    by_get["method"] = json!("GET");
    let nothing = "00000000-0000-0000-0000-000000000001";
    let requests = json!([
        query("count", &scene.customer, &count),
        wishful,
        query("syntax", &scene.customer, &json!({ "query": "AKSAudit | wher x" })),
        query("no_query", &scene.customer, &json!({})),
        query("no_workspace", nothing, &count),
        by_get,
    ]);
    insta::assert_snapshot!("batch", asker.post(url, &json!({ "requests": requests })).await.golden());
    let nobody = scene.azlet.bearer(scene.azlet.token("nobody", "https://api.loganalytics.io").await);
    let one = json!({ "requests": [query("one", &scene.customer, &count)] });
    insta::assert_snapshot!("batch_without_right", nobody.post(url, &one).await.golden());
    let twice = json!({ "requests": vec![query("one", &scene.customer, &count); 2] });
    for (name, body) in [
        ("no_requests_inferred", json!({})),
        ("no_id_inferred", json!({ "requests": [{ "workspace": scene.customer }] })),
        ("an_id_twice_inferred", twice),
        ("too_many_inferred", json!({ "requests": vec![json!({}); 101] })),
    ] {
        let refused = asker.post(url, &body).await;
        assert_eq!(refused.status(), 400, "{name}");
        insta::assert_snapshot!(format!("batch_refused_{name}"), refused.golden());
    }
    assert_eq!(scene.azlet.bearer("x").post(url, &one).await.status(), 401);
    assert_eq!(asker.get(url).await.status(), 405);
}

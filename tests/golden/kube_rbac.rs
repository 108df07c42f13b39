//! Kubernetes' roles through the wire: who may what, what is said to those who may not, that nobody grants what they do not have, requests
//! in another's name, tokens of service accounts, reviews. Sources: the API server's authorizer of mode RBAC, its registry of roles and
//! bindings, its filter of impersonation and its reviews (Kubernetes 1.34); AKS' documentation of Entra integration.

use azlet_tests::{Actor, Answer, Azlet};
use base64::Engine as _;
use reqwest::Method;
use serde_json::{Value, json};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const PODS: &str = "/api/v1/namespaces/default/pods";

struct Server {
    azlet: Azlet,
    url: String,
    admin: Actor,
}

impl Server {
    async fn new() -> Self {
        let (azlet, owner) = Azlet::with_group().await;
        let cluster = azlet.cluster(&owner, 1).await;
        Self { url: cluster.server, admin: cluster.user, azlet }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The administrator's request in another's name.
    async fn call(&self, user: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.admin.request(method, &self.at(path)).header("Impersonate-User", user);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.admin.send(request).await
    }

    async fn made(&self, path: &str, body: &Value) -> Value {
        let made = self.admin.post(&self.at(path), body).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
        made.json()
    }

    async fn role(&self, name: &str, rules: Value) {
        self.made(&format!("{RBAC}/namespaces/default/roles"), &json!({ "metadata": { "name": name }, "rules": rules })).await;
    }

    /// Binds a role in the namespace `default`.
    async fn bind(&self, name: &str, kind: &str, role: &str, subject: Value) {
        let body = json!({
            "metadata": { "name": name }, "subjects": [subject],
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role },
        });
        self.made(&format!("{RBAC}/namespaces/default/rolebindings"), &body).await;
    }

    async fn token(&self, account: &str, spec: &Value) -> Answer {
        let path = format!("/api/v1/namespaces/default/serviceaccounts/{account}/token");
        self.admin.post(&self.at(&path), &json!({ "spec": spec })).await
    }
}

fn user(name: &str) -> Value {
    json!({ "kind": "User", "name": name })
}

fn token_of(answer: &Answer) -> String {
    answer.json()["status"]["token"].as_str().unwrap_or_else(|| panic!("{}", answer.golden())).to_owned()
}

#[tokio::test]
async fn a_cluster_begins_with_the_roles_of_kubernetes() {
    let server = Server::new().await;
    let names = |list: Value| -> Vec<String> {
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned)).collect()
    };
    let roles = server.admin.get(&server.at(&format!("{RBAC}/clusterroles"))).await.json();
    insta::assert_json_snapshot!("kube_rbac_cluster_roles", names(roles));
    let bindings = server.admin.get(&server.at(&format!("{RBAC}/clusterrolebindings"))).await.json();
    insta::assert_json_snapshot!("kube_rbac_cluster_role_bindings", names(bindings));
    // `view` is made of the roles that have its label, and grows with them.
    let view = format!("{RBAC}/clusterroles/view");
    let rules = server.admin.get(&server.at(&view)).await.json()["rules"].clone();
    insta::assert_json_snapshot!("kube_rbac_view", rules);
    let more = json!({
        "metadata": { "name": "crontabs", "labels": { "rbac.authorization.k8s.io/aggregate-to-view": "true" } },
        "rules": [{ "apiGroups": ["stable.example.com"], "resources": ["crontabs"], "verbs": ["get"] }],
    });
    server.made(&format!("{RBAC}/clusterroles"), &more).await;
    let text = server.admin.get(&server.at(&view)).await.text();
    assert!(text.contains("crontabs"), "{text}");
    let admin = server.admin.get(&server.at(&format!("{RBAC}/clusterroles/admin"))).await.text();
    assert!(admin.contains("crontabs"), "admin is made of edit, which is made of view: {admin}");
}

#[tokio::test]
async fn who_has_no_role_is_told_what_they_cannot_do() {
    let server = Server::new().await;
    for (name, method, path) in [
        ("list", Method::GET, PODS),
        ("list_all", Method::GET, "/api/v1/pods"),
        ("get", Method::GET, "/api/v1/namespaces/default/pods/p"),
        ("log", Method::GET, "/api/v1/namespaces/default/pods/p/log"),
        ("scale", Method::GET, "/apis/apps/v1/namespaces/default/deployments/d/scale"),
        ("watch_one", Method::GET, "/api/v1/namespaces/default/pods?watch=true&fieldSelector=metadata.name%3Dp"),
        ("namespace", Method::GET, "/api/v1/namespaces/default"),
        ("node", Method::DELETE, "/api/v1/nodes/n"),
        ("path", Method::GET, "/metrics"),
    ] {
        let refused = server.call("jane", method, path, None).await;
        insta::assert_snapshot!(format!("kube_rbac_refused_{name}"), refused.golden());
    }
    let nobody = server.azlet.anonymous();
    insta::assert_snapshot!("kube_rbac_refused_anonymous", nobody.get(&server.at(PODS)).await.golden());
    assert_eq!(nobody.get(&server.at("/version")).await.status(), 200, "system:public-info-viewer");
    assert_eq!(nobody.get(&server.at("/api")).await.status(), 403, "no system:discovery");
    assert_eq!(server.call("jane", Method::GET, "/apis", None).await.status(), 200, "system:discovery");
}

#[tokio::test]
async fn a_role_opens_what_it_names_in_its_namespace() {
    let server = Server::new().await;
    server.role("reader", json!([{ "apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"] }])).await;
    let one = json!([{ "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["kube-root-ca.crt"], "verbs": ["get", "list"] }]);
    server.role("one", one).await;
    server.bind("jane", "Role", "reader", user("jane")).await;
    server.bind("one", "Role", "one", user("jane")).await;
    let status = async |method: Method, path: &str| server.call("jane", method, path, None).await.status();
    assert_eq!(status(Method::GET, PODS).await, 200);
    assert_eq!(status(Method::GET, "/api/v1/namespaces/default/pods/p").await, 404, "allowed, and not there");
    assert_eq!(status(Method::GET, "/api/v1/namespaces/kube-system/pods").await, 403, "another namespace");
    assert_eq!(status(Method::DELETE, "/api/v1/namespaces/default/pods/p").await, 403, "another verb");
    assert_eq!(status(Method::GET, "/api/v1/namespaces/default/configmaps/kube-root-ca.crt").await, 200, "the named one");
    assert_eq!(status(Method::GET, "/api/v1/namespaces/default/configmaps/x").await, 403);
    assert_eq!(status(Method::GET, "/api/v1/namespaces/default/configmaps").await, 403, "all of them");
    let narrowed = "/api/v1/namespaces/default/configmaps?fieldSelector=metadata.name=kube-root-ca.crt";
    assert_eq!(status(Method::GET, narrowed).await, 200, "a list of the named one only");
    // A binding whose role is gone is told of.
    server.admin.delete(&server.at(&format!("{RBAC}/namespaces/default/roles/reader"))).await;
    let refused = server.call("jane", Method::GET, PODS, None).await;
    insta::assert_snapshot!("kube_rbac_role_is_gone", refused.golden());
    // A role of the cluster, bound in a namespace, counts there.
    server.bind("view", "ClusterRole", "view", json!({ "kind": "Group", "name": "system:authenticated" })).await;
    assert_eq!(status(Method::GET, PODS).await, 200);
    assert_eq!(status(Method::GET, "/api/v1/pods").await, 403);
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_have() {
    let server = Server::new().await;
    let roles = format!("{RBAC}/namespaces/default/roles");
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    server.bind("jane", "ClusterRole", "admin", user("jane")).await;
    let role = |name: &str, rules: Value| json!({ "metadata": { "name": name }, "rules": rules });
    let held = role("held", json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"] }]));
    assert_eq!(server.call("jane", Method::POST, &roles, Some(&held)).await.status(), 201);
    let more = json!([
        { "apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list"] },
        { "apiGroups": ["x.io"], "resources": ["things"], "resourceNames": ["a"], "verbs": ["*"] },
    ]);
    let refused = server.call("jane", Method::POST, &roles, Some(&role("more", more.clone()))).await;
    insta::assert_snapshot!("kube_rbac_escalation_role", refused.golden());
    let changed = server.call("jane", Method::PUT, &format!("{roles}/held"), Some(&role("held", more))).await;
    assert_eq!(changed.status(), 403, "{}", changed.golden());
    let binding = |name: &str, kind: &str, role: &str| {
        json!({ "metadata": { "name": name }, "subjects": [user("joe")],
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role } })
    };
    let bound = server.call("jane", Method::POST, &bindings, Some(&binding("joe", "ClusterRole", "view"))).await;
    assert_eq!(bound.status(), 201, "admin holds what view gives: {}", bound.golden());
    let refused = server.call("jane", Method::POST, &bindings, Some(&binding("all", "ClusterRole", "cluster-admin"))).await;
    insta::assert_snapshot!("kube_rbac_escalation_binding", refused.golden());
    let absent = server.call("jane", Method::POST, &bindings, Some(&binding("x", "Role", "absent"))).await;
    insta::assert_snapshot!("kube_rbac_binding_to_nothing", absent.golden());
    // With the verb `bind` on the role it goes.
    server.role("binder", json!([{ "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["cluster-admin"], "verbs": ["bind"] }])).await;
    server.bind("binder", "Role", "binder", user("jane")).await;
    let bound = server.call("jane", Method::POST, &bindings, Some(&binding("all", "ClusterRole", "cluster-admin"))).await;
    assert_eq!(bound.status(), 201, "{}", bound.golden());
    // A binding keeps its role.
    let moved = server.admin.put(&server.at(&format!("{bindings}/joe")), &binding("joe", "ClusterRole", "edit")).await;
    insta::assert_snapshot!("kube_rbac_role_ref_stays", moved.golden());
    for (name, path, body) in [
        ("empty_rule", &roles, role("r", json!([{}]))),
        ("url_in_role", &roles, role("r", json!([{ "verbs": ["get"], "nonResourceURLs": ["/x"] }]))),
        (
            "bad_ref",
            &bindings,
            json!({ "metadata": { "name": "b" }, "roleRef": { "kind": "Thing", "name": "" }, "subjects": [{ "kind": "Robot" }] }),
        ),
    ] {
        insta::assert_snapshot!(format!("kube_rbac_invalid_{name}"), server.admin.post(&server.at(path), &body).await.golden());
    }
}

#[tokio::test]
async fn requests_in_anothers_name_need_the_right_to_it() {
    let server = Server::new().await;
    let whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = server.admin.request(Method::POST, &server.at(whoami)).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        server.admin.send(request).await
    };
    for (name, headers) in [
        ("user", &[("Impersonate-User", "jane")][..]),
        (
            "groups",
            &[
                ("Impersonate-User", "jane"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Extra-Scopes%2Fx", "s"),
            ],
        ),
        ("account", &[("Impersonate-User", "system:serviceaccount:default:default")]),
    ] {
        let answer = ask(headers).await;
        insta::assert_json_snapshot!(format!("kube_rbac_as_{name}"), answer.json()["status"]);
    }
    assert_eq!(ask(&[("Impersonate-User", "system:anonymous")]).await.status(), 403, "who has no name asks nothing about itself");
    assert_eq!(ask(&[("Impersonate-Group", "a")]).await.status(), 400, "a group needs a user");
    let token = token_of(&server.token("default", &json!({})).await);
    let account = server.azlet.bearer(token);
    let request = account.request(Method::GET, &server.at(PODS)).header("Impersonate-User", "jane");
    insta::assert_snapshot!("kube_rbac_as_refused", account.send(request).await.golden());
}

#[tokio::test]
async fn a_service_accounts_token_opens_what_its_account_may() {
    let server = Server::new().await;
    let token = token_of(&server.token("default", &json!({ "expirationSeconds": 600 })).await);
    let account = server.azlet.bearer(token.clone());
    insta::assert_snapshot!("kube_rbac_account_refused", account.get(&server.at(PODS)).await.golden());
    server.bind("default", "ClusterRole", "view", json!({ "kind": "ServiceAccount", "name": "default" })).await;
    assert_eq!(account.get(&server.at(PODS)).await.status(), 200);
    let review = json!({ "spec": { "token": token } });
    let reviewed = server.admin.post(&server.at("/apis/authentication.k8s.io/v1/tokenreviews"), &review).await.json();
    assert_eq!(reviewed["status"]["authenticated"], true, "{reviewed}");
    assert_eq!(reviewed["status"]["user"]["username"], "system:serviceaccount:default:default");
    let other = json!({ "spec": { "token": token, "audiences": ["other"] } });
    let other = server.admin.post(&server.at("/apis/authentication.k8s.io/v1/tokenreviews"), &other).await;
    insta::assert_json_snapshot!("kube_rbac_token_for_others", other.json()["status"]);
    // For another audience, of an account that is another by now, out of its time, or bound to what is gone: nobody's.
    let elsewhere = token_of(&server.token("default", &json!({ "audiences": ["elsewhere"] })).await);
    assert_eq!(server.azlet.bearer(elsewhere).get(&server.at(PODS)).await.status(), 401);
    let pod = server.made(PODS, &json!({ "metadata": { "name": "p" }, "spec": { "containers": [{ "name": "c", "image": "docker.io/library/nginx:latest" }] } })).await;
    let uid = pod["metadata"]["uid"].clone();
    let wrong = json!({ "boundObjectRef": { "kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "other" } });
    insta::assert_snapshot!("kube_rbac_bound_to_another", server.token("default", &wrong).await.golden());
    let bound = json!({ "boundObjectRef": { "kind": "Pod", "apiVersion": "v1", "name": "p", "uid": uid } });
    let bound = server.azlet.bearer(token_of(&server.token("default", &bound).await));
    assert_eq!(bound.get(&server.at(PODS)).await.status(), 200);
    server.admin.delete(&server.at(&format!("{PODS}/p?gracePeriodSeconds=0"))).await;
    assert_eq!(bound.get(&server.at(PODS)).await.status(), 401, "its pod is gone");
    server.azlet.advance("11m").await;
    assert_eq!(account.get(&server.at(PODS)).await.status(), 401, "out of time");
    // A token in a secret has no end of its own; it goes with its secret, and that with its account.
    let secrets = "/api/v1/namespaces/default/secrets";
    let wanted = json!({
        "metadata": { "name": "s", "annotations": { "kubernetes.io/service-account.name": "default" } },
        "type": "kubernetes.io/service-account-token",
    });
    server.made(secrets, &wanted).await;
    let secret = server.admin.get(&server.at(&format!("{secrets}/s"))).await.json();
    let held = secret["data"]["token"].as_str().unwrap_or_else(|| panic!("{secret}"));
    let bytes = base64::engine::general_purpose::STANDARD.decode(held).expect("base64");
    let kept = server.azlet.bearer(String::from_utf8(bytes).expect("text"));
    assert_eq!(kept.get(&server.at(PODS)).await.status(), 200);
    server.admin.delete(&server.at("/api/v1/namespaces/default/serviceaccounts/default")).await;
    assert_eq!(kept.get(&server.at(PODS)).await.status(), 401, "its account is gone");
    assert_eq!(server.admin.get(&server.at(&format!("{secrets}/s"))).await.status(), 404, "and the secret with it");
}

#[tokio::test]
async fn reviews_say_who_may_what_and_why() {
    let server = Server::new().await;
    server.bind("jane", "ClusterRole", "view", user("jane")).await;
    let ask = async |kind: &str, place: &str, spec: Value| {
        let path = format!("/apis/authorization.k8s.io/v1/{place}{}s", kind.to_lowercase());
        server
            .admin
            .post(&server.at(&path), &json!({ "apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec }))
            .await
    };
    let pods =
        |verb: &str, below: &str| json!({ "verb": verb, "resource": "pods", "subresource": below, "namespace": "default" });
    for (name, kind, place, spec) in [
        ("allowed", "SubjectAccessReview", "", json!({ "user": "jane", "resourceAttributes": pods("list", "") })),
        ("refused", "SubjectAccessReview", "", json!({ "user": "jane", "resourceAttributes": pods("create", "exec") })),
        (
            "path",
            "SubjectAccessReview",
            "",
            json!({ "groups": ["system:authenticated"], "nonResourceAttributes": { "verb": "get", "path": "/openapi/v3" } }),
        ),
        ("masters", "SubjectAccessReview", "", json!({ "groups": ["system:masters"], "resourceAttributes": pods("delete", "") })),
        ("nobody", "SubjectAccessReview", "", json!({})),
        (
            "local",
            "LocalSubjectAccessReview",
            "namespaces/default/",
            json!({ "user": "jane", "resourceAttributes": pods("get", "log") }),
        ),
        (
            "local_elsewhere",
            "LocalSubjectAccessReview",
            "namespaces/kube-system/",
            json!({ "user": "jane", "resourceAttributes": pods("get", "") }),
        ),
        ("self", "SelfSubjectAccessReview", "", json!({ "resourceAttributes": pods("delete", "") })),
        ("self_empty", "SelfSubjectAccessReview", "", json!({})),
        ("rules_without_namespace", "SelfSubjectRulesReview", "", json!({})),
    ] {
        insta::assert_snapshot!(format!("kube_rbac_review_{name}"), ask(kind, place, spec).await.golden());
    }
    let rules =
        json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": { "namespace": "default" } });
    let rules = server.call("joe", Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", Some(&rules)).await;
    insta::assert_json_snapshot!("kube_rbac_review_rules", rules.json()["status"]);
}

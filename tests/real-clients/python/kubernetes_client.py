"""The kubernetes client for Python, against the cluster that KUBECONFIG names: what its programs do every day."""

import contextlib
import json
import threading

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException

from steps import same, step

NAMESPACE = "python"
LABELS = {"app": "web"}


@contextlib.contextmanager
def status(code, reason, *texts):
    """The block must end in a Status of this code and reason, whose message holds the texts."""
    try:
        yield
    except ApiException as error:
        body = json.loads(error.body)
        same((error.status, body["kind"], body["reason"]), (code, "Status", reason))
        for text in texts:
            assert text in body["message"], body["message"]
    else:
        raise AssertionError(f"expected {code} {reason}")


def deployment(name="web", image="nginx:1.29", replicas=2):
    containers = [client.V1Container(name="nginx", image=image, ports=[client.V1ContainerPort(container_port=80)])]
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=LABELS), spec=client.V1PodSpec(containers=containers)
    )
    spec = client.V1DeploymentSpec(replicas=replicas, selector=client.V1LabelSelector(match_labels=LABELS), template=template)
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name, labels=LABELS), spec=spec)


def until(lister, wanted, *arguments, **named):
    """Watches until an object is as wanted, and gives it back."""
    watching = watch.Watch()
    for event in watching.stream(lister, *arguments, timeout_seconds=60, **named):
        if wanted(event["object"]):
            watching.stop()
            return event["object"]
    raise AssertionError("it never was as wanted")


def configuration(core):
    with step("create a config map, read it, list it by label and by field"):
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="settings", labels=LABELS), data={"colour": "blue"})
        made = core.create_namespaced_config_map(NAMESPACE, body)
        same(made.data, {"colour": "blue"})
        assert made.metadata.uid and made.metadata.resource_version and made.metadata.creation_timestamp.tzinfo
        by_label = core.list_namespaced_config_map(NAMESPACE, label_selector="app=web").items
        by_field = core.list_namespaced_config_map(NAMESPACE, field_selector="metadata.name=settings").items
        same([item.metadata.name for item in by_label + by_field], ["settings", "settings"])
    with step("patch it: merged, and as a JSON patch"):
        patched = core.patch_namespaced_config_map("settings", NAMESPACE, {"data": {"size": "7"}})
        same(patched.data, {"colour": "blue", "size": "7"})
        operations = [{"op": "remove", "path": "/data/colour"}]
        same(core.patch_namespaced_config_map("settings", NAMESPACE, operations).data, {"size": "7"})
    with step("replace it; a second time with the old version is 409 Conflict"):
        old = core.read_namespaced_config_map("settings", NAMESPACE)
        old.data = {"colour": "red"}
        core.replace_namespaced_config_map("settings", NAMESPACE, old)
        with status(409, "Conflict", "the object has been modified"):
            core.replace_namespaced_config_map("settings", NAMESPACE, old)
    with step("create it again is 409 AlreadyExists; what is not there is 404"):
        with status(409, "AlreadyExists", 'configmaps "settings" already exists'):
            core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="settings")))
        with status(404, "NotFound", 'configmaps "nothing" not found'):
            core.read_namespaced_config_map("nothing", NAMESPACE)
    with step("a name that is none is 422 Invalid"):
        with status(422, "Invalid", "a lowercase RFC 1123 subdomain"):
            core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="No_Name")))
    with step("dry run makes nothing"):
        core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="dry")), dry_run="All")
        with status(404, "NotFound"):
            core.read_namespaced_config_map("dry", NAMESPACE)
    with step("generateName makes names of five more letters"):
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(generate_name="some-"))
        names = {core.create_namespaced_config_map(NAMESPACE, body).metadata.name for _ in range(3)}
        same((len(names), {len(name) for name in names}), (3, {10}))
    with step("a list in pages of two"):
        found, token = [], None
        while True:
            page = core.list_namespaced_config_map(NAMESPACE, limit=2, _continue=token)
            assert len(page.items) <= 2
            found += [item.metadata.name for item in page.items]
            token = page.metadata._continue
            if not token:
                break
        same(len(found), 5)
        same(found, sorted(found))
    with step("a secret's values are base64; string_data is written, never read"):
        body = client.V1Secret(metadata=client.V1ObjectMeta(name="pass"), string_data={"password": "hunter2"})
        core.create_namespaced_secret(NAMESPACE, body)
        read = core.read_namespaced_secret("pass", NAMESPACE)
        same((read.data, read.string_data, read.type), ({"password": "aHVudGVyMg=="}, None, "Opaque"))
    with step("delete answers with a Status; a collection goes by its label"):
        gone = core.delete_namespaced_secret("pass", NAMESPACE)
        same(gone["status"] if isinstance(gone, dict) else gone.status, "Success")
        core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="app=web")
        same(core.list_namespaced_config_map(NAMESPACE, label_selector="app=web").items, [])


def watching(core):
    with step("a watch tells what is added, modified and deleted, in this order"):
        version = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
        seen = []

        def look():
            watcher = watch.Watch()
            stream = watcher.stream(
                core.list_namespaced_config_map, NAMESPACE, resource_version=version, timeout_seconds=30,
                field_selector="metadata.name=watched",
            )
            for event in stream:
                seen.append(event["type"])
                if event["type"] == "DELETED":
                    watcher.stop()

        thread = threading.Thread(target=look)
        thread.start()
        core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="watched")))
        core.patch_namespaced_config_map("watched", NAMESPACE, {"data": {"a": "1"}})
        core.delete_namespaced_config_map("watched", NAMESPACE)
        thread.join(40)
        same(seen, ["ADDED", "MODIFIED", "DELETED"])


def rolled_out(found):
    state = found.status
    return state.observed_generation == found.metadata.generation and state.updated_replicas == state.replicas == 3


def workloads(core, apps):
    with step("a deployment is created, and is available"):
        apps.create_namespaced_deployment(NAMESPACE, deployment())
        ready = until(apps.list_namespaced_deployment, lambda found: found.status.available_replicas == 2, NAMESPACE)
        same((ready.status.replicas, ready.status.updated_replicas), (2, 2))
        pods = core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items
        same([(pod.status.phase, pod.status.container_statuses[0].ready) for pod in pods], [("Running", True)] * 2)
    with step("its scale is read and patched"):
        same(apps.read_namespaced_deployment_scale("web", NAMESPACE).spec.replicas, 2)
        apps.patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 3}})
        until(apps.list_namespaced_deployment, lambda found: found.status.available_replicas == 3, NAMESPACE)
    with step("a strategic merge patch changes one container's image and keeps its ports"):
        image = {"spec": {"template": {"spec": {"containers": [{"name": "nginx", "image": "nginx:latest"}]}}}}
        patched = apps.patch_namespaced_deployment("web", NAMESPACE, image).spec.template.spec.containers[0]
        same((patched.image, patched.ports[0].container_port), ("nginx:latest", 80))
    with step("the roll-out comes to its end"):
        until(apps.list_namespaced_deployment, rolled_out, NAMESPACE)
    with step("a pod's log"):
        pods = core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items
        pod = next(pod for pod in pods if not pod.metadata.deletion_timestamp)
        assert "nginx" in core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE)
    with step("the events say who scheduled it"):
        events = core.list_namespaced_event(NAMESPACE, field_selector="reason=Scheduled").items
        assert any("Successfully assigned" in event.message for event in events), events
    with step("a selector does not change: 422 Invalid"):
        with status(422, "Invalid", "field is immutable"):
            apps.patch_namespaced_deployment("web", NAMESPACE, {"spec": {"selector": {"matchLabels": {"app": "other"}}}})
    with step("deleted, its pods go too"):
        apps.delete_namespaced_deployment("web", NAMESPACE, propagation_policy="Background")
        watcher = watch.Watch()
        left = {pod.metadata.name for pod in core.list_namespaced_pod(NAMESPACE).items}
        version = core.list_namespaced_pod(NAMESPACE).metadata.resource_version
        left &= {pod.metadata.name for pod in core.list_namespaced_pod(NAMESPACE).items}
        if left:
            for event in watcher.stream(core.list_namespaced_pod, NAMESPACE, resource_version=version, timeout_seconds=60):
                if event["type"] == "DELETED":
                    left.discard(event["object"].metadata.name)
                if not left:
                    watcher.stop()
        same(core.list_namespaced_pod(NAMESPACE).items, [])


def with_token(api, token):
    """The same server, asked with a token alone."""
    other = client.Configuration(host=api.configuration.host)
    other.ssl_ca_cert = api.configuration.ssl_ca_cert
    return client.CoreV1Api(client.ApiClient(other, header_name="Authorization", header_value=f"Bearer {token}"))


def others(api, core):
    with step("the dynamic client finds kinds by discovery, and makes one"):
        kinds = dynamic.DynamicClient(api).resources
        maps = kinds.get(api_version="v1", kind="ConfigMap")
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}, "data": {"a": "b"}}
        same(maps.create(body=body, namespace=NAMESPACE).data.a, "b")
        maps.delete(name="dynamic", namespace=NAMESPACE)
    with step("create from a dictionary, as from a file"):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "file", "namespace": NAMESPACE}}
        utils.create_from_dict(api, body)
        with status_of_utils():
            utils.create_from_dict(api, body)
    with step("the rights of who asks"):
        attributes = client.V1ResourceAttributes(verb="create", resource="pods", namespace=NAMESPACE)
        review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
        same(client.AuthorizationV1Api(api).create_self_subject_access_review(review).status.allowed, True)
    with step("a token for a service account is made"):
        spec = client.V1TokenRequestSpec(audiences=[], expiration_seconds=3600)
        made = core.create_namespaced_service_account_token("default", NAMESPACE, client.AuthenticationV1TokenRequest(spec=spec))
        same(made.status.token.count("."), 2)
    with step("a token that is none is 401"):
        with status(401, "Unauthorized"):
            with_token(api, "nothing").list_namespaced_pod(NAMESPACE)
    with step("nodes and the version"):
        nodes = core.list_node().items
        assert len(nodes) == 3 and all(node.metadata.name.startswith("aks-nodepool1-") for node in nodes)
        assert client.VersionApi(api).get_code().git_version.startswith("v1.")


@contextlib.contextmanager
def status_of_utils():
    """utils gathers the answers in an exception of its own."""
    try:
        yield
    except utils.FailToCreateError as error:
        same([found.status for found in error.api_exceptions], [409])
    else:
        raise AssertionError("expected 409")


def main():
    config.load_kube_config()
    api = client.ApiClient()
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    with step("create a namespace"):
        body = client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE))
        same(core.create_namespace(body).status.phase, "Active")
    configuration(core)
    watching(core)
    workloads(core, apps)
    others(api, core)
    with step("delete the namespace: it ends, and what is in it"):
        core.delete_namespace(NAMESPACE)
        watcher = watch.Watch()
        field = f"metadata.name={NAMESPACE}"
        if core.list_namespace(field_selector=field).items:
            for event in watcher.stream(core.list_namespace, field_selector=field, timeout_seconds=60):
                if event["type"] == "DELETED":
                    watcher.stop()
        same(core.list_namespaced_config_map(NAMESPACE).items, [])


if __name__ == "__main__":
    main()

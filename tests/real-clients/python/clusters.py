"""azure-mgmt-containerservice: clusters and their pools."""

import base64

import groups
from steps import refused, same, step

NAME = "pythoncluster"
POOL = {"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_DS2_v2", "osType": "Linux"}


def body(**more):
    properties = {"dnsPrefix": "python", "agentPoolProfiles": [POOL]}
    return {"location": "eastus", "identity": {"type": "SystemAssigned"}, "properties": {**properties, **more}}


def run(azure):
    clusters = azure.clusters.managed_clusters
    life(clusters)
    pools(azure.clusters.agent_pools)
    refusals(clusters)
    with step("the cluster's maintenance windows"):
        windows = azure.clusters.maintenance_configurations
        week = {"timeInWeek": [{"day": "Monday", "hourSlots": [1]}]}
        windows.create_or_update(groups.GROUP, NAME, "default", {"properties": week})
        same([window.name for window in windows.list_by_managed_cluster(groups.GROUP, NAME)], ["default"])
        windows.delete(groups.GROUP, NAME, "default")
        same(list(windows.list_by_managed_cluster(groups.GROUP, NAME)), [])
    with step("the cluster is deleted"):
        clusters.begin_delete(groups.GROUP, NAME).result()
        same(list(clusters.list()), [])


def life(clusters):
    with step("a cluster is created"):
        cluster = clusters.begin_create_or_update(groups.GROUP, NAME, body()).result()
        same((cluster.name, cluster.properties.provisioning_state), (NAME, "Succeeded"))
        assert cluster.properties.identity_profile["kubeletidentity"].object_id
        same(cluster.properties.power_state.code, "Running")

    with step("its tags are updated"):
        same(clusters.begin_update_tags(groups.GROUP, NAME, {"tags": {"a": "b"}}).result().tags, {"a": "b"})

    with step("the whole cluster is put again, with a change"):
        cluster = clusters.get(groups.GROUP, NAME)
        cluster.properties.auto_upgrade_profile = {"upgradeChannel": "stable"}
        cluster = clusters.begin_create_or_update(groups.GROUP, NAME, cluster).result()
        same(cluster.properties.auto_upgrade_profile.upgrade_channel, "stable")

    with step("it is listed, in its group and in the subscription"):
        same([cluster.name for cluster in clusters.list_by_resource_group(groups.GROUP)], [NAME])
        same([cluster.name for cluster in clusters.list()], [NAME])

    with step("its credentials are a kubeconfig"):
        answer = clusters.list_cluster_user_credentials(groups.GROUP, NAME)
        value = answer.kubeconfigs[0].value
        text = bytes(value) if isinstance(value, (bytes, bytearray)) else base64.b64decode(value)
        assert b"current-context: " + NAME.encode() in text, text

    with step("the versions that a cluster can have and go to"):
        values = clusters.list_kubernetes_versions("eastus").values_property
        assert any(version.is_default for version in values), values
        same(clusters.get_upgrade_profile(groups.GROUP, NAME).name, "default")

    with step("it is stopped and started"):
        clusters.begin_stop(groups.GROUP, NAME).result()
        same(clusters.get(groups.GROUP, NAME).properties.power_state.code, "Stopped")
        clusters.begin_start(groups.GROUP, NAME).result()
        same(clusters.get(groups.GROUP, NAME).properties.power_state.code, "Running")

    with step("a command runs in it"):
        answer = clusters.begin_run_command(groups.GROUP, NAME, {"command": "kubectl get nodes"}).result()
        same(answer.properties.exit_code, 0)


def pools(agent_pools):
    with step("a pool is added, scaled, listed and deleted"):
        properties = {"count": 1, "vmSize": "Standard_DS2_v2", "osType": "Linux", "mode": "User"}
        pool = agent_pools.begin_create_or_update(groups.GROUP, NAME, "work", {"properties": properties}).result()
        same((pool.name, pool.properties.count, pool.properties.mode), ("work", 1, "User"))
        pool.properties.count = 2
        same(agent_pools.begin_create_or_update(groups.GROUP, NAME, "work", pool).result().properties.count, 2)
        same(sorted(pool.name for pool in agent_pools.list(groups.GROUP, NAME)), ["system", "work"])
        agent_pools.begin_delete(groups.GROUP, NAME, "work").result()
        same([pool.name for pool in agent_pools.list(groups.GROUP, NAME)], ["system"])

    with step("the versions that a pool can have and go to"):
        assert agent_pools.get_available_agent_pool_versions(groups.GROUP, NAME).properties.agent_pool_versions
        same(agent_pools.get_upgrade_profile(groups.GROUP, NAME, "system").properties.os_type, "Linux")


def refusals(clusters):
    with step("a pool's name in capitals is refused"), refused(400, "InvalidParameter"):
        wrong = body(agentPoolProfiles=[{**POOL, "name": "Pool_1"}])
        clusters.begin_create_or_update(groups.GROUP, "other", wrong).result()

    with step("a cluster that is not there is a 404"), refused(404, "ResourceNotFound"):
        clusters.get(groups.GROUP, "nosuchcluster")

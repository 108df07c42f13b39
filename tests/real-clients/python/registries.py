"""azure-mgmt-containerregistry: registries and what lies in them."""

import groups
from steps import refused, same, step

NAME = "pythonregistry"


def run(azure):
    client = azure.registries
    life(client)
    scope_maps(client)
    premium(client)


def life(client):
    registries = client.registries

    with step("the registry's name is free"):
        answer = registries.check_name_availability({"name": NAME, "type": "Microsoft.ContainerRegistry/registries"})
        same(answer.name_available, True)

    with step("a registry is created"):
        body = {"location": "eastus", "sku": {"name": "Standard"}}
        registry = registries.begin_create(groups.GROUP, NAME, body).result()
        same((registry.name, registry.sku.name, registry.provisioning_state), (NAME, "Standard", "Succeeded"))
        same(registry.login_server, f"{NAME}.azurecr.io")

    with step("the registry's name is taken"):
        answer = registries.check_name_availability({"name": NAME, "type": "Microsoft.ContainerRegistry/registries"})
        same((answer.name_available, answer.reason), (False, "AlreadyExists"))

    with step("the registry is updated"):
        body = {"properties": {"adminUserEnabled": True}, "tags": {"a": "b"}}
        registries.begin_update(groups.GROUP, NAME, body).result()
        registry = registries.get(groups.GROUP, NAME)
        same((registry.admin_user_enabled, registry.tags), (True, {"a": "b"}))

    with step("the admin's passwords, and one of them new"):
        before = registries.list_credentials(groups.GROUP, NAME)
        after = registries.regenerate_credential(groups.GROUP, NAME, {"name": "password"})
        same(after.username, NAME)
        assert before.passwords[0].value != after.passwords[0].value
        same(before.passwords[1].value, after.passwords[1].value)

    with step("an image is imported"):
        source = {"registryUri": "docker.io", "sourceImage": "library/nginx:latest"}
        registries.begin_import_image(groups.GROUP, NAME, {"source": source, "targetTags": ["nginx:v1"]}).result()

    with step("the import of what is there is refused"), refused(409, "Conflict"):
        source = {"registryUri": "docker.io", "sourceImage": "library/nginx:latest"}
        parameters = {"source": source, "targetTags": ["nginx:v1"], "mode": "NoForce"}
        registries.begin_import_image(groups.GROUP, NAME, parameters).result()

    with step("the registry is listed, in its group and in the subscription"):
        same([registry.name for registry in registries.list_by_resource_group(groups.GROUP)], [NAME])
        same([registry.name for registry in registries.list()], [NAME])

    with step("how much of it is used"):
        assert "Size" in [usage.name for usage in registries.list_usages(groups.GROUP, NAME).value]

    with step("a name that breaks the rules is refused"), refused(400, "InvalidRegistryName"):
        registries.begin_create(groups.GROUP, "a-b", {"location": "eastus", "sku": {"name": "Basic"}}).result()


def scope_maps(client):
    with step("a scope map is created, and a token with it"):
        body = {"properties": {"actions": ["repositories/nginx/content/read"]}}
        scope = client.scope_maps.begin_create(groups.GROUP, NAME, "readers", body).result()
        same(scope.actions, ["repositories/nginx/content/read"])
        token = client.tokens.begin_create(groups.GROUP, NAME, "reader", {"properties": {"scopeMapId": scope.id}}).result()
        same((token.name, token.status), ("reader", "enabled"))

    with step("the token gets passwords"):
        token = client.tokens.get(groups.GROUP, NAME, "reader")
        passwords = client.registries.begin_generate_credentials(groups.GROUP, NAME, {"tokenId": token.id}).result()
        same((passwords.username, len(passwords.passwords)), ("reader", 2))

    with step("token and scope map are deleted"):
        client.tokens.begin_delete(groups.GROUP, NAME, "reader").result()
        client.scope_maps.begin_delete(groups.GROUP, NAME, "readers").result()
        same(list(client.tokens.list(groups.GROUP, NAME)), [])
        assert "readers" not in [scope.name for scope in client.scope_maps.list(groups.GROUP, NAME)]


def premium(client):
    with step("a webhook is created, pinged, listed and deleted"):
        body = {"location": "eastus", "properties": {"serviceUri": "https://example.com/hook", "actions": ["push"]}}
        hook = client.webhooks.begin_create(groups.GROUP, NAME, "pushes", body).result()
        same((hook.name, hook.status), ("pushes", "enabled"))
        assert client.webhooks.ping(groups.GROUP, NAME, "pushes").id
        same([hook.name for hook in client.webhooks.list(groups.GROUP, NAME)], ["pushes"])
        client.webhooks.begin_delete(groups.GROUP, NAME, "pushes").result()
        same(list(client.webhooks.list(groups.GROUP, NAME)), [])

    with step("the registry becomes a Premium one, and is replicated"):
        client.registries.begin_update(groups.GROUP, NAME, {"sku": {"name": "Premium"}}).result()
        replica = client.replications.begin_create(groups.GROUP, NAME, "westeurope", {"location": "westeurope"}).result()
        same((replica.location, replica.provisioning_state), ("westeurope", "Succeeded"))
        names = [replica.name for replica in client.replications.list(groups.GROUP, NAME)]
        same(sorted(names), ["eastus", "westeurope"])
        client.replications.begin_delete(groups.GROUP, NAME, "westeurope").result()

    with step("the registry is deleted"):
        client.registries.begin_create(
            groups.GROUP, f"{NAME}2", {"location": "eastus", "sku": {"name": "Basic"}}
        ).result()
        client.registries.begin_delete(groups.GROUP, f"{NAME}2").result()
        same([registry.name for registry in client.registries.list()], [NAME])

    with step("a registry that is not there is a 404"), refused(404, "ResourceNotFound"):
        client.registries.get(groups.GROUP, "nosuchregistry")

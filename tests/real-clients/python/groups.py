"""azure-mgmt-resource: groups, resources in general, providers, tags."""

from steps import refused, same, step

GROUP = "python"


def run(azure):
    groups = azure.resources.resource_groups

    with step("a group is created"):
        group = groups.create_or_update(GROUP, {"location": "eastus", "tags": {"made": "by python"}})
        same((group.name, group.location, group.properties.provisioning_state), (GROUP, "eastus", "Succeeded"))

    with step("a group is there, and another is not"):
        same(groups.check_existence(GROUP), True)
        same(groups.check_existence("nosuchgroup"), False)

    with step("a group gets other tags"):
        group = groups.update(GROUP, {"tags": {"made": "by patch"}})
        same(group.tags, {"made": "by patch"})

    with step("groups are found by their tag"):
        found = groups.list(filter="tagName eq 'made' and tagValue eq 'by patch'")
        same([group.name for group in found], [GROUP])

    with step("a group that is not there is a 404"), refused(404, "ResourceGroupNotFound"):
        groups.get("nosuchgroup")

    with step("a group without a region is refused"), refused(400, "LocationRequired"):
        groups.create_or_update("nowhere", {"tags": {}})

    with step("the group of another region is refused"), refused(409, "InvalidResourceGroupLocation"):
        groups.create_or_update(GROUP, {"location": "westus"})

    with step("a provider tells its types"):
        provider = azure.resources.providers.get("Microsoft.ContainerRegistry")
        same((provider.namespace, provider.registration_state), ("Microsoft.ContainerRegistry", "Registered"))
        assert "registries" in [kind.resource_type for kind in provider.resource_types]

    with step("tags at a scope are merged, then replaced"):
        scope = f"/subscriptions/{azure.subscription}/resourceGroups/{GROUP}"
        tags = azure.resources.tags
        merge = {"operation": "Merge", "properties": {"tags": {"cost": "none"}}}
        merged = tags.begin_update_at_scope(scope, merge).result()
        same(merged.properties.tags, {"made": "by patch", "cost": "none"})
        same(tags.get_at_scope(scope).properties.tags, {"made": "by patch", "cost": "none"})


def end(azure):
    with step("the group is deleted with everything in it"):
        azure.resources.resource_groups.begin_delete(GROUP).result()
        same(azure.resources.resource_groups.check_existence(GROUP), False)
        same(list(azure.resources.resources.list()), [])

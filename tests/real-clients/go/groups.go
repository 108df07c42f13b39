package main

import (
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
)

func groupNames(page armresources.ResourceGroupsClientListResponse) []string {
	return each(page.Value, func(group *armresources.ResourceGroup) *string { return group.Name })
}

// groups: armresources: groups, resources in general, providers.
func groups(azure factories) {
	client := azure.resources.NewResourceGroupsClient()

	step("a group is created", func() error {
		body := armresources.ResourceGroup{Location: to.Ptr("eastus"), Tags: map[string]*string{"made": to.Ptr("by go")}}
		made, err := client.CreateOrUpdate(ctx, group, body, nil)
		if err != nil {
			return err
		}
		return same([]string{*made.Name, *made.Location, *made.Properties.ProvisioningState}, []string{group, "eastus", "Succeeded"})
	})

	step("a group is there, and another is not", func() error {
		there, err := client.CheckExistence(ctx, group, nil)
		missing, problem := client.CheckExistence(ctx, "nosuchgroup", nil)
		return errors.Join(err, problem, same([]bool{there.Success, missing.Success}, []bool{true, false}))
	})

	step("a group gets other tags, and is found by them", func() error {
		body := armresources.ResourceGroupPatchable{Tags: map[string]*string{"made": to.Ptr("by patch")}}
		if _, err := client.Update(ctx, group, body, nil); err != nil {
			return err
		}
		filter := to.Ptr("tagName eq 'made' and tagValue eq 'by patch'")
		found, err := names(client.NewListPager(&armresources.ResourceGroupsClientListOptions{Filter: filter}), groupNames)
		return errors.Join(err, same(found, []string{group}))
	})

	step("a group that is not there is a 404", func() error {
		_, err := client.Get(ctx, "nosuchgroup", nil)
		return refused(err, 404, "ResourceGroupNotFound")
	})

	step("a provider tells its types", func() error {
		provider, err := azure.resources.NewProvidersClient().Get(ctx, "Microsoft.ManagedIdentity", nil)
		if err != nil {
			return err
		}
		return same(*provider.RegistrationState, "Registered")
	})

	step("tags at a scope are merged", func() error {
		scope := "/subscriptions/" + subscription + "/resourceGroups/" + group
		body := armresources.TagsPatchResource{
			Operation:  to.Ptr(armresources.TagsPatchOperationMerge),
			Properties: &armresources.Tags{Tags: map[string]*string{"cost": to.Ptr("none")}},
		}
		tags := azure.resources.NewTagsClient()
		if _, err := tags.UpdateAtScope(ctx, scope, body, nil); err != nil {
			return err
		}
		found, err := tags.GetAtScope(ctx, scope, nil)
		if err != nil {
			return err
		}
		return same(found.Properties.Tags, map[string]*string{"cost": to.Ptr("none"), "made": to.Ptr("by patch")})
	})
}

// end: the group goes with everything in it.
func end(azure factories) {
	step("the group is deleted with everything in it", func() error {
		_, err := done(azure.resources.NewResourceGroupsClient().BeginDelete(ctx, group, nil))
		if err != nil {
			return err
		}
		left, err := names(azure.resources.NewClient().NewListPager(nil), func(page armresources.ClientListResponse) []string {
			return each(page.Value, func(resource *armresources.GenericResourceExpanded) *string { return resource.ID })
		})
		return errors.Join(err, same(left, []string{}))
	})
}

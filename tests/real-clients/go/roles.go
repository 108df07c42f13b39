package main

import (
	"errors"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/google/uuid"
)

// roles: armauthorization: assignments and roles of one's own; at its end the identity goes.
func roles(azure factories) {
	scope := "/subscriptions/" + subscription + "/resourceGroups/" + group
	client := azure.identities.NewUserAssignedIdentitiesClient()
	step("a role lives from assignment to removal", func() error {
		holder, err := client.Get(ctx, group, identity, nil)
		if err != nil {
			return err
		}
		return assignments(azure, scope, *holder.Properties.PrincipalID)
	})
	definitions(azure.authorization.NewRoleDefinitionsClient(), scope)
	step("the identity is deleted", func() error {
		if _, err := client.Delete(ctx, group, identity, nil); err != nil {
			return err
		}
		_, err := client.Get(ctx, group, identity, nil)
		return refused(err, 404, "ResourceNotFound")
	})
}

func assignments(azure factories, scope, principal string) error {
	options := &armauthorization.RoleDefinitionsClientListOptions{Filter: to.Ptr("roleName eq 'AcrPull'")}
	page, err := azure.authorization.NewRoleDefinitionsClient().NewListPager(scope, options).NextPage(ctx)
	if err != nil {
		return err
	}
	client := azure.authorization.NewRoleAssignmentsClient()
	body := armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
		RoleDefinitionID: page.Value[0].ID,
		PrincipalID:      to.Ptr(principal),
		PrincipalType:    to.Ptr(armauthorization.PrincipalTypeServicePrincipal),
	}}
	name := uuid.NewString()
	if _, err := client.Create(ctx, scope, name, body, nil); err != nil {
		return err
	}
	_, twice := client.Create(ctx, scope, uuid.NewString(), body, nil)
	// Other than the rest of the SDK this client puts the filter into the address as it is.
	filter := &armauthorization.RoleAssignmentsClientListForScopeOptions{
		Filter: to.Ptr(url.QueryEscape("principalId eq '" + principal + "'")),
	}
	of := func(page armauthorization.RoleAssignmentsClientListForScopeResponse) []string {
		return each(page.Value, func(item *armauthorization.RoleAssignment) *string { return item.Name })
	}
	found, listing := names(client.NewListForScopePager(scope, filter), of)
	_, deleting := client.Delete(ctx, scope, name, nil)
	left, listingAgain := names(client.NewListForScopePager(scope, filter), of)
	return errors.Join(refused(twice, 409, "RoleAssignmentExists"), listing, same(found, []string{name}),
		deleting, listingAgain, same(left, []string{}))
}

func definitions(client *armauthorization.RoleDefinitionsClient, scope string) {
	step("a role of one's own is created, changed, listed and deleted", func() error {
		name := uuid.NewString()
		body := armauthorization.RoleDefinition{Properties: &armauthorization.RoleDefinitionProperties{
			RoleName:         to.Ptr("Go reader"),
			RoleType:         to.Ptr("CustomRole"),
			AssignableScopes: []*string{to.Ptr(scope)},
			Permissions:      []*armauthorization.Permission{{Actions: []*string{to.Ptr("Microsoft.ContainerRegistry/registries/read")}}},
		}}
		if _, err := client.CreateOrUpdate(ctx, scope, name, body, nil); err != nil {
			return err
		}
		body.Properties.Description = to.Ptr("changed")
		changed, err := client.CreateOrUpdate(ctx, scope, name, body, nil)
		if err != nil {
			return err
		}
		options := &armauthorization.RoleDefinitionsClientListOptions{Filter: to.Ptr("type eq 'CustomRole'")}
		found, err := names(client.NewListPager(scope, options), func(page armauthorization.RoleDefinitionsClientListResponse) []string {
			return each(page.Value, func(item *armauthorization.RoleDefinition) *string { return item.Name })
		})
		_, problem := client.Delete(ctx, scope, name, nil)
		return errors.Join(err, problem, same(*changed.Properties.Description, "changed"), same(found, []string{name}))
	})
}

package main

import (
	"errors"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
)

// identities: armmsi: user-assigned identities and their federated credentials.
func identities(azure factories) {
	client := azure.identities.NewUserAssignedIdentitiesClient()
	body := armmsi.Identity{Location: to.Ptr("eastus")}

	step("an identity is created, and created again it is the same", func() error {
		made, err := client.CreateOrUpdate(ctx, group, identity, body, nil)
		if err != nil {
			return err
		}
		again, err := client.CreateOrUpdate(ctx, group, identity, body, nil)
		if err != nil {
			return err
		}
		return same(*again.Properties.PrincipalID, *made.Properties.PrincipalID)
	})

	step("its tags are updated", func() error {
		found, err := client.Update(ctx, group, identity, armmsi.IdentityUpdate{Tags: map[string]*string{"a": to.Ptr("b")}}, nil)
		if err != nil {
			return err
		}
		return same(*found.Tags["a"], "b")
	})

	step("it is listed, in its group and in the subscription", func() error {
		name := func(item *armmsi.Identity) *string { return item.Name }
		inGroup, err := names(client.NewListByResourceGroupPager(group, nil),
			func(page armmsi.UserAssignedIdentitiesClientListByResourceGroupResponse) []string {
				return each(page.Value, name)
			})
		all, problem := names(client.NewListBySubscriptionPager(nil),
			func(page armmsi.UserAssignedIdentitiesClientListBySubscriptionResponse) []string {
				return each(page.Value, name)
			})
		return errors.Join(err, problem, same(inGroup, []string{identity}), same(all, []string{identity}))
	})

	step("ManagedIdentityCredential signs in as the identity, which has no right yet", func() error {
		made, err := client.Get(ctx, group, identity, nil)
		if err != nil {
			return err
		}
		// A machine has tokens for the identities that it carries alone.
		machine := strings.NewReader(`{"identities": ["` + *made.ID + `"]}`)
		chosen, err := http.Post(os.Getenv("AZLET_ENDPOINT")+"/_azlet/machine", "application/json", machine)
		if err != nil {
			return err
		}
		if err := same(chosen.StatusCode, http.StatusNoContent); err != nil {
			return err
		}
		options := &azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(*made.Properties.ClientID)}
		credential, err := azidentity.NewManagedIdentityCredential(options)
		if err != nil {
			return err
		}
		groups, err := armresources.NewResourceGroupsClient(subscription, credential, nil)
		if err != nil {
			return err
		}
		_, err = groups.Get(ctx, group, nil)
		return errors.Join(refused(err, 403, "AuthorizationFailed"),
			same(strings.Contains(err.Error(), *made.Properties.PrincipalID), true))
	})

	step("an identity that is not there is a 404", func() error {
		_, err := client.Get(ctx, group, "nobody", nil)
		return refused(err, 404, "ResourceNotFound")
	})

	step("a federated credential lives from create to delete", func() error {
		federated := azure.identities.NewFederatedIdentityCredentialsClient()
		body := armmsi.FederatedIdentityCredential{Properties: &armmsi.FederatedIdentityCredentialProperties{
			Issuer:    to.Ptr("https://oidc.example.com/"),
			Subject:   to.Ptr("system:serviceaccount:default:reader"),
			Audiences: []*string{to.Ptr("api://AzureADTokenExchange")},
		}}
		if _, err := federated.CreateOrUpdate(ctx, group, identity, "workload", body, nil); err != nil {
			return err
		}
		found, err := names(federated.NewListPager(group, identity, nil),
			func(page armmsi.FederatedIdentityCredentialsClientListResponse) []string {
				return each(page.Value, func(item *armmsi.FederatedIdentityCredential) *string { return item.Name })
			})
		_, problem := federated.Delete(ctx, group, identity, "workload", nil)
		return errors.Join(err, problem, same(found, []string{"workload"}))
	})
}

package main

import (
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry"
)

func registryOf(sku armcontainerregistry.SKUName) armcontainerregistry.Registry {
	return armcontainerregistry.Registry{Location: to.Ptr("eastus"), SKU: &armcontainerregistry.SKU{Name: to.Ptr(sku)}}
}

// registries: armcontainerregistry: registries and what lies in them.
func registries(azure factories) {
	client := azure.registries.NewRegistriesClient()
	registryLife(client)
	registryRefusals(client)
	webhooks(azure.registries.NewWebhooksClient())
	replications(azure.registries.NewReplicationsClient())
	tokens(azure.registries)
}

func registryLife(client *armcontainerregistry.RegistriesClient) {
	step("a registry is created", func() error {
		made, err := done(client.BeginCreate(ctx, group, registry, registryOf(armcontainerregistry.SKUNamePremium), nil))
		if err != nil {
			return err
		}
		return same([]string{*made.Name, *made.Properties.LoginServer}, []string{registry, registry + ".azurecr.io"})
	})

	step("the registry's name is taken", func() error {
		check := armcontainerregistry.RegistryNameCheckRequest{
			Name: to.Ptr(registry), Type: to.Ptr("Microsoft.ContainerRegistry/registries"),
		}
		answer, err := client.CheckNameAvailability(ctx, check, nil)
		if err != nil {
			return err
		}
		return same(*answer.NameAvailable, false)
	})

	step("the registry is updated", func() error {
		body := armcontainerregistry.RegistryUpdateParameters{
			Tags:       map[string]*string{"a": to.Ptr("b")},
			Properties: &armcontainerregistry.RegistryPropertiesUpdateParameters{AdminUserEnabled: to.Ptr(true)},
		}
		if _, err := done(client.BeginUpdate(ctx, group, registry, body, nil)); err != nil {
			return err
		}
		found, err := client.Get(ctx, group, registry, nil)
		if err != nil {
			return err
		}
		return errors.Join(same(*found.Properties.AdminUserEnabled, true), same(*found.Tags["a"], "b"))
	})

	step("the admin's passwords", func() error {
		found, err := client.ListCredentials(ctx, group, registry, nil)
		if err != nil {
			return err
		}
		return errors.Join(same(*found.Username, registry), same(len(found.Passwords), 2))
	})

	step("an image is imported", func() error {
		body := armcontainerregistry.ImportImageParameters{
			Source:     &armcontainerregistry.ImportSource{RegistryURI: to.Ptr("docker.io"), SourceImage: to.Ptr("library/nginx:latest")},
			TargetTags: []*string{to.Ptr("nginx:v1")},
		}
		_, err := done(client.BeginImportImage(ctx, group, registry, body, nil))
		return err
	})

	step("the registry is listed, in its group and in the subscription", func() error {
		name := func(item *armcontainerregistry.Registry) *string { return item.Name }
		inGroup, err := names(client.NewListByResourceGroupPager(group, nil),
			func(page armcontainerregistry.RegistriesClientListByResourceGroupResponse) []string {
				return each(page.Value, name)
			})
		all, problem := names(client.NewListPager(nil),
			func(page armcontainerregistry.RegistriesClientListResponse) []string { return each(page.Value, name) })
		return errors.Join(err, problem, same(inGroup, []string{registry}), same(all, []string{registry}))
	})

	step("another registry is created and deleted", func() error {
		if _, err := done(client.BeginCreate(ctx, group, registry+"2", registryOf(armcontainerregistry.SKUNameBasic), nil)); err != nil {
			return err
		}
		if _, err := done(client.BeginDelete(ctx, group, registry+"2", nil)); err != nil {
			return err
		}
		_, err := client.Get(ctx, group, registry+"2", nil)
		return refused(err, 404, "ResourceNotFound")
	})
}

func registryRefusals(client *armcontainerregistry.RegistriesClient) {
	step("a name that breaks the rules is refused", func() error {
		_, err := done(client.BeginCreate(ctx, group, "a-b-c-d", registryOf(armcontainerregistry.SKUNameBasic), nil))
		return refused(err, 400, "InvalidRegistryName")
	})

	step("a registry in a group that is not there is refused", func() error {
		_, err := done(client.BeginCreate(ctx, "nosuchgroup", "goother", registryOf(armcontainerregistry.SKUNameBasic), nil))
		return refused(err, 404, "ResourceGroupNotFound")
	})
}

func webhooks(client *armcontainerregistry.WebhooksClient) {
	step("a webhook lives from create to delete", func() error {
		body := armcontainerregistry.WebhookCreateParameters{
			Location: to.Ptr("eastus"),
			Properties: &armcontainerregistry.WebhookPropertiesCreateParameters{
				ServiceURI: to.Ptr("https://example.com/hook"),
				Actions:    []*armcontainerregistry.WebhookAction{to.Ptr(armcontainerregistry.WebhookActionPush)},
			},
		}
		if _, err := done(client.BeginCreate(ctx, group, registry, "pushes", body, nil)); err != nil {
			return err
		}
		ping, err := client.Ping(ctx, group, registry, "pushes", nil)
		if err != nil {
			return err
		}
		if ping.ID == nil {
			return fmt.Errorf("a ping has no id")
		}
		_, err = done(client.BeginDelete(ctx, group, registry, "pushes", nil))
		return err
	})
}

func replications(client *armcontainerregistry.ReplicationsClient) {
	step("a replication lives from create to delete", func() error {
		body := armcontainerregistry.Replication{Location: to.Ptr("westeurope")}
		if _, err := done(client.BeginCreate(ctx, group, registry, "westeurope", body, nil)); err != nil {
			return err
		}
		found, err := names(client.NewListPager(group, registry, nil),
			func(page armcontainerregistry.ReplicationsClientListResponse) []string {
				return each(page.Value, func(item *armcontainerregistry.Replication) *string { return item.Name })
			})
		_, problem := done(client.BeginDelete(ctx, group, registry, "westeurope", nil))
		return errors.Join(err, problem, same(found, []string{"eastus", "westeurope"}))
	})
}

func tokens(factory *armcontainerregistry.ClientFactory) {
	step("a scope map and a token live from create to delete", func() error {
		scopes, client := factory.NewScopeMapsClient(), factory.NewTokensClient()
		body := armcontainerregistry.ScopeMap{
			Properties: &armcontainerregistry.ScopeMapProperties{Actions: []*string{to.Ptr("repositories/nginx/content/read")}},
		}
		scope, err := done(scopes.BeginCreate(ctx, group, registry, "readers", body, nil))
		if err != nil {
			return err
		}
		token := armcontainerregistry.Token{Properties: &armcontainerregistry.TokenProperties{ScopeMapID: scope.ID}}
		made, err := done(client.BeginCreate(ctx, group, registry, "reader", token, nil))
		if err != nil {
			return err
		}
		parameters := armcontainerregistry.GenerateCredentialsParameters{TokenID: made.ID}
		secret, err := done(factory.NewRegistriesClient().BeginGenerateCredentials(ctx, group, registry, parameters, nil))
		if err != nil {
			return err
		}
		_, first := done(client.BeginDelete(ctx, group, registry, "reader", nil))
		_, second := done(scopes.BeginDelete(ctx, group, registry, "readers", nil))
		return errors.Join(first, second, same(len(secret.Passwords), 2))
	})
}

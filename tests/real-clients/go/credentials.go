package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
)

var management = policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}}

// credentials: the credential types of azidentity.
func credentials() {
	tenant, client, secret := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET")

	step("ClientSecretCredential gets a token for ARM", func() error {
		credential, err := azidentity.NewClientSecretCredential(tenant, client, secret, nil)
		if err != nil {
			return err
		}
		token, err := credential.GetToken(ctx, management)
		if err != nil {
			return err
		}
		body, err := base64.RawURLEncoding.DecodeString(strings.Split(token.Token, ".")[1])
		if err != nil {
			return err
		}
		var claims struct{ Appid, Tid string }
		if err := json.Unmarshal(body, &claims); err != nil {
			return err
		}
		return same([]string{claims.Appid, claims.Tid}, []string{client, tenant})
	})

	step("a wrong secret is AADSTS7000215", func() error {
		credential, err := azidentity.NewClientSecretCredential(tenant, client, "wrong", nil)
		if err != nil {
			return err
		}
		_, err = credential.GetToken(ctx, management)
		var failed *azidentity.AuthenticationFailedError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "AADSTS7000215") {
			return fmt.Errorf("found %v", err)
		}
		return nil
	})

	environment := func() (azcore.TokenCredential, error) { return azidentity.NewEnvironmentCredential(nil) }
	usual := func() (azcore.TokenCredential, error) { return azidentity.NewDefaultAzureCredential(nil) }
	step("EnvironmentCredential signs in from the environment", func() error { return noGroups(environment()) })
	step("DefaultAzureCredential signs in from the environment", func() error { return noGroups(usual()) })
}

// noGroups: the credential can list groups, and there are none yet.
func noGroups(credential azcore.TokenCredential, err error) error {
	if err != nil {
		return err
	}
	client, err := armresources.NewResourceGroupsClient(subscription, credential, nil)
	if err != nil {
		return err
	}
	found, err := names(client.NewListPager(nil), groupNames)
	return errors.Join(err, same(found, []string{}))
}

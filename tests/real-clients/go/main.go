// Azure's management SDK for Go: each client of the slice, from create to delete, with its own pollers and credentials; with the
// argument `data-plane`, the SDK for what lies in a registry; with `repositories`, a list of it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
)

var (
	ctx          = context.Background()
	subscription = os.Getenv("AZURE_SUBSCRIPTION_ID")
)

const (
	group    = "go"
	registry = "goregistry"
	identity = "goidentity"
	cluster  = "gocluster"
)

// factories of one caller's clients.
type factories struct {
	resources     *armresources.ClientFactory
	registries    *armcontainerregistry.ClientFactory
	clusters      *armcontainerservice.ClientFactory
	identities    *armmsi.ClientFactory
	authorization *armauthorization.ClientFactory
}

func connect() (azure factories, err error) {
	tenant, client, secret := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET")
	credential, err := azidentity.NewClientSecretCredential(tenant, client, secret, nil)
	if err != nil {
		return azure, err
	}
	if azure.resources, err = armresources.NewClientFactory(subscription, credential, nil); err != nil {
		return azure, err
	}
	if azure.registries, err = armcontainerregistry.NewClientFactory(subscription, credential, nil); err != nil {
		return azure, err
	}
	if azure.clusters, err = armcontainerservice.NewClientFactory(subscription, credential, nil); err != nil {
		return azure, err
	}
	if azure.identities, err = armmsi.NewClientFactory(subscription, credential, nil); err != nil {
		return azure, err
	}
	azure.authorization, err = armauthorization.NewClientFactory(subscription, credential, nil)
	return azure, err
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "data-plane" {
		dataPlaneMain()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "repositories" {
		printRepositories()
		return
	}
	azure, err := connect()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	credentials()
	groups(azure)
	registries(azure)
	identities(azure)
	roles(azure)
	clusters(azure)
	end(azure)
}

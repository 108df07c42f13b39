package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
)

func clusterBody(pool string) armcontainerservice.ManagedCluster {
	return armcontainerservice.ManagedCluster{
		Location: to.Ptr("eastus"),
		Identity: &armcontainerservice.ManagedClusterIdentity{Type: to.Ptr(armcontainerservice.ResourceIdentityTypeSystemAssigned)},
		Properties: &armcontainerservice.ManagedClusterProperties{
			DNSPrefix: to.Ptr("go"),
			AgentPoolProfiles: []*armcontainerservice.ManagedClusterAgentPoolProfile{{
				Name:   to.Ptr(pool),
				Mode:   to.Ptr(armcontainerservice.AgentPoolModeSystem),
				Count:  to.Ptr[int32](1),
				VMSize: to.Ptr("Standard_DS2_v2"),
				OSType: to.Ptr(armcontainerservice.OSTypeLinux),
			}},
		},
	}
}

// clusters: armcontainerservice: clusters and their pools.
func clusters(azure factories) {
	client := azure.clusters.NewManagedClustersClient()
	clusterLife(client)
	clusterPower(client)
	clusterRefusals(client)
	pools(azure.clusters.NewAgentPoolsClient())
	step("the cluster is deleted", func() error {
		if _, err := done(client.BeginDelete(ctx, group, cluster, nil)); err != nil {
			return err
		}
		_, err := client.Get(ctx, group, cluster, nil)
		return refused(err, 404, "ResourceNotFound")
	})
}

func clusterLife(client *armcontainerservice.ManagedClustersClient) {
	step("a cluster is created", func() error {
		made, err := done(client.BeginCreateOrUpdate(ctx, group, cluster, clusterBody("system"), nil))
		if err != nil {
			return err
		}
		if made.Properties.IdentityProfile["kubeletidentity"].ObjectID == nil {
			return fmt.Errorf("the kubelet has no identity")
		}
		return same([]string{*made.Name, *made.Properties.ProvisioningState}, []string{cluster, "Succeeded"})
	})

	step("its tags are updated", func() error {
		body := armcontainerservice.TagsObject{Tags: map[string]*string{"a": to.Ptr("b")}}
		found, err := done(client.BeginUpdateTags(ctx, group, cluster, body, nil))
		if err != nil {
			return err
		}
		return same(*found.Tags["a"], "b")
	})

	step("the whole cluster is put again, with a change", func() error {
		found, err := client.Get(ctx, group, cluster, nil)
		if err != nil {
			return err
		}
		channel := armcontainerservice.UpgradeChannelStable
		found.Properties.AutoUpgradeProfile = &armcontainerservice.ManagedClusterAutoUpgradeProfile{UpgradeChannel: &channel}
		changed, err := done(client.BeginCreateOrUpdate(ctx, group, cluster, found.ManagedCluster, nil))
		if err != nil {
			return err
		}
		return same(*changed.Properties.AutoUpgradeProfile.UpgradeChannel, channel)
	})

	step("it is listed, in its group and in the subscription", func() error {
		name := func(item *armcontainerservice.ManagedCluster) *string { return item.Name }
		inGroup, err := names(client.NewListByResourceGroupPager(group, nil),
			func(page armcontainerservice.ManagedClustersClientListByResourceGroupResponse) []string {
				return each(page.Value, name)
			})
		all, problem := names(client.NewListPager(nil),
			func(page armcontainerservice.ManagedClustersClientListResponse) []string {
				return each(page.Value, name)
			})
		return errors.Join(err, problem, same(inGroup, []string{cluster}), same(all, []string{cluster}))
	})

	step("its credentials are a kubeconfig", func() error {
		found, err := client.ListClusterUserCredentials(ctx, group, cluster, nil)
		if err != nil {
			return err
		}
		return same(strings.Contains(string(found.Kubeconfigs[0].Value), "current-context: "+cluster), true)
	})
}

func clusterPower(client *armcontainerservice.ManagedClustersClient) {
	code := func() armcontainerservice.Code {
		found, err := client.Get(ctx, group, cluster, nil)
		if err != nil {
			return armcontainerservice.Code(err.Error())
		}
		return *found.Properties.PowerState.Code
	}
	step("it is stopped and started", func() error {
		_, stopping := done(client.BeginStop(ctx, group, cluster, nil))
		stopped := code()
		_, starting := done(client.BeginStart(ctx, group, cluster, nil))
		return errors.Join(stopping, same(stopped, armcontainerservice.CodeStopped), starting, same(code(), armcontainerservice.CodeRunning))
	})

	step("a command runs in it", func() error {
		body := armcontainerservice.RunCommandRequest{Command: to.Ptr("kubectl get nodes")}
		answer, err := done(client.BeginRunCommand(ctx, group, cluster, body, nil))
		if err != nil {
			return err
		}
		return same(*answer.Properties.ExitCode, int32(0))
	})
}

func clusterRefusals(client *armcontainerservice.ManagedClustersClient) {
	step("a pool's name in capitals is refused", func() error {
		_, err := done(client.BeginCreateOrUpdate(ctx, group, "other", clusterBody("Pool_1"), nil))
		return refused(err, 400, "InvalidParameter")
	})

	step("a cluster that is not there is a 404", func() error {
		_, err := client.Get(ctx, group, "nosuchcluster", nil)
		return refused(err, 404, "ResourceNotFound")
	})
}

func pools(client *armcontainerservice.AgentPoolsClient) {
	step("a pool is added, scaled, listed and deleted", func() error {
		body := armcontainerservice.AgentPool{Properties: &armcontainerservice.ManagedClusterAgentPoolProfileProperties{
			Count:  to.Ptr[int32](1),
			VMSize: to.Ptr("Standard_DS2_v2"),
			Mode:   to.Ptr(armcontainerservice.AgentPoolModeUser),
		}}
		made, err := done(client.BeginCreateOrUpdate(ctx, group, cluster, "work", body, nil))
		if err != nil {
			return err
		}
		made.Properties.Count = to.Ptr[int32](2)
		scaled, err := done(client.BeginCreateOrUpdate(ctx, group, cluster, "work", made.AgentPool, nil))
		if err != nil {
			return err
		}
		of := func(page armcontainerservice.AgentPoolsClientListResponse) []string {
			return each(page.Value, func(item *armcontainerservice.AgentPool) *string { return item.Name })
		}
		both, err := names(client.NewListPager(group, cluster, nil), of)
		_, deleting := done(client.BeginDelete(ctx, group, cluster, "work", nil))
		left, problem := names(client.NewListPager(group, cluster, nil), of)
		return errors.Join(err, deleting, problem, same(*scaled.Properties.Count, int32(2)),
			same(both, []string{"system", "work"}), same(left, []string{"system"}))
	})
}

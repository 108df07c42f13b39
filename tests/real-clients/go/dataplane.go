package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
)

const (
	app      = "team/app"
	ociIndex = azcontainerregistry.ContentType("application/vnd.oci.image.index.v1+json")
	nothing  = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
)

// dataPlane is one caller's two clients of a registry.
type dataPlane struct {
	client *azcontainerregistry.Client
	blobs  *azcontainerregistry.BlobClient
}

func secret(id, secret string) azcore.TokenCredential {
	credential, err := azidentity.NewClientSecretCredential(os.Getenv("AZURE_TENANT_ID"), os.Getenv(id), os.Getenv(secret), nil)
	if err != nil {
		panic(err)
	}
	return credential
}

func connectRegistry(credential azcore.TokenCredential) dataPlane {
	endpoint := "https://" + os.Getenv("HOST")
	options := azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}
	client, err := azcontainerregistry.NewClient(endpoint, credential, &azcontainerregistry.ClientOptions{ClientOptions: options})
	if err != nil {
		panic(err)
	}
	blobs, err := azcontainerregistry.NewBlobClient(endpoint, credential, &azcontainerregistry.BlobClientOptions{ClientOptions: options})
	if err != nil {
		panic(err)
	}
	return dataPlane{client, blobs}
}

// dataPlaneMain: azcontainerregistry: repositories, tags and manifests with their locks, blobs in chunks and ranges, nobody and others.
func dataPlaneMain() {
	owner := connectRegistry(secret("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"))
	owner.largeBlob()
	owner.contents()
	owner.listing()
	owner.properties()
	others()
	owner.deletion()
	expired()
}

// printRepositories is for a caller that trusts nobody.
func printRepositories() {
	found, err := connectRegistry(secret("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")).repositories()
	fmt.Println(found, err)
	if err != nil {
		os.Exit(1)
	}
}

// image uploads the blobs of an image of one layer and returns its manifest.
func (registry dataPlane) image(text string) ([]byte, error) {
	config := []byte(`{"architecture": "amd64", "os": "linux"}`)
	configDigest, err := registry.upload(config)
	if err != nil {
		return nil, err
	}
	layerDigest, err := registry.upload([]byte(text))
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     azcontainerregistry.ContentTypeApplicationVndOciImageManifestV1JSON,
		"config":        descriptor("application/vnd.oci.image.config.v1+json", configDigest, len(config)),
		"layers":        []any{descriptor("application/vnd.oci.image.layer.v1.tar", layerDigest, len(text))},
	})
}

func descriptor(mediaType, digest string, size int) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": digest, "size": size}
}

func (registry dataPlane) put(tag string, kind azcontainerregistry.ContentType, manifest []byte) (string, error) {
	body := streaming.NopCloser(bytes.NewReader(manifest))
	answer, err := registry.client.UploadManifest(ctx, app, tag, kind, body, nil)
	if err != nil {
		return "", err
	}
	return *answer.DockerContentDigest, nil
}

// verified reads to the end, with the SDK's own check of the digest.
func verified(digest string, content io.Reader) ([]byte, error) {
	reader, err := azcontainerregistry.NewDigestValidationReader(digest, content)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

func (registry dataPlane) contents() {
	step("a manifest is put by its tag and got by its digest", func() error {
		manifest, err := registry.image("one")
		if err != nil {
			return err
		}
		digest, err := registry.put("v1", azcontainerregistry.ContentTypeApplicationVndOciImageManifestV1JSON, manifest)
		if err != nil {
			return err
		}
		accept := to.Ptr(string(azcontainerregistry.ContentTypeApplicationVndOciImageManifestV1JSON))
		answer, err := registry.client.GetManifest(ctx, app, digest, &azcontainerregistry.ClientGetManifestOptions{Accept: accept})
		if err != nil {
			return err
		}
		found, err := verified(digest, answer.ManifestData)
		return errors.Join(err, same(string(found), string(manifest)))
	})

	step("an index of it", func() error {
		found, err := registry.client.GetManifestProperties(ctx, app, tagDigest(registry, "v1"), nil)
		if err != nil {
			return err
		}
		manifest, err := registry.image("one")
		if err != nil {
			return err
		}
		entry := descriptor("application/vnd.oci.image.manifest.v1+json", *found.Manifest.Digest, len(manifest))
		index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ociIndex, "manifests": []any{entry}})
		if err != nil {
			return err
		}
		_, err = registry.put("index", ociIndex, index)
		return err
	})

	step("a manifest that names what is not there is refused", func() error {
		manifest := strings.NewReplacer("LAYER", nothing).Replace(
			`{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
			"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "LAYER", "size": 1}}`)
		_, err := registry.put("broken", azcontainerregistry.ContentTypeApplicationVndOciImageManifestV1JSON, []byte(manifest))
		return answered(err, 400, "MANIFEST_BLOB_UNKNOWN")
	})

	step("a manifest that is not there is not found", func() error {
		_, err := registry.client.GetManifest(ctx, app, "nothing", nil)
		return answered(err, 404, "MANIFEST_UNKNOWN")
	})
}

func tagDigest(registry dataPlane, tag string) string {
	found, err := registry.client.GetTagProperties(ctx, app, tag, nil)
	if err != nil {
		panic(err)
	}
	return *found.Tag.Digest
}

func (registry dataPlane) tags() ([]string, error) {
	pager := registry.client.NewListTagsPager(app, &azcontainerregistry.ClientListTagsOptions{MaxNum: to.Ptr(int32(1))})
	return names(pager, func(page azcontainerregistry.ClientListTagsResponse) []string {
		return each(page.Tags, func(tag *azcontainerregistry.TagAttributes) *string { return tag.Name })
	})
}

func (registry dataPlane) repositories() ([]string, error) {
	pager := registry.client.NewListRepositoriesPager(&azcontainerregistry.ClientListRepositoriesOptions{MaxNum: to.Ptr(int32(1))})
	return names(pager, func(page azcontainerregistry.ClientListRepositoriesResponse) []string {
		return each(page.Repositories.Names, func(name *string) *string { return name })
	})
}

func (registry dataPlane) listing() {
	step("repositories are listed, one a page; one with nothing but a blob is not", func() error {
		found, err := registry.repositories()
		return errors.Join(err, same(found, []string{app}))
	})

	step("tags are listed, one a page", func() error {
		found, err := registry.tags()
		return errors.Join(err, same(found, []string{"index", "v1"}))
	})

	step("manifests are listed in their order, one a page", func() error {
		options := azcontainerregistry.ClientListManifestsOptions{
			MaxNum: to.Ptr(int32(1)), OrderBy: to.Ptr(azcontainerregistry.ArtifactManifestOrderByLastUpdatedOnAscending),
		}
		found := []string{}
		for pager := registry.client.NewListManifestsPager(app, &options); pager.More(); {
			page, err := pager.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, manifest := range page.Attributes {
				found = append(found, *manifest.Tags[0])
			}
		}
		return same(found, []string{"v1", "index"})
	})

	step("a repository's properties", func() error {
		found, err := registry.client.GetRepositoryProperties(ctx, app, nil)
		if err != nil {
			return err
		}
		return same([]any{*found.Name, *found.TagCount, *found.ManifestCount}, []any{app, int32(2), int32(2)})
	})

	step("what is not there has no properties", func() error {
		_, repository := registry.client.GetRepositoryProperties(ctx, "nothing", nil)
		_, tag := registry.client.GetTagProperties(ctx, app, "nothing", nil)
		_, manifest := registry.client.GetManifestProperties(ctx, app, nothing, nil)
		return errors.Join(answered(repository, 404, "NAME_UNKNOWN"), answered(tag, 404, "TAG_UNKNOWN"), answered(manifest, 404, "MANIFEST_UNKNOWN"))
	})
}

func (registry dataPlane) properties() {
	const disallowed = "REGISTRY_DISALLOWED_OPERATION"

	step("a tag that may not be deleted is not", func() error {
		lock := func(can bool) error {
			value := &azcontainerregistry.TagWriteableProperties{CanDelete: to.Ptr(can)}
			found, err := registry.client.UpdateTagProperties(ctx, app, "v1", &azcontainerregistry.ClientUpdateTagPropertiesOptions{Value: value})
			if err != nil {
				return err
			}
			return same(*found.Tag.ChangeableAttributes.CanDelete, can)
		}
		locked := lock(false)
		_, err := registry.client.DeleteTag(ctx, app, "v1", nil)
		return errors.Join(locked, answered(err, 405, disallowed), lock(true))
	})

	step("a manifest that may not be deleted is not", func() error {
		digest := tagDigest(registry, "v1")
		lock := func(can bool) error {
			value := &azcontainerregistry.ManifestWriteableProperties{CanDelete: to.Ptr(can)}
			options := &azcontainerregistry.ClientUpdateManifestPropertiesOptions{Value: value}
			found, err := registry.client.UpdateManifestProperties(ctx, app, digest, options)
			if err != nil {
				return err
			}
			return same(*found.Manifest.ChangeableAttributes.CanDelete, can)
		}
		locked := lock(false)
		_, err := registry.client.DeleteManifest(ctx, app, digest, nil)
		return errors.Join(locked, answered(err, 405, disallowed), lock(true))
	})

	step("a repository that may not be written is not", func() error {
		lock := func(can bool) error {
			value := &azcontainerregistry.RepositoryWriteableProperties{CanWrite: to.Ptr(can)}
			options := &azcontainerregistry.ClientUpdateRepositoryPropertiesOptions{Value: value}
			found, err := registry.client.UpdateRepositoryProperties(ctx, app, options)
			if err != nil {
				return err
			}
			return same(*found.ChangeableAttributes.CanWrite, can)
		}
		locked := lock(false)
		_, err := registry.put("v2", ociIndex, []byte(`{"schemaVersion": 2, "mediaType": "`+string(ociIndex)+`", "manifests": []}`))
		return errors.Join(locked, answered(err, 405, disallowed), lock(true))
	})
}

func others() {
	step("a Reader lists and pulls, and changes nothing", func() error {
		reader := connectRegistry(secret("READER", "READER_SECRET"))
		found, err := reader.tags()
		_, upload := reader.upload([]byte("two"))
		_, deletion := reader.client.DeleteRepository(ctx, app, nil)
		return errors.Join(err, same(found, []string{"index", "v1"}), status(upload, 401), status(deletion, 401))
	})

	step("nobody lists and pulls where that is allowed, and deletes nothing", func() error {
		nobody := connectRegistry(nil)
		found, err := nobody.tags()
		accept := to.Ptr(string(azcontainerregistry.ContentTypeApplicationVndOciImageManifestV1JSON))
		_, pull := nobody.client.GetManifest(ctx, app, "v1", &azcontainerregistry.ClientGetManifestOptions{Accept: accept})
		_, other := nobody.client.GetManifest(ctx, app, "v1", nil)
		_, deletion := nobody.client.DeleteRepository(ctx, app, nil)
		return errors.Join(err, same(found, []string{"index", "v1"}), pull, answered(other, 404, "MANIFEST_UNKNOWN"), status(deletion, 401))
	})

	step("a wrong secret is Entra's to refuse", func() error {
		_, err := connectRegistry(secret("AZURE_CLIENT_ID", "HOST")).tags()
		if err == nil || !strings.Contains(err.Error(), "AADSTS7000215") {
			return fmt.Errorf("expected AADSTS7000215, found %v", err)
		}
		return nil
	})
}

func (registry dataPlane) deletion() {
	step("a tag is deleted, its manifest is not", func() error {
		digest := tagDigest(registry, "v1")
		if _, err := registry.client.DeleteTag(ctx, app, "v1", nil); err != nil {
			return err
		}
		found, err := registry.client.GetManifestProperties(ctx, app, digest, nil)
		if err != nil {
			return err
		}
		return same(len(found.Manifest.Tags), 0)
	})

	step("a manifest is deleted by its digest", func() error {
		digest := tagDigest(registry, "index")
		if _, err := registry.client.DeleteManifest(ctx, app, digest, nil); err != nil {
			return err
		}
		_, err := registry.client.GetManifestProperties(ctx, app, digest, nil)
		return answered(err, 404, "MANIFEST_UNKNOWN")
	})

	step("a repository is deleted", func() error {
		if _, err := registry.client.DeleteRepository(ctx, app, nil); err != nil {
			return err
		}
		found, err := registry.repositories()
		return errors.Join(err, same(found, []string{}))
	})
}

// held is one token of Entra's, for longer than it is good.
type held struct{ token azcore.AccessToken }

func (one held) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return one.token, nil
}

func expired() {
	step("Entra's token that has expired is refused, a new one is not", func() error {
		scopes := policy.TokenRequestOptions{Scopes: []string{"https://containerregistry.azure.net/.default"}}
		token, err := secret("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET").GetToken(ctx, scopes)
		if err != nil {
			return err
		}
		_, before := connectRegistry(held{token}).repositories()
		body := strings.NewReader(`{"advance": "4h"}`)
		moved, err := http.Post(os.Getenv("AZLET_ENDPOINT")+"/_azlet/clock", "application/json", body)
		if err != nil {
			return err
		}
		defer moved.Body.Close()
		_, after := connectRegistry(held{token}).repositories()
		_, anew := connectRegistry(secret("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")).repositories()
		return errors.Join(before, same(moved.StatusCode, 200), status(after, 401), anew)
	})
}

// answered is nil if the answer had this status and this code; the SDK does not read a registry's codes.
func answered(problem error, code int, word string) error {
	if problem != nil && !strings.Contains(problem.Error(), `"code": "`+word+`"`) {
		return fmt.Errorf("expected %s, found %w", word, problem)
	}
	return status(problem, code)
}

// status is nil if the answer had this status.
func status(problem error, status int) error {
	var answer *azcore.ResponseError
	if errors.As(problem, &answer) && answer.StatusCode == status {
		return nil
	}
	return fmt.Errorf("expected %d, found %v", status, problem)
}

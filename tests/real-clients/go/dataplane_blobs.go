package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
)

const chunkSize = 4 << 20

// upload sends a blob in chunks and returns its digest.
func (registry dataPlane) upload(data []byte) (string, error) {
	started, err := registry.blobs.StartUpload(ctx, app, nil)
	if err != nil {
		return "", err
	}
	location, calculator := *started.Location, azcontainerregistry.NewBlobDigestCalculator()
	for from := 0; from < len(data); from += chunkSize {
		till := min(from+chunkSize, len(data))
		options := &azcontainerregistry.BlobClientUploadChunkOptions{RangeStart: to.Ptr(int32(from)), RangeEnd: to.Ptr(int32(till - 1))}
		sent, err := registry.blobs.UploadChunk(ctx, location, bytes.NewReader(data[from:till]), calculator, options)
		if err != nil {
			return "", err
		}
		location = *sent.Location
	}
	done, err := registry.blobs.CompleteUpload(ctx, location, calculator, nil)
	if err != nil {
		return "", err
	}
	return *done.DockerContentDigest, nil
}

func (registry dataPlane) largeBlob() {
	data := make([]byte, 9<<20+17)
	if _, err := rand.Read(data); err != nil {
		panic(err)
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))

	step("a blob of nine megabytes goes up in chunks with their ranges", func() error {
		found, err := registry.upload(data)
		return errors.Join(err, same(found, digest))
	})

	step("its length, to which a range is nothing", func() error {
		whole, err := registry.blobs.CheckBlobExists(ctx, app, digest, nil)
		if err != nil {
			return err
		}
		part, err := registry.blobs.CheckChunkExists(ctx, app, digest, "bytes=0-299", nil)
		if err != nil {
			return err
		}
		return same([]int64{*whole.ContentLength, *part.ContentLength}, []int64{int64(len(data)), int64(len(data))})
	})

	step("it comes back whole", func() error {
		answer, err := registry.blobs.GetBlob(ctx, app, digest, nil)
		if err != nil {
			return err
		}
		found, err := verified(digest, answer.BlobData)
		return errors.Join(err, same(bytes.Equal(found, data), true))
	})

	step("and in ranges", func() error {
		var found []byte
		for len(found) < len(data) {
			span := fmt.Sprintf("bytes=%d-%d", len(found), len(found)+chunkSize-1)
			answer, err := registry.blobs.GetChunk(ctx, app, digest, span, nil)
			if err != nil {
				return err
			}
			part, err := io.ReadAll(answer.ChunkData)
			if err != nil {
				return err
			}
			expected := fmt.Sprintf("bytes %d-%d/%d", len(found), len(found)+len(part)-1, len(data))
			if err := same(*answer.ContentRange, expected); err != nil {
				return err
			}
			found = append(found, part...)
		}
		return same(bytes.Equal(found, data), true)
	})

	step("a range behind its end is refused", func() error {
		_, err := registry.blobs.GetChunk(ctx, app, digest, fmt.Sprintf("bytes=%d-", len(data)), nil)
		return status(err, 416)
	})

	step("it is mounted into another repository", func() error {
		answer, err := registry.blobs.MountBlob(ctx, "other", app, digest, nil)
		if err != nil {
			return err
		}
		return same(*answer.DockerContentDigest, digest)
	})

	step("it is deleted here, not there", func() error {
		if _, err := registry.blobs.DeleteBlob(ctx, app, digest, nil); err != nil {
			return err
		}
		_, gone := registry.blobs.CheckBlobExists(ctx, app, digest, nil)
		_, there := registry.blobs.CheckBlobExists(ctx, "other", digest, nil)
		return errors.Join(status(gone, 404), there)
	})

	step("an upload has a state, until it is cancelled", func() error {
		started, err := registry.blobs.StartUpload(ctx, app, nil)
		if err != nil {
			return err
		}
		calculator := azcontainerregistry.NewBlobDigestCalculator()
		sent, err := registry.blobs.UploadChunk(ctx, *started.Location, strings.NewReader("part"), calculator, nil)
		if err != nil {
			return err
		}
		found, err := registry.blobs.GetUploadStatus(ctx, *sent.Location, nil)
		if err != nil {
			return err
		}
		_, err = registry.blobs.CancelUpload(ctx, *sent.Location, nil)
		_, gone := registry.blobs.GetUploadStatus(ctx, *sent.Location, nil)
		return errors.Join(same(*found.Range, "0-3"), err, status(gone, 404))
	})
}

// Package suite holds the version of the OCI conformance suite that comes before the one in ../current: it is run by `go test`.
package suite

import _ "github.com/opencontainers/distribution-spec/conformance"

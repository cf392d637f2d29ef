package collector

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

// BenchmarkHosts asks for the list of 10,000 hosts, each of which was stopped once.
func BenchmarkHosts(b *testing.B) {
	c := testConfig(b)
	authority, err := c.OpenAuthority(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer authority.Close()
	state, err := pki.Folder(filepath.Join(c.State, pkiDir))
	if err != nil {
		b.Fatal(err)
	}
	bucket, err := store.OpenBucket(c.StoreLocation())
	if err != nil {
		b.Fatal(err)
	}
	s, _, err := store.Open(b.Context(), bucket, 0, store.Config{Account: keepAccount})
	if err != nil {
		b.Fatal(err)
	}
	zip, err := zstd.NewWriter(nil, zstd.WithWindowSize(wire.MaxWindow))
	if err != nil {
		b.Fatal(err)
	}
	const n = 10_000
	now := time.Now()
	for i := range n {
		id := uuid.Must(uuid.NewV4())
		m, err := json.Marshal(pki.Monitor{ID: id, Name: fmt.Sprintf("host-%d", i), Key: "00", Enrolled: now})
		if err == nil {
			_, err = state.Put("monitors/"+id.String(), m, 0)
		}
		if err != nil {
			b.Fatal(err)
		}
		enc := argus.Encoder{Monitor: id}
		stream := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Now: now.UnixNano()})
		for j, cause := range []flow.Cause{flow.CauseStart, flow.CauseStop, flow.CauseStart} {
			stream = enc.AppendManagement(stream, &argus.Management{Cause: cause, Now: now.Add(time.Duration(j-3) * time.Minute).UnixNano(), Interval: 60})
		}
		batch := store.Batch{Monitor: id, Epoch: 1, First: 1, Last: 3, Received: now, Body: zip.EncodeAll(stream, nil)}
		if full, err := s.Add(&batch); err != nil {
			b.Fatal(err)
		} else if full || i == n-1 {
			if err := s.Commit(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		gaps, hosts, err := Gaps(b.Context(), &c.Place, query(time.Hour))
		if err != nil || len(hosts) != n || len(gaps) != n {
			b.Fatalf("%d hosts, %d gaps, %v", len(hosts), len(gaps), err)
		}
	}
}

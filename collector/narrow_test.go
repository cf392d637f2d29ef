package collector

import (
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
)

// TestNarrow: what a filter needs goes into a query, and takes nothing back that the query says.
func TestNarrow(t *testing.T) {
	f, err := filter.Parse([]string{"srcid 01234567-89ab-cdef-0123-456789abcdef and tcp port 22 and net 10.0.0.0/8 and dur gt 5"})
	if err != nil {
		t.Fatal(err)
	}
	var q store.Query
	Narrow(&q, f.Needs())
	if q.Monitor.String() != "01234567-89ab-cdef-0123-456789abcdef" || len(q.Hosts) != 1 || len(q.Ports) != 1 || len(q.Protos) != 1 || len(q.Ranges) != 1 {
		t.Errorf("%+v", q)
	}
	other := uuid.Must(uuid.NewV4())
	q = store.Query{Monitor: other, Ports: []uint16{80, 443}}
	Narrow(&q, f.Needs())
	if q.Monitor != other || len(q.Ports) != 2 || len(q.Ranges) != 1 {
		t.Errorf("%+v", q)
	}
}

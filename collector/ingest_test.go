package collector

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// FuzzIngested reads any headers of a batch that comes by the local socket: it is one that a journal can hold, of a sensor or a file, or an error.
func FuzzIngested(f *testing.F) {
	f.Add("0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a", "00000000000000ff", "1", "16384", "import")
	f.Add("61726775-7300-8001-8000-0000c000020a", "ffffffffffffffff", "18446744073709551615", "18446744073709551615", "radium")
	f.Add("00000000-0000-0000-0000-000000000000", "0000000000000000", "0", "-1", "")
	f.Add("{0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a}", "1", "2", "1", "agent")
	f.Fuzz(func(t *testing.T, monitor, epoch, first, last, origin string) {
		r := httptest.NewRequest(http.MethodPost, pathIngest, nil)
		for name, value := range map[string]string{headerMonitor: monitor, wire.HeaderEpoch: epoch, wire.HeaderFirst: first, wire.HeaderLast: last, headerOrigin: origin} {
			r.Header[name] = []string{value}
		}
		b, err := ingested(r)
		if err != nil {
			if b != nil {
				t.Error("a batch and an error")
			}
			return
		}
		if b.First == 0 || b.Last < b.First || b.Last-b.First >= wire.MaxBatchRecords || b.Origin != store.Import && b.Origin != store.Radium {
			t.Errorf("%+v", b)
		}
		if again, err := wire.ParseEpoch(b.Epoch.String()); err != nil || again != b.Epoch || b.Epoch == 0 {
			t.Errorf("epoch %v, %v", again, err)
		}
	})
}

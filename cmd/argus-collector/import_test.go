package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// writeFlows makes a file of n flows within an hour, whose packets count 1, 2, 3 ...
func writeFlows(t testing.TB, name string, n int) {
	t.Helper()
	enc := argus.Encoder{Version: argus.V3, Monitor: collector.SensorID("192.0.2.7").Host()}
	begin := time.Date(2024, 5, 6, 7, 0, 0, 0, time.UTC).UnixNano()
	b := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Start: begin, Now: begin})
	for i := range n {
		at := begin + int64(i)*10_000
		f := flow.Record{Cause: flow.CauseStart, Start: at, Key: flow.Key{Family: flow.FamilyIPv4, Proto: flow.ProtoUDP, SrcPort: uint16(i), DstPort: 53}}
		f.Src[0], f.Dst[0] = 10, 11
		f.Side[0] = flow.Side{Packets: uint64(i + 1), Bytes: uint64(i+1) * 60, IPBytes: uint64(i+1) * 46, First: at, Last: at}
		b = enc.AppendFlow(b, &f)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestImportThatIsKilled at any moment, again and again, beside a collector that is killed too or without one, has brought in every record once when
// it has come to its end.
func TestImportThatIsKilled(t *testing.T) {
	const flows = 100_000
	dir := t.TempDir()
	file := filepath.Join(dir, "archive.arg")
	writeFlows(t, file, flows)
	for _, beside := range []bool{false, true} {
		t.Run(fmt.Sprint("beside=", beside), func(t *testing.T) {
			state := filepath.Join(t.TempDir(), "state")
			kills := 0
			for range 4 {
				var run *exec.Cmd
				if beside {
					run = launch(t, "run", "--state", state, "--listen", "127.0.0.1:0", "--commit-interval", "300ms")
				}
				if !ends(launch(t, "import", "--state", state, file), time.Duration(50+rand.IntN(600))*time.Millisecond) {
					kills++
				}
				if beside {
					kill(run)
				}
			}
			out, errs, code := program(t, "import", "--json", "--state", state, file)
			if code != 0 {
				t.Fatalf("exit %d: %s", code, errs)
			}
			var d collector.Imported
			if err := json.Unmarshal([]byte(out), &d); err != nil || d.Records != flows+1 || d.Error != "" {
				t.Fatalf("%+v, %v", d, err)
			}
			t.Logf("%d kills; the last import had %d records left to bring in", kills, d.New)
			if kills == 0 {
				t.Error("no import was killed")
			}
			wantAllOnce(t, state, flows)
			if out, _, _ := program(t, "import", "--state", state, file); !strings.Contains(out, "all there already") || !strings.Contains(out, " 0 of them new") {
				t.Errorf("once more: %s", out)
			}
		})
	}
}

// launch starts the program.
func launch(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "ARGUS_COLLECTOR_TEST_MAIN=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()         // killed
}

// ends tells whether the program ends within a time; else it is killed.
func ends(cmd *exec.Cmd, within time.Duration) bool {
	killer := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
	defer killer.Stop()
	return cmd.Wait() == nil
}

func wantAllOnce(t testing.TB, state string, flows int) {
	t.Helper()
	v, err := (&collector.Place{State: state}).OpenView(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	seen := make([]bool, flows+1)
	n := 0
	for r, err := range v.Scan(store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		i := r.Flow.Side[0].Packets
		if i > uint64(flows) || seen[i] {
			t.Fatalf("flow %d is there twice, or was never made", i)
		}
		seen[i] = true
		n++
	}
	if n != flows {
		t.Errorf("%d flows, want %d", n, flows)
	}
}

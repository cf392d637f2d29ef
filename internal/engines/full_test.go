//go:build linux

package engines

import (
	"encoding/base64"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// TestFullJournal takes the store away from a collector of one machine until its journal is full and agents are told to wait, and gives it back:
// what agents kept and what the journal kept is in the store once.
func TestFullJournal(t *testing.T) {
	f := &fleet{t: t, dir: t.TempDir(), procs: map[string]*process{}}
	t.Cleanup(func() {
		for name := range f.procs {
			f.kill(name)
		}
	})
	f.bin = f.build("argus-collector", "../../cmd/argus-collector")
	f.write("store", "") // a file, where the store wants a folder
	addr := address(t)
	f.start("run", f.bin, "run", "--state", f.path("state"), "--store", f.path("store"), "--listen", addr, "--advertise", addr,
		"--journal-size", "64M", "--commit-interval", "1s", "--rate", "0")
	f.saysSoon("run", "collector is ready", 30*time.Second)
	all := f.sensors(4, f.tokenOf(f.path("state")))
	noise := rand.NewChaCha8([32]byte{1})
	for range 30_000 {
		for _, s := range all {
			s.enc.Label = label(noise)
			s.put(t, 1)
		}
	}
	took := f.until("the journal is full and agents wait", time.Minute, func() bool { return strings.Contains(f.procs["run"].log.String(), "maximum bytes") })
	pending := uint64(0)
	for _, s := range all {
		if st := s.spool.Stats(); st.Durable > 0 || st.Dropped > 0 {
			t.Errorf("the store has nothing, and a spool was freed: %+v", st)
		}
		pending += s.spool.Stats().Pending
	}
	t.Logf("the journal of 64 MiB was full %v after the last record; %d records wait", took.Round(100*time.Millisecond), pending)
	if err := os.Remove(f.path("store")); err != nil {
		t.Fatal(err)
	}
	f.allStored(all, 3*time.Minute)
}

// label is a text of 1,000 octets that no compression makes smaller than 750.
func label(noise *rand.ChaCha8) []byte {
	b := make([]byte, 750)
	noise.Read(b)
	return []byte(base64.StdEncoding.EncodeToString(b))
}

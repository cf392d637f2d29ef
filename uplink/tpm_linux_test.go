package uplink

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/tpm"
)

// TestKeyInTPM enrols, renews and delivers with a key that a TPM holds; without that TPM the identity is worth nothing, and the reason says so.
func TestKeyInTPM(t *testing.T) {
	path := program(t, "swtpm")
	dir, err := os.MkdirTemp("", "tpm-") // a unix socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	emulator := exec.Command(path, "socket", "--tpm2", "--tpmstate", "dir="+dir, "--server", "type=unixio,path="+socket,
		"--ctrl", "type=unixio,path="+socket+".ctrl", "--flags", "not-need-init,startup-clear")
	if err := emulator.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { emulator.Process.Kill(); emulator.Wait() }
	defer stop()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil { // its file is there before it listens
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("swtpm does not come up")
		}
	}
	col := newTestCollector(t)
	col.life = time.Minute // half of it is over at once: the certificate is renewed too
	config := func(c *Config) { c.Token = col.token(); c.KeyStore = "tpm:" + socket }
	r := newRig(t, config)
	r.add(300)
	r.all(col)
	if st := r.c.Stats(); st.KeyStore != "tpm" || len(st.Key) != 64 || col.renewed == 0 {
		t.Errorf("%+v, renewed %d times", st, col.renewed)
	}
	if text, err := os.ReadFile(filepath.Join(r.dir, "identity", keyFile)); err != nil || !strings.Contains(string(text), tpm.PEMType) {
		t.Errorf("the key's file: %.40s, %v", text, err)
	}
	r.stop()
	r.start(config) // from what was kept
	r.add(300)
	r.all(col)
	if col.enrolled != 1 {
		t.Errorf("enrolled %d times", col.enrolled)
	}
	r.stop()
	stop()
	os.Remove(socket)
	r.start(config)
	r.add(10)
	r.until("a failure", func() bool { return r.c.Stats().Attempts > 0 })
	if reason := r.c.Stats().Reason; !strings.Contains(reason, "there is no TPM") || r.s.Stats().Pending != 10 {
		t.Errorf("reason %q, %d pending", reason, r.s.Stats().Pending)
	}
}

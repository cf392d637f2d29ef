//go:build linux

package hosts

import (
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestTPMUnderTheUnit: the service's limits let it make its key in a TPM, enrol with it, and find it again.
func TestTPMUnderTheUnit(t *testing.T) {
	t.Parallel()
	s, h := newSite(t), boot(t, "tpm")
	socket := h.dir + "/srv/tpm"
	tpm := exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+t.TempDir(), "--server", "type=unixio,path="+socket,
		"--ctrl", "type=unixio,path="+socket+".ctrl", "--flags", "not-need-init,startup-clear")
	h.must(tpm.Start())
	t.Cleanup(func() { tpm.Process.Kill(); tpm.Wait() })
	h.await("the TPM", 10*time.Second, func() bool {
		c, err := net.Dial("unix", socket) // its file is there before it listens
		if err == nil {
			c.Close()
		}
		return err == nil && os.Chmod(socket, 0o666) == nil
	})

	h.write("/etc/argus-endpoint/argus-endpoint.conf", "KEY_STORE=tpm:/srv/tpm\n")
	h.token(s.token())
	h.run("%s install", h.bare(before))
	s.awaitState(h, "up", 30*time.Second)
	h.says("argus-endpoint status", "(in the TPM)")
	h.run("systemctl restart argus-endpoint")
	h.await("it delivers again, with the same key", 30*time.Second, func() bool { return h.status().Uplink.State == "up" })
	h.says("argus-endpoint status", "(in the TPM)")
}

//go:build linux

package hosts

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/internal/wine"
)

const windowsState = `C:\ProgramData\argus-endpoint`

// windows lets a Windows join the fleet for a while: a service of the bare program under Wine, by the token that the others have.
// It meters the interface of a host that stays off but for the datagrams it sends.
func (f *fleet) windows(t *testing.T) {
	_, exe := wine.Endpoint(t, before)
	h := newHost(t, "windows1")
	liveOn(t, h)
	s := *f.site
	s.t = t
	began := time.Now()
	p := wine.New(t)
	p.Npcap()
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(p.Path(windowsState + `\argus-endpoint.log`))
			t.Logf("Windows:\n%s", tail(string(log), 3000))
		}
	})
	h.must(os.MkdirAll(p.Path(windowsState), 0o755))
	h.must(os.WriteFile(p.Path(windowsState+`\argus-endpoint.conf`), []byte("ARGUS_BATCH_INTERVAL=1s\r\n"), 0o644))
	if out := p.Run(exe, "install", "--token", f.value); !strings.Contains(out, "\nenrolled: ") {
		t.Errorf("install: %s", out)
	}
	s.awaitState(h, "up", 20*time.Second)
	filter, want := h.udp(100)
	s.awaitFlows(filter, want, 30*time.Second)
	s.complete(h)

	table := s.run("hosts")
	t.Logf("argus-collector hosts, %v after Windows was booted:\n%s", time.Since(began).Round(time.Second), table)
	rows := map[string][]string{}
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		rows[words[0]] = words
	}
	for _, h := range append(f.hosts, h) {
		if row := rows[h.name]; len(row) < 7 || row[2] != "up" || row[6] != before {
			t.Errorf("%s: %v", h.name, row)
		}
	}
	if len(rows) != 1+fleetSize+1 { // with the headings
		t.Errorf("%d rows", len(rows))
	}
	p.Run(exe, "uninstall", "--purge")
	s.awaitState(h, "stopped", 10*time.Second)
}

// liveOn lets this test, and what it starts, live on the network of a host, under its name. Its thread ends with it.
func liveOn(t *testing.T, h *host) {
	t.Helper()
	runtime.LockOSThread()
	network, err := os.Open("/run/netns/" + h.name)
	h.must(err)
	defer network.Close()
	h.must(unix.Setns(int(network.Fd()), unix.CLONE_NEWNET))
	h.must(unix.Unshare(unix.CLONE_NEWUTS))
	h.must(unix.Sethostname([]byte(h.name)))
}

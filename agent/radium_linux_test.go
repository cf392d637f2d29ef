package agent

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// TestRadiumKeepsLabelsAndEvents: Debian's radium collects from the agent, and what it writes has the labels and the events
// octet by octet.
func TestRadiumKeepsLabelsAndEvents(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	path, err := exec.LookPath("radium")
	if err != nil {
		path = "/usr/sbin/radium"
	}
	if _, err := os.Stat(path); err != nil {
		needs(t, "radium", "argus-client")
	}
	newPeer(t).link(t, "a-long-name", 7)
	dir := t.TempDir()
	mine, theirs := filepath.Join(dir, "mine.out"), filepath.Join(dir, "radium.out")
	r := start(t, func(c *Config) {
		c.FeedV3, c.OutputFileV3, c.Label = []string{"127.0.0.1:5610"}, []string{mine}, []string{"site=Köln", "rack=7"}
		c.StatusInterval, c.MonitorID = 200*time.Millisecond, "192.0.2.77"
	})
	r.meters(5*time.Second, "a-long-name", "lo")
	radium := exec.Command(path, "-X", "-F", "/dev/null", "-S", "127.0.0.1:5610", "-w", theirs)
	if err := radium.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { radium.Process.Kill(); radium.Wait() }()
	await.Event(t, 10*time.Second, "radium reads", func() bool {
		s, err := ReadStatus(t.Context(), r.c.State)
		return err == nil && s.Readers > 0
	})
	said := func(file string) (labels, events map[string]bool) {
		labels, events = map[string]bool{}, map[string]bool{}
		for _, x := range recordsOf(t, file) {
			if x.Kind == argus.KindFlow && len(x.Label) > 0 {
				if want := [4]byte{192, 0, 2, 77}; x.Monitor.Kind != idIPv4 || [4]byte(x.Monitor.Bytes[:]) != want {
					t.Errorf("%s: sensor %+v", file, x.Monitor)
				}
				labels[string(x.Label)] = true
			}
			if text := string(x.Event.Data); x.Kind == argus.KindEvent && strings.Contains(text, "late") {
				events[text] = true
			}
		}
		return labels, events
	}
	netns.IP(t, "link add late type bridge") // an event
	await.Event(t, 20*time.Second, "radium has written both", func() bool {
		udp(t, "10.7.0.2:4000", 1, 10)
		udp(t, "127.0.0.1:4000", 1, 10)
		labels, events := said(theirs)
		return len(labels) == 2 && len(events) > 0
	})
	r.end()
	labels, events := said(theirs)
	_, sent := said(mine)
	for label := range labels {
		if label != `{"site":"Köln","rack":"7"}` && label != `{"inf":"a-long-name","site":"Köln","rack":"7"}` {
			t.Errorf("label %q", label)
		}
	}
	for text := range events {
		if !sent[text] {
			t.Errorf("radium wrote an event that nobody sent: %q", text)
		}
	}
}

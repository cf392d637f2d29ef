package agent

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/feed"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// firstFlow reads from a source until a flow of the datagrams to port 9 comes; again sends some of them now and then.
func firstFlow(t *testing.T, text string, again func()) *argus.Record {
	t.Helper()
	src, err := feed.ParseSource(text)
	if err != nil {
		t.Fatal(err)
	}
	var in io.ReadCloser
	await.Event(t, 10*time.Second, text+" is served", func() bool {
		in, err = feed.Open(t.Context(), src)
		return err == nil
	})
	defer in.Close()
	found := make(chan *argus.Record, 1)
	go func() {
		records := argus.NewReader(in)
		for {
			r, err := records.Next()
			if err != nil {
				return
			}
			if r.Kind == argus.KindFlow && r.Flow.DstPort == 9 {
				found <- r
				return
			}
		}
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(10 * time.Second); ; {
		select {
		case r := <-found:
			return r
		case <-tick.C:
			again()
		case <-end:
			t.Fatalf("%s gave no flow in 10 s", text)
		}
	}
}

// What the agent meters is served and pushed where the configuration says, in both versions, also where the port was taken at first.
func TestFeeds(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	taken, err := net.Listen("tcp", "127.0.0.1:5610")
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, func(c *Config) {
		c.StatusInterval, c.MARInterval = 200*time.Millisecond, time.Second
		c.Feed, c.FeedV3 = []string{"5610", filepath.Join(c.State, "feed")}, []string{":5613"}
		c.Push = []string{"argus-udp://127.0.0.1:5615", "argus-udp://127.0.0.1:5616?version=3"}
	})
	r.meters(5*time.Second, "lo")
	_ = taken.Close()
	again := func() { udp(t, "127.0.0.1:9", 1, 100) }
	for source, version := range map[string]argus.Version{
		"127.0.0.1:5613": argus.V3, filepath.Join(r.c.State, "feed"): argus.V5,
		"argus-udp://127.0.0.1:5615": argus.V5, "argus-udp://127.0.0.1:5616": argus.V3, "127.0.0.1:5610": argus.V5,
	} {
		rec := firstFlow(t, source, again)
		if rec.Version != version {
			t.Errorf("%s gives version %d", source, rec.Version)
		}
		if id, _ := rec.Monitor.UUID(); version == argus.V5 && (id.String() != r.c.MonitorID || string(rec.InterfaceName()) != "lo") {
			t.Errorf("%s gives records of %v %q", source, rec.Monitor, rec.InterfaceName())
		}
	}
	if b, err := feed.Ask(t.Context(), feed.Source{Network: "tcp", Address: "127.0.0.1:5610"}, askStatus, 1<<20); len(b) > 0 {
		t.Errorf("the status goes out over TCP: %.100q, %v", b, err)
	}
	r.end()
}

// The local socket is for its owner and his group. Readers that say nothing take its places for seconds only, and readers of a feed none.
func TestLocalSocket(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	r := start(t, func(c *Config) { c.Feed = []string{"5610"} })
	path := filepath.Join(r.c.State, socketFile)
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o660 {
		t.Errorf("the socket: %v, %v", i, err)
	}
	hold := func(network, address string) {
		for range maxLocal {
			c, err := net.Dial(network, address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	await.Event(t, 5*time.Second, "the feed listens", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:5610")
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	hold("tcp", "127.0.0.1:5610")
	if _, err := ReadStatus(t.Context(), r.c.State); err != nil {
		t.Errorf("beside as many readers of a feed: %v", err)
	}
	hold("unix", path)
	_, err := ReadStatus(t.Context(), r.c.State)
	if err == nil || errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), "too many") {
		t.Errorf("when all places are taken: %v", err)
	}
	await.Event(t, 10*time.Second, "those that say nothing are gone", func() bool {
		_, err := ReadStatus(t.Context(), r.c.State)
		return err == nil
	})
	r.end()
}

//go:build linux

package chaos

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// natsConfig is that of one of three servers: every message is on two disks before it counts.
const natsConfig = `server_name: %s
listen: "%s:4222"
jetstream { store_dir: "%s", sync_interval: always }
cluster { name: argus, listen: "%s:6222", routes: [ %s ] }
max_payload: 2MB
`

// cluster is a site of two receivers, two writers and three nodes of the journal, with three senders.
func cluster(t *testing.T, bin string, seed uint64) *site {
	l := newLab(t, bin, seed)
	s := &site{lab: l, store: l.path("store")}
	var urls, routes []string
	nodes := []string{"n1", "n2", "n3"}
	for _, n := range nodes {
		a := l.host(n)
		urls, routes = append(urls, "nats://"+a+":4222"), append(routes, `"nats://`+a+`:6222"`)
	}
	for _, n := range nodes {
		config := fmt.Sprintf(natsConfig, n, l.address(n), l.path(n), l.address(n), strings.Join(routes, ", "))
		if err := os.WriteFile(l.path(n+".conf"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		s.victims = append(s.victims, l.start("node", n, "nats-server", "-c", l.path(n+".conf")))
		s.links = append(s.links, n)
	}
	nats := strings.Join(urls, ",")
	var receivers []string
	for _, r := range []string{"r1", "r2"} {
		receivers = append(receivers, l.host(r)+":4561")
	}
	advertise := strings.Join(receivers, ",")
	for _, r := range []string{"r1", "r2"} {
		s.victims = append(s.victims, l.start("receiver", r, "argus-collector", "receive", "--state", l.path(r), "--nats", nats, "--listen", ":4561", "--advertise", advertise, "--rate", "0"))
		s.links = append(s.links, r)
	}
	for _, w := range []string{"w1", "w2"} {
		l.host(w)
		s.victims = append(s.victims, l.start("writer", w, "argus-collector", "write", "--state", l.path(w), "--nats", nats, "--store", s.store, "--commit-interval", "500ms"))
		s.links = append(s.links, w)
	}
	var token string
	await.Event(l.t, 60*time.Second, "a token", func() bool {
		var err error
		token, err = l.run("r1", "argus-collector", "token", "create", "--state", l.path("r1"), "--nats", nats, "--address", advertise)
		return err == nil
	})
	for range 3 {
		s.sender(token, 500)
	}
	return s
}

// TestCluster harms a site of separate receivers, writers and journal nodes.
func TestCluster(t *testing.T) {
	t.Parallel()
	seed := number(t, "SEED", 1)
	s := cluster(t, build(t, ""), seed)
	kills := int(number(t, "KILLS", 40))
	v, line := s.ordeal("cluster", kills-kills/3)
	t.Logf("chaos: %s (seed %d)", line, seed)
	if !v.good() || v.made < 1000 {
		t.Errorf("%s", strings.Join(v.examples, "\n"))
	}
}

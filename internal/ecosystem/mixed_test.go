//go:build linux

package ecosystem

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// TestMixed: Debian's argus meters an interface; our collector collects from it, stores and serves it; Debian's radium collects
// from that feed, and ra from radium. What every stage has is held against the sockets and against what ra has from the sensor.
func TestMixed(t *testing.T) {
	l := newLab(t, "c", "s", "p")
	state, filter := l.path("collector"), words(fmt.Sprintf("port %d", port))
	sensor := l.start("s", "argus", "-X", "-i", "eth0", "-P", "561", "-B", l.address("s"), "-e", "192.0.2.9", "-M", "5", "-S", "1", "-J", "-R", "-Z", "-A", "-m")
	await.Event(l, 20*time.Second, "argus listens", func() bool { return sensor.listens(561) })
	collector := l.start("c", "argus-collector", "run", "--state", state, "--listen", ":4561", "--commit-interval", "500ms", "--feed-v3", fmt.Sprint(feedPort))
	collector.says("collector is ready")
	l.start("c", "argus-collector", "radium", "--state", state, l.address("s"))
	direct := l.start("c", "ra", append([]string{"-F", "/dev/null", "-S", l.address("s") + ":561", "-w", l.path("sensor.arg")}, filter...)...)
	radium, last := l.radium(fmt.Sprintf("127.0.0.1:%d", feedPort), radiumPort)
	await.Event(l, 20*time.Second, "everybody is connected", func() bool {
		return sensor.clients(561) == 2 && collector.clients(feedPort) == 1 && radium.clients(radiumPort) == 1
	})
	l.talker("s", "serve", l.address("s")).says("serving")
	var truth sockets
	if err := json.Unmarshal([]byte(l.talker("p", "talk", l.address("s")).end(0)), &truth); err != nil {
		t.Fatal(err)
	}
	stored := func(names []string) [][]string {
		return sorted(values(l.run("c", "argus-collector", slices.Concat([]string{"flows", "--state", state}, plain(names), filter)...), len(names))[1:])
	}
	l.settled("the store has all flows", truth.UDP+truth.TCP, func() int {
		if _, err := os.Stat(state + "/store"); err != nil {
			return 0
		}
		return len(stored([]string{"stime"}))
	})
	replay := l.start("c", "argus-collector", "feed", "--state", state, "--feed-v3", fmt.Sprint(replayPort), "--since", "10m")
	await.Event(l, 20*time.Second, "the replay is served", func() bool { return replay.listens(replayPort) })
	again := values(l.run("c", "ra", slices.Concat([]string{"-F", "/dev/null", "-L", "-1", "-S", fmt.Sprintf("127.0.0.1:%d", replayPort)}, plain(wide(columns)), filter)...), len(columns))
	for _, p := range []*proc{sensor, collector} {
		p.end(syscall.SIGINT)
	}
	direct.end(syscall.SIGINT)
	radium.end(syscall.SIGTERM)
	last.end(syscall.SIGINT)

	l.mixed(truth, stored(columns), sorted(again), filter)
}

// mixed compares what every stage had.
func (l *lab) mixed(truth sockets, stored, again [][]string, filter []string) {
	const data = "argus -> argus-collector radium -> store and feed -> radium -> ra"
	own := sorted(theirs(l, "ra", columns, "-r", l.path("sensor.arg"), "-", "not", "man"))
	compare(l, "store", data, "our store beside ra -S of the sensor", columns, stored, own)
	compare(l, "ra", data, "-S of a replay of the store", columns, stored, again)
	end := sorted(theirs(l, "ra", columns, append([]string{"-r", l.path("behind.arg")}, filter...)...))
	compare(l, "radium", data, behind, columns, own, end)
	for where, rows := range map[string][][]string{"the store": stored, "the last ra": end} {
		compare(l, "sockets", data, "counts and octets in "+where, []string{"UDP", "TCP", "sent", "received", "asked", "answered", "srcid"}, [][]string{sums(rows)}, [][]string{truth.row("192.0.2.9")})
	}
}

// row is the truth in the form of sums.
func (s *sockets) row(sensor string) []string {
	return append(strings.Fields(fmt.Sprint(s.UDP, s.TCP, s.Sent, s.Received, s.Asked, s.Answers)), sensor)
}

// sums counts the conversations in rows of the columns, and adds up their octets.
func sums(rows [][]string) []string {
	value := func(row []string, name string) string { return row[slices.Index(columns, name)] }
	number := func(row []string, name string) int {
		n, _ := strconv.Atoi(value(row, name))
		return n
	}
	seen, sensors := map[string]int{}, map[string]bool{}
	var conversations, asked, answered [2]int
	for _, row := range rows {
		proto := 0
		if value(row, "proto") == "tcp" {
			proto = 1
		}
		key := fmt.Sprint(proto, value(row, "sport"))
		if seen[key]++; seen[key] == 1 {
			conversations[proto]++
		}
		sensors[value(row, "srcid")] = true
		asked[proto] += number(row, "sappbytes")
		answered[proto] += number(row, "dappbytes")
	}
	list := []string{}
	for id := range sensors {
		list = append(list, id)
	}
	slices.Sort(list)
	return append(strings.Fields(fmt.Sprint(conversations[0], conversations[1], asked[1], answered[1], asked[0], answered[0])), strings.Join(list, " "))
}

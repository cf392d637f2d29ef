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

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// Ports of the collector's feed of version 3, of radium behind it, and of a replay.
const feedPort, radiumPort, replayPort = 5610, 5620, 5630

// site is a collector with its feed, and two agents.
type site struct {
	*lab
	collector *proc
	agents    []*proc
}

func newSite(t *testing.T) *site {
	s := &site{lab: newLab(t, "c", "a1", "a2")}
	state, at := s.path("collector"), s.address("c")+":4561"
	s.collector = s.start("c", "argus-collector", "run", "--state", state, "--listen", ":4561", "--advertise", at, "--commit-interval", "500ms", "--feed-v3", fmt.Sprint(feedPort))
	s.collector.says("collector is ready")
	token := strings.TrimSpace(s.run("c", "argus-collector", "token", "create", "--state", state, "--address", at))
	for _, host := range []string{"a1", "a2"} {
		s.agents = append(s.agents, s.start(host, "argus-endpoint", "run", "--state", s.path(host), "--token", token, "--interface", "eth0", "--monitor-id", uuid.Must(uuid.NewV4()).String(),
			"--flow-status-interval", "1", "--batch-interval", "1", "--label", "site=lab,rack="+host))
	}
	await.Event(s, 30*time.Second, "both agents have delivered", func() bool {
		return strings.Count(s.run("c", "argus-collector", "hosts", "--state", state, "--json"), `"monitor":`) == 2
	})
	return s
}

// watch is one tool on the feed.
type watch struct {
	*proc
	exam *exam
}

// TestLiveFeed: every tool on the live feed of a collector with two agents, all at once.
func TestLiveFeed(t *testing.T) {
	s := newSite(t)
	address, ref := fmt.Sprintf("127.0.0.1:%d", feedPort), s.path("ours.arg")
	live := &source{name: "live feed of two agents", theirs: []string{"-S", address}, ours: []string{"-r", ref}, filter: fmt.Sprintf("port %d", port)}
	recorder := s.start("c", "argus-endpoint", "flows", "-S", address, "-w", ref)
	var all []watch
	for i := range checks {
		e := &exam{T: t, check: &checks[i], source: live, dir: t.TempDir()}
		all = append(all, watch{s.start("c", checks[i].tool, e.command()...), e})
	}
	whole := s.start("c", "ra", "-F", "/dev/null", "-S", address, "-w", s.path("whole.arg"))
	events := s.start("c", "raevent", "-F", "/dev/null", "-S", address)
	radium, ra := s.radium(address, radiumPort)
	top := s.ratop(address)
	await.Event(s, 20*time.Second, "all clients are there", func() bool { return s.collector.clients(feedPort) >= len(all)+5 && radium.clients(radiumPort) == 1 })
	s.talker("a1", "serve", s.address("a1")).says("serving")
	for i := range 3 { // events
		netns.IP(t, "-n %sa1 link add late%d type bridge", s.name, i)
	}
	s.talker("a2", "talk", s.address("a1")).end(0)
	s.settled("all flows are in the feed", 100, func() int { return flowsOf(ref) })
	screen := top()
	s.collector.end(syscall.SIGTERM) // and with it the feed, which the tools take for the end
	recorder.end(syscall.SIGTERM)
	for _, w := range all {
		w.exam.stdout = w.end(0)
		w.exam.check.judge(w.exam)
	}
	radium.end(syscall.SIGTERM)
	ra.end(syscall.SIGTERM)
	whole.end(syscall.SIGTERM)
	e := &exam{T: t, check: &check{tool: "radium"}, source: live, dir: s.dir}
	e.topped(screen)
	e.reported(events.end(syscall.SIGTERM), s.run("c", "argus-collector", "events", "--state", s.path("collector"), "--all", "--json"))
	e.collected()
	e.survived()
}

// collected compares what came through radium with what our reader had from the feed, which is of both agents.
func (e *exam) collected() {
	last := append([]string{"-r", e.file("behind.arg")}, words(e.source.filter)...)
	e.compare(behind, columns, e.ours(columns), ours(e, columns, last...))
	e.compare(readByRa, columns, ours(e, columns, last...), theirs(e, "ra", columns, last...))
	racks := map[string]bool{}
	for _, row := range e.ours([]string{"srcid", "label"}) {
		racks[row[0]+" "+row[1]] = true
	}
	if len(racks) != 2 {
		e.Errorf("sensors and their labels are %v, want those of both agents", racks)
	}
}

// flowsOf counts the flow records of the traffic in a file that is being written.
func flowsOf(file string) (n int) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for r, err := range argus.Records(b) {
		if err == nil && r.Kind == argus.KindFlow && r.Flow.DstPort == port {
			n++
		}
	}
	return n
}

// survived compares the events and labels that went through a tool, octet for octet.
func (e *exam) survived() {
	run(e, "ra", "-F", "/dev/null", "-r", e.file("whole.arg"), "-w", e.file("ra.arg"))
	run(e, "rasort", "-F", "/dev/null", "-r", e.file("whole.arg"), "-w", e.file("rasort.arg"))
	run(e, "racluster", "-F", "/dev/null", "-r", e.file("whole.arg"), "-w", e.file("racluster.arg"))
	for tool, file := range map[string]string{"ra": "ra.arg", "ra -S": "whole.arg", "rasort": "rasort.arg", "radium": "behind.arg"} {
		compare(e, tool, e.source.name, "-w: events octet for octet", []string{"event"}, e.events("ours.arg"), e.events(file))
	}
	labels := func(file string) [][]string {
		rows := ours(e, []string{"srcid", "label"}, append([]string{"-r", e.file(file)}, words(e.source.filter)...)...)
		return slices.CompactFunc(sorted(rows), slices.Equal)
	}
	compare(e, "racluster", e.source.name, "-w: labels of each sensor", []string{"srcid", "label"}, labels("ours.arg"), labels("racluster.arg"))
}

// events are the texts of the event records of a file: those of the new interfaces.
func (e *exam) events(file string) (rows [][]string) {
	b, err := os.ReadFile(e.file(file))
	if err != nil {
		e.Fatal(err)
	}
	for r, err := range argus.Records(b) {
		if err != nil {
			e.Fatal(err)
		}
		if text := string(r.Event.Data); r.Kind == argus.KindEvent && strings.Contains(text, `"late`) {
			rows = append(rows, []string{text})
		}
	}
	return sorted(rows)
}

// radium starts Debian's radium on a feed, and ra behind it, which writes behind.arg.
func (l *lab) radium(address string, at int) (radium, ra *proc) {
	l.Helper()
	conf := l.path("radium.conf")
	text := fmt.Sprintf("RADIUM_DAEMON=no\nRADIUM_MONITOR_ID=192.0.2.9\nRADIUM_ARGUS_SERVER=%s\nRADIUM_ACCESS_PORT=%d\nRADIUM_BIND_IP=\"127.0.0.1\"\nRADIUM_SET_PID=no\n", address, at)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		l.Fatal(err)
	}
	radium = l.start("c", "radium", "-X", "-f", conf)
	await.Event(l, 20*time.Second, "radium listens", func() bool { return radium.listens(at) })
	return radium, l.start("c", "ra", "-F", "/dev/null", "-S", fmt.Sprintf("127.0.0.1:%d", at), "-w", l.path("behind.arg"))
}

// ratop starts ratop on a terminal of tmux, and returns what shows its screen when that rests.
func (s *site) ratop(address string) func() string {
	socket := s.path("tmux")
	tmux := func(args ...string) string {
		cmd := s.on("c", program(s, "tmux"), append([]string{"-S", socket, "-f", "/dev/null"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			s.Fatalf("tmux %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	s.Cleanup(func() { // ratop may have ended, and tmux with it
		_ = s.on("c", program(s, "tmux"), "-S", socket, "kill-server").Run()
	})
	tmux("new-session", "-d", "-x", "200", "-y", "50", strings.Join(slices.Concat([]string{"exec", program(s, "ratop"), "-F", "/dev/null", "-n", "-S", address, "-m", "saddr", "daddr", "proto", "-s",
		"proto", "saddr:20", "daddr:20", "spkts:10", "dpkts:10", "sbytes:12", "dbytes:12"}, []string{"-", "port", fmt.Sprint(port)}), " "))
	pid, err := strconv.Atoi(strings.TrimSpace(tmux("display-message", "-p", "#{pane_pid}")))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // it outlives its terminal
	return func() string {
		shown := ""
		await.Event(s, 20*time.Second, "ratop shows the flows", func() bool {
			before := shown
			shown = tmux("capture-pane", "-p")
			return strings.Contains(shown, "tcp") && strings.Contains(shown, "udp") && before == shown
		})
		return shown
	}
}

// topped compares the rows of ratop's screen with the sums of our reader.
func (e *exam) topped(screen string) {
	names := strings.Fields("proto saddr daddr spkts dpkts sbytes dbytes")
	var rows [][]string
	for line := range strings.Lines(screen) {
		if f := strings.Fields(line); len(f) == len(names) && (f[0] == "tcp" || f[0] == "udp") {
			rows = append(rows, f)
		}
	}
	compare(e, "ratop", e.source.name, "the rows of its screen, -m saddr daddr proto", names, sorted(e.ours(names, "-m", "saddr,daddr,proto")), sorted(rows))
}

// reported compares what raevent printed of the new interface with what the collector has.
func (e *exam) reported(printed, stored string) {
	pick := func(text, key string) (rows [][]string) {
		for line := range strings.Lines(text) {
			at := strings.Index(line, "{")
			if at < 0 || !strings.Contains(line, `"late`) {
				continue
			}
			var object map[string]any
			if err := json.NewDecoder(strings.NewReader(line[at:])).Decode(&object); err != nil {
				e.Errorf("%q: %v", line, err)
			}
			var v any = object
			if key != "" {
				v = object[key]
			}
			b, _ := json.Marshal(v)
			rows = append(rows, []string{string(b)})
		}
		return sorted(rows)
	}
	compare(e, "raevent", e.source.name, "events of an interface as argus-collector events has them", []string{"event"}, pick(stored, "report"), pick(printed, ""))
}

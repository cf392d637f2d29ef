package agent

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// records returns those of a file, which must begin as one.
func recordsOf(t *testing.T, path string) (list []*argus.Record) {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || len(b) == 0 {
		return nil
	}
	if err != nil || !argus.IsStream(b) {
		t.Fatalf("%s: %v, begins with %x", path, err, b[:min(len(b), 16)])
	}
	for r, err := range argus.Records(b) {
		if err != nil {
			return list // still being written
		}
		c := *r
		c.Label, c.Event.Data = bytes.Clone(r.Label), bytes.Clone(r.Event.Data)
		list = append(list, &c)
	}
	return list
}

// ports returns the destination ports of the flows.
func ports(list []*argus.Record) (ports []uint16) {
	for _, r := range list {
		if r.Kind == argus.KindFlow {
			ports = append(ports, r.Flow.DstPort)
		}
	}
	return ports
}

// orphan makes a listening socket that no process has open: it is on its way from one to another.
func orphan(t *testing.T, at string) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(int(f.Fd())), nil, 0); err != nil {
		t.Fatal(err)
	}
}

// TestOutputFile: the records go to files of both versions too, a file that was moved away is followed by a new one, what the
// filter does not choose is nowhere but in the sums, and Debian's tools keep label and events as they are.
func TestOutputFile(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:7777")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	newPeer(t).link(t, "a-long-name", 1)
	dir := t.TempDir()
	v3, v5, moved := filepath.Join(dir, "argus.out"), filepath.Join(dir, "v5.out"), filepath.Join(dir, "moved.out")
	began := time.Now()
	r := startAgent(t, func(c *Config) {
		c.OutputFile, c.OutputFileV3, c.Filter, c.Label = []string{v5}, []string{v3}, "udp and port 4000", []string{"site=New York", "rack=7"}
		c.StatusInterval, c.MARInterval = 200*time.Millisecond, 500*time.Millisecond
	}, func(a *Agent) { // who listens is looked up sooner again than it would be
		a.facts.now = func() time.Time { return began.Add(1000 * time.Since(began)) }
	})
	r.meters(5*time.Second, "a-long-name", "lo")
	orphan(t, "127.0.0.1:7778")
	await.Event(t, 10*time.Second, "the new listener is told", func() bool {
		return slices.ContainsFunc(recordsOf(t, v5), func(x *argus.Record) bool {
			return bytes.Contains(x.Event.Data, []byte(`"appeared: a process of root listens on 127.0.0.1:7778"`))
		})
	})
	udp(t, "127.0.0.1:4001", 2, 100)
	udp(t, "127.0.0.1:4000", 3, 100)
	udp(t, "10.1.0.2:4000", 3, 100)
	await.Event(t, 10*time.Second, "the flows are in the file", func() bool { return len(ports(recordsOf(t, v3))) == 2 })
	if err := os.Rename(v3, moved); err != nil {
		t.Fatal(err)
	}
	udp(t, "127.0.0.1:4000", 4, 100)
	await.Event(t, 10*time.Second, "the flow is in a new file", func() bool { return len(ports(recordsOf(t, v3))) == 1 })
	s, err := ReadStatus(t.Context(), r.c.State)
	if err == nil && !strings.Contains(s.Unknown, "1 of 2 listening sockets") {
		t.Errorf("of who listens the status says %q", s.Unknown)
	}
	if err != nil || s.Totals.Excluded.Records == 0 || s.Totals.Excluded.Packets < 2 {
		t.Errorf("%v, excluded %+v", err, s.Totals.Excluded)
	}
	r.end()
	r.spooled()

	old, young, all := recordsOf(t, moved), recordsOf(t, v3), recordsOf(t, v5)
	if got, want := append(ports(old), ports(young)...), ports(all); !slices.Equal(got, want) || slices.Contains(want, 4001) || len(want) != 3 {
		t.Errorf("flows to ports %v, in version 5 %v", got, want)
	}
	for i, list := range [][]*argus.Record{old, young, all} {
		if want := []argus.Version{argus.V3, argus.V3, argus.V5}[i]; list[0].Kind != argus.KindManagement || list[0].Version != want {
			t.Errorf("file %d begins with %+v", i, list[0])
		}
	}
	labels := map[string]bool{}
	for _, x := range all {
		if x.Kind == argus.KindFlow {
			labels[string(x.Label)] = true
		}
	}
	if want := (map[string]bool{`{"site":"New York","rack":"7"}`: true, `{"inf":"a-long-name","site":"New York","rack":"7"}`: true}); len(labels) != 2 ||
		!labels[`{"site":"New York","rack":"7"}`] || !labels[`{"inf":"a-long-name","site":"New York","rack":"7"}`] {
		t.Errorf("labels %v, want %v", labels, want)
	}
	r.toldFacts(t)
	debian(t, moved, dir)
}

// toldFacts checks what the spool has of interfaces and listeners.
func (r *running) toldFacts(t *testing.T) {
	t.Helper()
	found := map[string]bool{}
	for _, e := range r.facts {
		if e.Interface != nil {
			found[e.Interface.Name+" "+e.Interface.Short+" "+strings.Join(e.Interface.Addresses, " ")] = true
		}
		if p := e.Process; p != nil && p.PID == os.Getpid() && slices.Equal(p.Listens, []string{"127.0.0.1:7777"}) {
			found["mine"] = true
		}
	}
	for _, want := range []string{"lo lo 127.0.0.1/8 ::1/128", "mine"} {
		if !found[want] {
			t.Errorf("%q was not told: %v", want, found)
		}
	}
}

// debian runs the tools of Debian's Argus over a file of version 3: after each the events and labels are what they were.
func debian(t *testing.T, file, dir string) {
	t.Helper()
	tool := func(name string, args ...string) string {
		out, err := exec.Command(name, append([]string{"-F", "/dev/null"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	if _, err := exec.LookPath("raevent"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("raevent is missing: apt-get install argus-client")
		}
		t.Log("raevent is missing (apt-get install argus-client): not compared with it")
		return
	}
	events := func(file string) string { // in no order, without the management records between them
		lines := slices.DeleteFunc(strings.Split(tool("raevent", "-r", file), "\n"), func(line string) bool {
			return strings.Contains(line, " man ") || strings.Contains(line, "StartTime")
		})
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	labels := func(file string) string {
		lines := strings.Split(tool("ra", "-n", "-L", "-1", "-c", "|", "-r", file, "-s", "saddr", "sport", "label", "-", "udp"), "\n")
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	wantEvents, wantLabels := events(file), labels(file)
	for _, want := range []string{`prog=argus-endpoint`, `"kind":"interface"`, `"kind":"listener"`, `present: lo (loopback), mtu 65536, up, 127.0.0.1/8, ::1/128`, `listens on 127.0.0.1:7777`} {
		if !strings.Contains(wantEvents, want) {
			t.Errorf("raevent does not print %q:\n%s", want, wantEvents)
		}
	}
	if !strings.Contains(wantLabels, `{"inf":"a-long-name","site":"New York","rack":"7"}`) {
		t.Errorf("ra does not print the label:\n%s", wantLabels)
	}
	for _, way := range [][]string{{"ra"}, {"rasort", "-m", "stime"}, {"racluster"}} {
		out := filepath.Join(dir, way[0]+".out")
		tool(way[0], append(slices.Clone(way[1:]), "-r", file, "-w", out)...)
		if got := labels(out); got != wantLabels {
			t.Errorf("labels behind %s:\n%s\nwant:\n%s", way[0], got, wantLabels)
		}
		if got := events(out); got != wantEvents && way[0] != "racluster" { // which has flows alone
			t.Errorf("events behind %s:\n%s\nwant:\n%s", way[0], got, wantEvents)
		}
	}
}

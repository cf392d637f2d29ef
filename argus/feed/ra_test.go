package feed

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// tool returns the path of one of Debian's Argus clients.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	return path
}

// start runs a tool until it ends or the test does, and returns what waits for its end and gives what it has printed.
func start(t *testing.T, name string, arguments ...string) (finish func() (stdout, stderr string, err error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	c := exec.CommandContext(ctx, tool(t, name), arguments...)
	c.Env = append(os.Environ(), "HOME="+t.TempDir()) // nobody's .rarc
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(cancel)
	return func() (string, string, error) {
		defer cancel()
		err := <-ended
		return strings.TrimSpace(out.String()), said.String(), err
	}
}

func ra(t *testing.T, addr string, arguments ...string) (finish func() (stdout, stderr string, err error)) {
	t.Helper()
	return start(t, "ra", append([]string{"-n", "-u", "-p", "6", "-c", ",", "-L", "-1", "-S", addr, "-s", "srcid,stime,proto,saddr,sport,dir,daddr,dport,spkts,dpkts,sbytes,dbytes,sappbytes,state"}, arguments...)...)
}

// srcid is how ra prints a host in version 3.
func srcid(host uuid.UUID) string {
	id := argus.MonitorV3(host)
	return net.IPv4(byte(id>>24), byte(id>>16), byte(id>>8), byte(id)).String()
}

// lines are what ra prints of flows from the port first on.
func lines(first, n int) string {
	var b strings.Builder
	for port := first; port < first+n; port++ {
		fmt.Fprintf(&b, "%s,1700000000.000000,udp,10.0.0.1,%d,   ->,10.0.0.53,53,1,0,70,0,28,REQ\n", srcid(hostID), port)
	}
	return strings.TrimSpace(b.String())
}

// check holds what a tool prints of flows against what it should.
func check(t *testing.T, who, want string, finish func() (string, string, error)) {
	t.Helper()
	got, said, err := finish()
	got = strings.Join(slices.DeleteFunc(strings.Split(got, "\n"), func(l string) bool {
		if !strings.Contains(l, ",man,") {
			return false
		}
		if id := srcid(serverID); !strings.HasPrefix(l, id) && !strings.HasPrefix(l, "192.0.2.9,") { // or radium's
			t.Errorf("%s calls the server, which is %s: %s", who, id, l)
		}
		return true
	}), "\n")
	if got != want || err != nil {
		t.Errorf("%s prints\n%s\nwant\n%s\n%v %s", who, got, want, err, said)
	}
}

// Debian's ra prints what was published to a server of version 3, and stays while nothing comes but status records.
func TestRa(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, addr := NewServer(Config{Monitor: serverID, Version: argus.V3, Interval: time.Second, Parse: func(expression string) (func(*argus.Record) bool, error) {
		port, found := strings.CutPrefix(expression, "src ")
		if !found {
			return nil, os.ErrInvalid
		}
		return ports(port)
	}}), l.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	all, one, bad := ra(t, addr), ra(t, addr, "-N", "1", "-", "src port 2"), ra(t, addr, "-", "tcp")
	if out, said, err := bad(); err == nil && out == "" && !strings.Contains(said, "syntax") {
		t.Errorf("a filter that the server does not take: %q %q", out, said)
	}
	await.Event(t, 10*time.Second, "both are there", func() bool { return s.listeners() == 2 })
	s.Publish(flows(2, 1))
	check(t, "ra with a filter", lines(2, 1), one)
	began := time.Now()
	await.Event(t, 10*time.Second, "a silence in which ra would go without status records", func() bool { return time.Since(began) > 3*time.Second })
	if n := s.Stats().Served; n != 3 {
		t.Errorf("%d connections: ra went away and came back", n)
	}
	s.Publish(flows(2, 3))
	stop() // which ra takes for the end
	if err := <-served; err != nil {
		t.Error(err)
	}
	check(t, "ra", lines(1, 4), all)
}

// A replay ends ra well, with all that there is.
func TestRaReplay(t *testing.T) {
	_, addr := serve(t, Config{Version: argus.V3, Parse: ports, Replay: func(_ context.Context, expression string, _ func(*argus.Record) bool, write func([]byte) error) error {
		if expression != "" {
			t.Errorf("filter %q", expression)
		}
		for i := range 20 {
			if err := write(flows(100, uint16(1+100*i))); err != nil {
				return err
			}
		}
		return nil
	}})
	check(t, "ra", lines(1, 2000), ra(t, addr))
	// Our own client ends there too, and does not ask again.
	n := 0
	if err := Follow(t.Context(), source(t, addr), func(r *argus.Record) error {
		if r.Kind == argus.KindFlow {
			n++
		}
		return nil
	}, func(err error) { t.Error(err) }); err != nil || n != 2000 {
		t.Errorf("%d records, %v", n, err)
	}
}

// Debian's radium collects from a server and gives what it got to ra.
func TestRadium(t *testing.T) {
	radium := tool(t, "radium")
	s, addr := serve(t, Config{Version: argus.V3, Interval: time.Second})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	conf := filepath.Join(t.TempDir(), "radium.conf")
	text := fmt.Sprintf("RADIUM_DAEMON=no\nRADIUM_MONITOR_ID=192.0.2.9\nRADIUM_ARGUS_SERVER=%s\nRADIUM_ACCESS_PORT=%d\nRADIUM_BIND_IP=\"127.0.0.1\"\nRADIUM_SET_PID=no\n", addr, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, radium, "-X", "-f", conf)
	await.Event(t, 10*time.Second, "radium", s.Listened)
	await.Event(t, 10*time.Second, "radium's own port", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	behind := ra(t, "127.0.0.1:"+strconv.Itoa(port), "-N", "2", "-", "src port 17")
	ended := make(chan bool)
	go func() { // nobody tells when ra has said START to radium
		defer close(ended)
		check(t, "ra behind radium", lines(17, 1)+"\n"+lines(17, 1), behind)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			s.Publish(flows(1, 17))
		}
	}
}

// benchmarkFeed publishes to n clients as fast as they take it, in blocks of 100 records.
func benchmarkFeed(b *testing.B, n int, c Config) {
	c.Buffer = 64 << 20
	s, addr := serve(b, c)
	const perBlock = 100
	block := flows(perBlock, 1)
	for range n {
		conn := began(b, addr)
		go func() {
			buf := make([]byte, 1<<18)
			for {
				if _, err := conn.Read(buf); err != nil {
					return
				}
			}
		}()
	}
	await.Event(b, 10*time.Second, "the clients", func() bool { return s.listeners() == n })
	records := 0
	for b.Loop() {
		s.Publish(block)
		records += perBlock
		for s.behind() > 16<<20 {
			runtime.Gosched()
		}
	}
	await.Event(b, 10*time.Second, "all is sent", func() bool { return s.behind() == 0 })
	if st := s.Stats(); st.Slow > 0 {
		b.Fatalf("%+v", st)
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(records*n)/b.Elapsed().Seconds(), "delivered/s")
}

func BenchmarkFeed(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprintf("v5/clients=%d", n), func(b *testing.B) { benchmarkFeed(b, n, Config{}) })
		b.Run(fmt.Sprintf("v3/clients=%d", n), func(b *testing.B) { benchmarkFeed(b, n, Config{Version: argus.V3}) })
	}
}

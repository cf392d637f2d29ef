//go:build linux

package scale

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/uplink"
)

// perProcess is how many agents a process has: each takes a connection and a folder of the files that it may have open.
const perProcess = 4000

// workerOrder names the environment variable by which this program becomes a process of a crowd.
const workerOrder = "SCALE_WORKER"

// order is what a process of a crowd is told at first.
type order struct {
	Dir, Token string
	Agents     int
	Spread     time.Duration
}

// news is what a process of a crowd tells again and again, a line of JSON each.
type news struct {
	Up, Rejected    int    // agents in these states
	Failed, Pending uint64 // attempts, and records that are not durable
	Answered        uint64 // records that the collector has on its disk
	Example         string // why an attempt failed
	First           string // the ID of the first agent
	FirstRejected   bool   // it is refused
}

// member is one agent of a crowd.
type member struct {
	queue  *queue
	client *uplink.Client
}

// worker runs agents until its input ends. A line "N" of it makes each of them N records, "1 N" only the first.
func worker(o *order) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var members []*member
	var wg sync.WaitGroup
	var first uuid.UUID
	for i := range o.Agents {
		id := uuid.Must(uuid.NewV4())
		m := &member{queue: newQueue(id)}
		var err error
		m.client, err = uplink.New(uplink.Config{Token: o.Token, Dir: filepath.Join(o.Dir, id.String()), Monitor: id, Name: fmt.Sprintf("host-%05d", i), Version: "scale",
			Queue: m.queue, Preamble: m.queue.preamble, BatchInterval: time.Second, Spread: o.Spread})
		if err != nil {
			return err
		}
		if members = append(members, m); i == 0 {
			first = id
		}
		wg.Go(func() {
			if err := m.client.Run(ctx); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		})
	}
	go func() {
		tell := json.NewEncoder(os.Stdout)
		for range time.Tick(100 * time.Millisecond) {
			n := newsOf(members)
			n.First = first.String()
			if tell.Encode(&n) != nil {
				os.Exit(1)
			}
		}
	}()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var who, n uint64
		if k, _ := fmt.Sscan(lines.Text(), &who, &n); k == 2 {
			members[0].queue.add(n)
		} else {
			for _, m := range members {
				m.queue.add(who)
			}
		}
	}
	stop()
	wg.Wait()
	return nil
}

func newsOf(members []*member) (n news) {
	for i, m := range members {
		s := m.client.Stats()
		switch s.State {
		case uplink.StateUp:
			n.Up++
		case uplink.StateRejected:
			n.Rejected++
			n.FirstRejected = n.FirstRejected || i == 0
		}
		if s.Reason != "" {
			n.Example = s.Reason
		}
		n.Failed += s.Attempts
		pending, durable := m.queue.state()
		n.Answered += max(s.Records, durable) // an answer may have come too late
		n.Pending += pending
	}
	return n
}

// crowd is many agents in some processes.
type crowd struct {
	t       *testing.T
	agents  int
	workers []io.Writer

	mu   sync.Mutex
	news []news
}

// newCrowd starts n agents.
func newCrowd(t *testing.T, dir, token string, n int, spread time.Duration) *crowd {
	t.Helper()
	c := &crowd{t: t, agents: n}
	for left := n; left > 0; left -= perProcess {
		text, err := json.Marshal(order{filepath.Join(dir, "agents"), token, min(left, perProcess), spread})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), workerOrder+"="+string(text))
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		i := len(c.workers)
		c.workers, c.news = append(c.workers, in), append(c.news, news{})
		done := make(chan struct{})
		go func() { defer close(done); c.listen(out, i) }()
		t.Cleanup(func() { in.Close(); cmd.Process.Kill(); <-done; cmd.Wait() })
	}
	return c
}

func (c *crowd) listen(out io.Reader, i int) {
	for hear := json.NewDecoder(out); ; {
		var n news
		if hear.Decode(&n) != nil {
			return
		}
		c.mu.Lock()
		c.news[i] = n
		c.mu.Unlock()
	}
}

// now returns the latest news of all.
func (c *crowd) now() (all news) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.news {
		all.Up += n.Up
		all.Rejected += n.Rejected
		all.Failed += n.Failed
		all.Answered += n.Answered
		all.Pending += n.Pending
		if n.Example != "" {
			all.Example = n.Example
		}
	}
	all.First, all.FirstRejected = c.news[0].First, c.news[0].FirstRejected
	return all
}

// make lets each agent make n records.
func (c *crowd) make(n int) {
	c.t.Helper()
	for i, w := range c.workers {
		c.mu.Lock()
		c.news[i].Pending = 1 // until it tells
		c.mu.Unlock()
		if _, err := fmt.Fprintln(w, n); err != nil {
			c.t.Fatal(err)
		}
	}
}

// until waits until ok answers true and returns how long that took, or fails the test.
func (c *crowd) until(what string, bound time.Duration, ok func(n news) bool) time.Duration {
	c.t.Helper()
	began := time.Now()
	for n := c.now(); !ok(n); n = c.now() {
		if time.Since(began) > bound {
			c.t.Fatalf("not within %v: %s; %d of %d agents up, %d attempts failed, such as: %s", bound, what, n.Up, c.agents, n.Failed, n.Example)
		}
		<-time.After(20 * time.Millisecond)
	}
	return time.Since(began)
}

// up waits until all agents are.
func (c *crowd) up(bound time.Duration) time.Duration {
	c.t.Helper()
	return c.until("all agents are up", bound, func(n news) bool { return n.Up == c.agents })
}

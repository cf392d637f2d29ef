package powercut

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// block is what one append gave: the records [first, first+count) at a time in nanoseconds.
type block struct {
	at           int64
	first, count uint64
}

// claims is what a writer has said so far.
type claims struct {
	epoch     string
	made      []block
	sent      uint64 // records up to here are leased
	committed uint64 // the spool may have freed records up to here
	durable   uint64 // the store says that it has records up to here
	lines     int
}

// live is a writer at work.
type live struct {
	mu   sync.Mutex
	news *sync.Cond
	said claims
	err  error // why it said no more
	cmd  *exec.Cmd
	done chan struct{}
}

func start(t *testing.T, writer, what, dir string) *live {
	t.Helper()
	l := &live{cmd: exec.Command(writer, what, dir), done: make(chan struct{})}
	l.news = sync.NewCond(&l.mu)
	l.cmd.Stderr = os.Stderr
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go l.listen(out)
	return l
}

// stop ends the writer as a kill does.
func (l *live) stop() {
	_ = l.cmd.Process.Kill()
	<-l.done
	_ = l.cmd.Wait()
}

func (l *live) signal(t *testing.T, what os.Signal) {
	t.Helper()
	if err := l.cmd.Process.Signal(what); err != nil {
		t.Fatal(err)
	}
}

func (l *live) listen(out io.Reader) {
	defer close(l.done)
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		l.mu.Lock()
		if err == nil {
			err = l.said.hear(line)
		}
		l.err = err
		l.news.Broadcast()
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (c *claims) hear(line string) (err error) {
	kind, rest, _ := strings.Cut(line, " ")
	var b block
	var n uint64
	epoch := ""
	if kind == "m" {
		_, err = fmt.Sscanf(rest, "%d %s %d %d", &b.at, &epoch, &b.first, &b.count)
		c.made = append(c.made, b)
	} else {
		_, err = fmt.Sscanf(rest, "%s %d", &epoch, &n)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%q: %w", line, err)
	case c.epoch != "" && c.epoch != epoch:
		return fmt.Errorf("the epoch changed from %s to %s without a reason", c.epoch, epoch)
	case kind == "s":
		c.sent = max(c.sent, n)
	case kind == "c":
		c.committed = max(c.committed, n)
	case kind == "d":
		c.durable = max(c.durable, n)
	}
	c.epoch = epoch
	c.lines++
	return nil
}

// wait waits until the writer has said that many lines more, and returns all that it has said.
func (l *live) wait(t *testing.T, lines int) claims {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for until := l.said.lines + lines; l.said.lines < until; {
		if l.err != nil {
			t.Fatalf("the writer ended: %v", l.err)
		}
		l.news.Wait()
	}
	c := l.said
	c.made = c.made[:len(c.made):len(c.made)]
	return c
}

// after waits until the writer has said something made after a time.
func (l *live) after(t *testing.T, at time.Time) claims {
	t.Helper()
	for {
		c := l.wait(t, 1)
		if n := len(c.made); n > 0 && c.made[n-1].at > at.UnixNano() {
			return c
		}
	}
}

package capture

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// flood sends n numbered frames of an experimental type, 256 for each permit where permits are given, until stop. It returns how many.
func flood(tb testing.TB, s *sender, n int, permits, stop <-chan struct{}) int {
	frame := ethernet(0x88b5, make([]byte, 86))
	for k := range n {
		if k%256 == 0 && permits != nil {
			select {
			case _, ok := <-permits:
				if !ok {
					return k
				}
			case <-stop:
				return k
			}
		}
		binary.BigEndian.PutUint64(frame[14:], uint64(k))
		s.send(tb, frame)
	}
	return n
}

// TestRingChanges changes between the small ring and the large one all the time while numbered frames come as fast as the
// reader takes them: each is lent once and in order. A reader that a busy machine keeps waiting while the kernel retires blocks loses
// some, which is counted: then again.
func TestRingChanges(t *testing.T) {
	for _, name := range []string{"veth", "loopback"} {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			out, _ := veth(t)
			if name == "loopback" {
				netns.IP(t, "link set lo up")
				out = device(t, "lo")
			}
			for try := 1; ; try++ {
				c := newChanger(t, out)
				sent, lost := changeInOrder(t, c)
				st, err := c.r.Stats()
				if err == nil && c.got == uint64(sent) && st == (Stats{Received: uint64(sent), Method: "ring"}) {
					return
				}
				if t.Failed() || try == 5 || err != nil || st.Dropped != lost || st.Received+st.Dropped != uint64(sent) {
					t.Fatalf("%d sent, %d missing, %+v, %v", sent, lost, st, err)
				}
				t.Logf("the reader was late for %d frames of %d", lost, sent)
				c.r.Close()
			}
		})
	}
}

// changeInOrder sends no more than the small ring has room for ahead of the reader, and returns how many frames were sent and are missing.
func changeInOrder(t *testing.T, c *changer) (sent int, lost uint64) {
	permits := make(chan struct{}, 64)
	for range 4 {
		permits <- struct{}{}
	}
	owed := uint64(256) // the number at which the next permit is due
	c.each = func(k uint64) {
		if k < c.next {
			t.Errorf("frame %d after %d", k, c.next-1)
		}
		if c.changes == 12 && permits != nil {
			close(permits)
			permits = nil
		}
		for ; k+1 >= owed && permits != nil; owed += 256 {
			permits <- struct{}{}
		}
	}
	sent = c.run(func(tx *sender) int { return flood(t, tx, 1<<30, permits, c.stop) })
	return sent, uint64(sent) - c.got // also behind the last one that came
}

// TestRingChangesOverrun does the same with a sender that waits for nobody: what is not lent was counted as dropped.
func TestRingChangesOverrun(t *testing.T) {
	inNamespace(t)
	out, _ := veth(t)
	c := newChanger(t, out)
	c.each = func(k uint64) {
		if k < c.next {
			t.Errorf("frame %d after %d", k, c.next-1)
		}
	}
	sent := c.run(func(tx *sender) int { return flood(t, tx, 500_000, nil, nil) })
	if st, err := c.r.Stats(); err != nil || st.Received != c.got || st.Received+st.Dropped != uint64(sent) || c.changes == 0 {
		t.Errorf("%d sent, %d lent, %+v, %v, %d changes", sent, c.got, st, err, c.changes)
	}
}

// changer reads a ring that it changes whenever that is possible.
type changer struct {
	t       *testing.T
	r       *ring
	tx      *sender
	each    func(k uint64) // looks at the number of a frame
	got     uint64
	next    uint64
	changes int
	stop    chan struct{} // closed when nobody reads any more
}

func newChanger(t *testing.T, i *net.Interface) *changer {
	r := openRing(t, i).(*ring)
	if r.small == nil {
		t.Skip("this kernel has no fanout groups with a program")
	}
	r.quiet = 0 // it is always late enough
	return &changer{t: t, r: r, tx: newSender(t, i), stop: make(chan struct{})}
}

// run reads what send sends until no more comes, and returns how much that was.
func (c *changer) run(send func(*sender) int) int {
	sent := make(chan int, 1)
	go func() { sent <- send(c.tx) }()
	var f Frame
	for last := c.r.from; ; {
		data, err := c.r.Next(&f, time.Second)
		if errors.Is(err, ErrTimeout) {
			break
		}
		if err != nil {
			c.t.Error(err)
			break
		}
		k := binary.BigEndian.Uint64(data[14:])
		if c.each(k); c.t.Failed() {
			break
		}
		c.got, c.next = c.got+1, k+1
		if c.r.from == c.r.small && c.r.mayChange(time.Now()) {
			c.r.grow()
		} else if c.r.from != c.r.small {
			c.r.full = time.Time{}
			c.r.quietAt()
		}
		if c.r.from != last {
			c.changes, last = c.changes+1, c.r.from
		}
	}
	close(c.stop)
	return <-sent
}

// TestRingGrowsAndShrinks follows an interface that rests, is busy and rests again.
func TestRingGrowsAndShrinks(t *testing.T) {
	inNamespace(t)
	out, in := veth(t)
	r := openRing(t, in).(*ring)
	if r.small == nil {
		t.Skip("this kernel has no fanout groups with a program")
	}
	r.quiet = 300 * time.Millisecond
	tx := newSender(t, out)
	before := descriptors(t)
	var f Frame
	for round := range 3 {
		if got := mapped(t); got != smallBlock*smallBlocks {
			t.Fatalf("round %d: %d octets of rings while it rests, want %d", round, got, smallBlock*smallBlocks)
		}
		flood(t, tx, 2000, nil, nil) // more than two blocks
		for began := time.Now(); r.from == r.small; {
			if _, err := r.Next(&f, 10*time.Millisecond); err != nil && time.Since(began) > 5*time.Second {
				t.Fatalf("round %d: the large ring did not come: %v", round, err)
			}
		}
		if got := mapped(t); got != smallBlock*smallBlocks+defaultRing {
			t.Fatalf("round %d: %d octets of rings while it is busy", round, got)
		}
		for began := time.Now(); r.from != r.small; {
			if _, err := r.Next(&f, 10*time.Millisecond); err != nil && time.Since(began) > 5*time.Second {
				t.Fatalf("round %d: the small ring did not come back: %v", round, err)
			}
		}
		r.changes.Wait()
	}
	if st, err := r.Stats(); err != nil || st != (Stats{Received: 6000, Method: "ring"}) {
		t.Errorf("%+v, %v", st, err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestRingClosesWhileItChanges interrupts and closes while rings change.
func TestRingClosesWhileItChanges(t *testing.T) {
	inNamespace(t)
	_, in := veth(t)
	before := descriptors(t)
	for i := range 30 {
		s, err := Open(in.Name, in.Index, Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := s.(*ring)
		if r.small == nil {
			t.Skip("this kernel has no fanout groups with a program")
		}
		r.quiet = 0
		r.grow()
		var closing sync.WaitGroup
		if i%2 == 0 {
			r.changes.Wait()
		}
		closing.Go(func() { r.Interrupt(); r.Close() })
		var f Frame
		for {
			if _, err := r.Next(&f, time.Minute); err != nil && !errors.Is(err, ErrTimeout) {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("after Close: %v", err)
				}
				break
			}
		}
		closing.Wait()
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if got := mapped(t); got != 0 {
		t.Errorf("%d octets of rings are still mapped", got)
	}
}

// TestRingDownWhileLarge takes the interface away from the large ring: its frames come first.
func TestRingDownWhileLarge(t *testing.T) {
	inNamespace(t)
	out, in := veth(t)
	r := openRing(t, in).(*ring)
	if r.small == nil {
		t.Skip("this kernel has no fanout groups with a program")
	}
	r.grow()
	tx := newSender(t, out)
	flood(t, tx, 100, nil, nil)
	r.changes.Wait()
	flood(t, tx, 100, nil, nil)
	netns.IP(t, "link del va")
	var f Frame
	for frames := 0; ; frames++ {
		_, err := r.Next(&f, 5*time.Second)
		if errors.Is(err, ErrTimeout) {
			frames--
			continue
		}
		if err != nil {
			if !errors.Is(err, ErrInterfaceDown) || frames != 200 {
				t.Errorf("%d frames, then %v", frames, err)
			}
			return
		}
	}
}

// TestRingWithoutGroups opens on what a kernel without fanout groups leaves: the large ring from the beginning.
func TestRingWithoutGroups(t *testing.T) {
	inNamespace(t)
	out, in := veth(t)
	s, err := newSocket("vb")
	if err != nil {
		t.Fatal(err)
	}
	r := &ring{name: "vb", index: in.Index, link: LinkEthernet, sizes: sizes{snapLen: 512, size: defaultRing, quiet: 0}}
	if err := r.openLarge(s); err != nil {
		t.Fatal(err)
	}
	r.from, r.to, r.ready = s, s, r.poll
	defer r.Close()
	flood(t, newSender(t, out), 5000, nil, nil)
	var f Frame
	for n := range 5000 {
		if _, err := r.Next(&f, 5*time.Second); err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
	}
	if r.from != r.large {
		t.Error("it changed")
	}
}

func descriptors(tb testing.TB) int {
	tb.Helper()
	e, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	n := 0
	for _, d := range e {
		if to, _ := os.Readlink("/proc/self/fd/" + d.Name()); strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// mapped returns the octets of packet rings that the process has mapped.
func mapped(tb testing.TB) (n int) {
	tb.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if begin, rest, ok := strings.Cut(line, "-"); ok && strings.Contains(line, "socket:") {
			end, _, _ := strings.Cut(rest, " ")
			n += hex(tb, end) - hex(tb, begin)
		}
	}
	return n
}

func hex(tb testing.TB, text string) (n int) {
	tb.Helper()
	for _, c := range text {
		n = n<<4 | strings.IndexRune("0123456789abcdef", c)
	}
	return n
}

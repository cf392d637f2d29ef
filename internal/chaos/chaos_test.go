//go:build linux

package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// site is a lab with senders, and everything that may be killed in it.
type site struct {
	*lab
	store   string
	senders []*proc
	ids     []uuid.UUID
	victims []*proc
	links   []string // hosts whose link may be cut or slowed
	// wreck is another way to harm the site than a kill; nil for none. It returns what it did.
	wreck func() string
}

// sender starts one on a host of its own.
func (s *site) sender(token string, rate int) {
	s.t.Helper()
	host := fmt.Sprintf("a%d", len(s.senders)+1)
	s.host(host)
	id := uuid.Must(uuid.NewV4())
	p := s.start("agent", host, "sender", "-dir", s.path(host), "-monitor", id.String(), "-token", token, "-rate", fmt.Sprint(rate))
	s.senders, s.ids = append(s.senders, p), append(s.ids, id)
	s.victims, s.links = append(s.victims, p), append(s.links, host)
}

// tally counts what was done to a site, by kind.
type tally map[string]int

func (c tally) String() string {
	var kinds []string
	for k, n := range c {
		kinds = append(kinds, fmt.Sprintf("%d %s", n, k))
	}
	slices.Sort(kinds)
	return strings.Join(kinds, ", ")
}

// harm kills, cuts, slows and wrecks until so many programs have been killed. Everything runs again and every link is whole when it returns.
func (s *site) harm(kills int) tally {
	s.t.Helper()
	done := tally{}
	var mends []func()
	mend := func() {
		for _, m := range mends {
			m()
		}
		mends = nil
	}
	defer mend()
	var deck []int // each is killed once before any is killed again
	for n := 0; n < kills; {
		switch k := s.rng.IntN(12); {
		case k == 0 && len(mends) == 0:
			mends = append(mends, s.cut(s.links[s.rng.IntN(len(s.links))]))
			done["links cut"]++
		case k == 1 && len(mends) == 0:
			mends = append(mends, s.slow(s.links[s.rng.IntN(len(s.links))]))
			done["links slowed"]++
		case k <= 4 && s.wreck != nil:
			done[s.wreck()]++
			n++
		case k <= 5:
			mend()
		default:
			if len(deck) == 0 {
				deck = s.rng.Perm(len(s.victims))
			}
			p := s.victims[deck[0]]
			deck = deck[1:]
			if !p.kill() {
				err, _ := p.ended(0)
				s.t.Fatalf("%s on %s had ended by itself: %v", p.kind, p.host, err)
			}
			done[p.kind+" killed"]++
			n++
			s.within(0, time.Second)
			p.restart()
		}
		s.within(100*time.Millisecond, 1200*time.Millisecond)
	}
	return done
}

// drained tells the senders to make no more, and waits until the collector has all.
func (s *site) drained(within time.Duration) bool {
	for _, p := range s.senders {
		p.cmd.Process.Signal(syscall.SIGTERM)
	}
	all := true
	for deadline := time.Now().Add(within); len(s.senders) > 0; {
		p := s.senders[0]
		s.senders = s.senders[1:]
		err, ended := p.ended(time.Until(deadline))
		if !ended {
			all = false
		} else if err != nil {
			s.t.Fatalf("%s on %s: %v", p.kind, p.host, err)
		}
	}
	return all
}

// judge compares what the senders made with what the store has.
func (s *site) judge() (v verdict, longest time.Duration) {
	s.t.Helper()
	made := map[identity]uint64{}
	for i, id := range s.ids {
		ms, err := claims(s.path(fmt.Sprintf("a%d", i+1), "log"), id.String(), made)
		if err != nil {
			s.t.Fatal(err)
		}
		longest = max(longest, time.Duration(ms)*time.Millisecond)
	}
	v, err := check(s.store, made)
	if err != nil {
		s.t.Fatal(err)
	}
	return v, longest
}

// drainTime is how long everything may take to arrive when nothing is harmed any more: elections, and waits of the agents as long as what
// they went through.
const drainTime = 2 * time.Minute

// ordeal harms a site, lets it recover, and returns the checker's verdict and a line of the closing table.
func (s *site) ordeal(name string, kills int) (verdict, string) {
	s.t.Helper()
	began := time.Now()
	done := s.harm(kills)
	harmed := time.Since(began)
	drained := s.drained(drainTime)
	recovered := time.Since(began) - harmed
	v, longest := s.judge()
	if !drained {
		v.note("not all was durable within %v", drainTime)
		v.lost++
	}
	line := fmt.Sprintf("%-18s made %d, stored %d, lost %d, doubled %d, renumbered %d, corrupted %d, unclaimed %d; %v; %.0f s, %.0f records/s, all durable %.1f s after the last, longest stall %.1f s",
		name, v.made, v.stored, v.lost, v.doubled, v.renumbered, v.corrupted, v.unclaimed, done, harmed.Seconds(),
		float64(v.made)/harmed.Seconds(), recovered.Seconds(), longest.Seconds())
	return v, line
}

// oneNode is a site of two senders and a collector that is all in one.
func oneNode(t *testing.T, bin string, seed uint64) *site {
	l := newLab(t, bin, seed)
	s := &site{lab: l}
	address, state := l.host("c"), l.path("c")
	s.store = filepath.Join(state, "store")
	c := l.start("collector", "c", "argus-collector", "run", "--state", state, "--listen", ":4561", "--advertise", address+":4561", "--commit-interval", "500ms", "--rate", "0")
	var token string
	await.Event(l.t, 20*time.Second, "a token", func() bool {
		var err error
		token, err = l.run("c", "argus-collector", "token", "create", "--state", state, "--address", address+":4561")
		return err == nil
	})
	s.sender(token, 500)
	s.sender(token, 1000)
	s.victims = append(s.victims, c)
	s.wreck = func() string {
		c.kill()
		if err := os.RemoveAll(filepath.Join(state, "journal")); err != nil {
			t.Fatal(err)
		}
		c.restart()
		return "collector killed and its journal lost"
	}
	return s
}

// TestOneNode harms a collector that is all in one, whose journal is lost now and then: the agents still have what was in it.
func TestOneNode(t *testing.T) {
	t.Parallel()
	seed := number(t, "SEED", 1)
	s := oneNode(t, build(t, ""), seed)
	v, line := s.ordeal("one node", int(number(t, "KILLS", 40))/3)
	t.Logf("chaos: %s (seed %d)", line, seed)
	if !v.good() || v.made < 1000 {
		t.Errorf("%s", strings.Join(v.examples, "\n"))
	}
}

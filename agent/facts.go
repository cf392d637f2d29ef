package agent

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

const (
	maxFactList = 32             // addresses in one fact
	factBurst   = 64             // facts told between two status records; the others wait
	factsAgain  = 24 * time.Hour // after which all are told again: a collector does not keep them for ever
	walkShare   = 1000           // looking for processes takes at most this part of one core
)

// The kinds of the events that tell facts, and what happened to those.
const (
	kindInterface, kindListener                            = "interface", "listener"
	factPresent, factAppeared, factChanged, factDisappears = "present", "appeared", "changed", "gone"
)

// fact is one thing that is told when it is other than before.
type fact struct {
	key  string
	body []byte // what makes it another one
	tell Event  // without Change and its word in the text
}

// facts tells which interfaces the host has and which processes listen: at the start, when that changes, and once a day.
type facts struct {
	emit  func(Event)
	now   func() time.Time
	walk  func([]platform.Listener) (map[uint64]platform.Process, error)
	mu    sync.Mutex // guards what follows
	links []fact     // of the interfaces

	sockets []platform.Listener // when the processes were last looked for
	owned   []fact              // of them
	walkAt  time.Time           // the next time it may be done again
	unknown string              // why not all is known

	told    map[string]fact
	began   bool      // the first round is over: what comes then appeared
	toldAt  time.Time // when telling began anew
	allowed int       // facts that may be told until the next status record
}

func newFacts(emit func(Event)) *facts {
	return &facts{emit: emit, now: time.Now, walk: platform.Owners, told: make(map[string]fact), allowed: factBurst}
}

// network takes the interfaces as they are now, and the short names of those that are metered.
func (f *facts) network(list []platform.Interface, short map[int]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.links = interfaceFacts(list, short)
}

// look takes who listens now, nil when that is not known, and tells what is new. With each status record refill is set.
func (f *facts) look(listening []platform.Listener, refill bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if refill {
		f.allowed = factBurst
	}
	if now.Sub(f.toldAt) >= factsAgain {
		f.told, f.toldAt, f.began = make(map[string]fact), now, false
	}
	if listening != nil {
		f.find(listening, now)
	}
	f.tell(slices.Concat(f.links, f.owned))
}

// why tells why not everything is known of who listens, "" when it is.
func (f *facts) why() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unknown
}

// tell tells how the facts differ from those told, as many as are allowed; the rest comes next time.
func (f *facts) tell(facts []fact) {
	there := make(map[string]bool, len(facts))
	for i := range facts {
		x := &facts[i]
		there[x.key] = true
		old, known := f.told[x.key]
		switch {
		case known && bytes.Equal(old.body, x.body):
		case known:
			f.one(x, factChanged)
		case f.began:
			f.one(x, factAppeared)
		default:
			f.one(x, factPresent)
		}
	}
	for _, key := range sortedKeys(f.told) {
		if x := f.told[key]; !there[key] {
			f.one(&x, factDisappears)
		}
	}
	if f.allowed > 0 {
		f.began = true
	}
}

func sortedKeys(m map[string]fact) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// one tells x, if it is allowed.
func (f *facts) one(x *fact, change string) {
	if f.allowed == 0 {
		return
	}
	f.allowed--
	e := x.tell
	e.Change = change
	e.Text = strings.TrimSuffix(change+": "+e.Text, ": ")
	f.emit(e)
	if change == factDisappears {
		delete(f.told, x.key)
	} else {
		f.told[x.key] = *x
	}
}

// find looks for the processes of the sockets when these are others than before, not more often than a small part of one core allows.
func (f *facts) find(sockets []platform.Listener, now time.Time) {
	if slices.Equal(sockets, f.sockets) || now.Before(f.walkAt) {
		return
	}
	began := time.Now()
	defer func() { f.walkAt = now.Add(walkShare * time.Since(began)) }()
	owners, err := f.walk(sockets)
	f.unknown = ""
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		f.sockets, f.unknown = nil, err.Error()
		return
	}
	if n := len(sockets) - len(owners); err != nil {
		f.unknown = err.Error()
	} else if n > 0 {
		f.unknown = fmt.Sprintf("the processes of %d of %d listening sockets are not known: looking into those of others needs root, or CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, and the kernel's own have none", n, len(sockets))
	}
	f.sockets, f.owned = sockets, processFacts(sockets, owners)
}

package pki

import (
	"errors"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Monitors that wait and were never enrolled have a place of their own, which strangers can fill, up to maxWaiting.
const (
	pendingPrefix = "pending/"
	maxWaiting    = 10_000
	// One that has not asked for waitingLife makes room when there is none.
	waitingLife = 7 * 24 * time.Hour
	// sweepEvery is how often those are looked for, one by one.
	sweepEvery = 10 * time.Minute
	// askedEvery is how often it is written down that one asks again.
	askedEvery = time.Hour
)

func pendingName(id uuid.UUID) string { return pendingPrefix + id.String() }

// wait keeps a key for approval and returns the refusal that says so.
func (a *Authority) wait(r *request, known bool) error {
	name := pendingName(r.id)
	if known {
		name = monitorName(r.id)
	} else if err := a.room(r.id); err != nil {
		return err
	}
	m, err := update(a.state, name, func(m *Monitor, _ bool) error {
		now := a.now().UTC()
		if m.Pending == r.key && now.Sub(m.Asked) < askedEvery {
			return errSame
		}
		if m.Key == "" { // a stranger changes nothing of a host that is enrolled
			m.ID = r.id
			m.facts(r.facts)
		}
		m.Pending, m.Asked = r.key, now
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errSame):
		return err
	case m.Key != "":
		return refuse(StatusConflict, "monitor %s is enrolled with another key (a clone, or installed anew?), key %.16s waits: approve it with: argus-collector hosts approve %s", r.id, r.key, r.id)
	}
	return refuse(StatusPending, "monitor %s with key %.16s waits for approval: approve it with: argus-collector hosts approve %s", r.id, r.key, r.id)
}

// waitingCount is how many monitors wait, counted at most every recheck.
type waitingCount struct {
	mu      sync.Mutex
	ids     map[string]bool
	counted time.Time
	swept   time.Time
}

// room refuses one more monitor that waits when there are too many, after those that gave up have been removed.
func (a *Authority) room(id uuid.UUID) error {
	w := &a.waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.now().Sub(w.counted) >= recheck {
		if err := a.countWaiting(); err != nil {
			return err
		}
	}
	if !w.ids[pendingName(id)] && len(w.ids) >= maxWaiting {
		return refuse(StatusFull, "too many monitors wait for approval: enrol with a token, or have some approved or rejected")
	}
	w.ids[pendingName(id)] = true
	return nil
}

// countWaiting counts those that wait. The caller holds a.waiting.mu.
func (a *Authority) countWaiting() error {
	names, err := a.state.List(pendingPrefix)
	if err != nil {
		return err
	}
	w := &a.waiting
	w.ids, w.counted = map[string]bool{}, a.now()
	sweep := len(names) >= maxWaiting && w.counted.Sub(w.swept) >= sweepEvery
	if sweep {
		w.swept = w.counted
	}
	for _, name := range names {
		if sweep {
			m, _, err := load[Monitor](a.state, name)
			if err == nil && a.now().Sub(m.Asked) > waitingLife && a.state.Remove(name) == nil {
				continue
			}
		}
		w.ids[name] = true
	}
	return nil
}

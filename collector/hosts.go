package collector

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/account"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/gofrs/uuid/v5"
)

// HostState is how a host is.
type HostState string

// The states, the worst first. A host is in the first one that is true of it.
const (
	HostCloned       HostState = "clone?"       // two lives of a spool deliver in turn: two machines with one identity
	HostInconsistent HostState = "inconsistent" // a sum in what its agent says does not close
	HostBlind        HostState = "blind"        // its agent lives and ships nothing, or does not see an interface that it is to meter
	HostSilent       HostState = "silent"       // nothing is heard of it
	HostUnknown      HostState = "unknown"      // the store has records of it, and the authority does not know it
	HostPending      HostState = "pending"      // it waits for approval, or has not come for its certificate since
	HostStopped      HostState = "stopped"      // its agent was stopped in order
	HostRevoked      HostState = "revoked"      // it is refused
	HostImported     HostState = "imported"     // its records are from files
	HostUp           HostState = "up"
)

// HostStates returns all states, the worst first.
func HostStates() []HostState {
	return []HostState{HostCloned, HostInconsistent, HostBlind, HostSilent, HostUnknown, HostPending, HostStopped, HostRevoked, HostImported, HostUp}
}

// cloneMemory is for how long a host counts as a clone after two lives of it came in turn.
const cloneMemory = 24 * time.Hour

// maxSkew is the difference of two clocks that is told.
const maxSkew = 5 * time.Second

// Host is a monitor as the collector knows it: what it says of itself, whether it may send, what came, and what is missing.
type Host struct {
	Monitor     uuid.UUID    `json:"monitor"`
	Name        string       `json:"name"`
	OS          string       `json:"os"`
	Arch        string       `json:"arch"`
	Version     string       `json:"version"` // of its agent when it last reported, else when it enrolled
	Labels      pki.Labels   `json:"labels"`
	Origin      string       `json:"origin,omitempty"` // radium, import: how its records came; empty of one that is an agent, or was
	State       HostState    `json:"state"`
	Why         string       `json:"why,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"` // of the key that it has, or that waits
	Enrolled    time.Time    `json:"enrolled,omitzero"`     // first certificate
	First       time.Time    `json:"first,omitzero"`        // when its first and its last batch came, of the best origin
	Last        time.Time    `json:"last,omitzero"`
	Heard       time.Time    `json:"heard,omitzero"` // when it was last heard, be it only that it asked
	Records     uint64       `json:"records"`
	Lost        uint64       `json:"lost"`     // sequences that never came
	Sequence    uint64       `json:"sequence"` // the last one of the latest epoch
	Complete    Completeness `json:"complete"`
	Epochs      []HostEpoch  `json:"epochs,omitempty"`

	trust trust
	quiet bool // no report of it has been stored for longer than it may
	gaps  []Gap
}

// HostEpoch is how far one life of a monitor's spool has come.
type HostEpoch struct {
	Epoch    string    `json:"epoch"`
	Sequence uint64    `json:"sequence"`
	Records  uint64    `json:"records"`
	Lost     uint64    `json:"lost"`
	Repeated uint64    `json:"repeated"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Origin   string    `json:"origin,omitempty"` // radium, import; empty: an agent
}

// trust is how well it is known who has sent records: an agent has a certificate, a sensor whoever says so, a file is of any time.
type trust int

const (
	fromFiles trust = iota + 1
	fromSensor
	fromAgent
)

func trustOf(origin string) trust {
	switch origin {
	case store.Import:
		return fromFiles
	case store.Radium:
		return fromSensor
	}
	return fromAgent
}

// Hosts returns what is known of all hosts, by name. It works with and without a running collector; without one, what was heard
// and not stored does not count.
func Hosts(ctx context.Context, p *Place, q Query) ([]Host, error) {
	monitors, err := monitorsOf(ctx, p)
	if err != nil {
		return nil, err
	}
	seen, err := Seen(ctx, p)
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return nil, err
	}
	b, err := readBooks(ctx, p, &q)
	if err != nil {
		return nil, err
	}
	hosts := meet(monitors, b.marks)
	if err := q.known(hosts); err != nil {
		return nil, err
	}
	var list []Host
	for id, h := range hosts {
		if !q.wants(h) {
			continue
		}
		if b.conditions[id].Sensor && h.trust == fromAgent {
			delete(b.conditions, id)
		}
		c := b.conditions[id]
		if !c.Sensor {
			h.Version = cmp.Or(c.Version, h.Version)
		}
		h.Heard = latest(seen[id], h.Last, c.Received)
		h.judge(monitors[id], &c, &q)
		h.gaps, h.Complete = b.gapsOf(h, &q)
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b Host) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), bytes.Compare(a.Monitor[:], b.Monitor[:]))
	})
	return list, nil
}

func monitorsOf(ctx context.Context, p *Place) (map[uuid.UUID]*pki.Monitor, error) {
	authority, err := p.FindAuthority(ctx)
	if errors.Is(err, fs.ErrNotExist) { // a place without agents, into which files were imported
		if v, none := p.OpenView(ctx); none == nil {
			return nil, v.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	defer authority.Close()
	list, err := authority.Monitors()
	monitors := make(map[uuid.UUID]*pki.Monitor, len(list))
	for i := range list {
		monitors[list[i].ID] = &list[i]
	}
	return monitors, err
}

// meet puts together what the authority and the store know.
func meet(monitors map[uuid.UUID]*pki.Monitor, marks []store.Mark) map[uuid.UUID]*Host {
	hosts := make(map[uuid.UUID]*Host, len(monitors))
	for id, m := range monitors {
		hosts[id] = &Host{Monitor: id, Name: m.Name, OS: m.OS, Arch: m.Arch, Version: m.Version, Labels: m.Labels, Fingerprint: m.Fingerprint(), Enrolled: m.Enrolled,
			trust: fromAgent}
	}
	for _, m := range marks {
		h := hosts[m.Monitor]
		if h == nil {
			h = &Host{Monitor: m.Monitor, Name: sensorName(m.Monitor)}
			hosts[m.Monitor] = h
		}
		h.add(&m)
	}
	return hosts
}

// sensorName returns the identity of a sensor that has no name: an address, a number or a word; empty when it is only a UUID.
func sensorName(host uuid.UUID) string {
	id := argus.HostID(host)
	if _, is := id.UUID(); is {
		return ""
	}
	return id.String()
}

func (q *Query) wants(h *Host) bool {
	return q.Only == nil || q.Only[h.Name] || q.Only[h.Monitor.String()]
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// add takes an epoch in. What others have in the name of an agent, or files in that of a sensor, does not make it be heard.
func (h *Host) add(m *store.Mark) {
	h.Records += m.Records
	h.Lost += m.Lost
	h.Epochs = append(h.Epochs, HostEpoch{m.Epoch.String(), m.Sequence, m.Records, m.Lost, m.Repeated, m.First, m.Last, m.Origin})
	switch t := trustOf(m.Origin); {
	case t < h.trust:
		return
	case t > h.trust:
		h.trust, h.Origin, h.First, h.Last = t, m.Origin, time.Time{}, time.Time{}
	}
	if h.First.IsZero() || m.First.Before(h.First) {
		h.First = m.First
	}
	if !m.Last.Before(h.Last) {
		h.Last, h.Sequence = m.Last, m.Sequence
	}
}

// judge finds the state of a host. m is nil when the authority does not know it.
func (h *Host) judge(m *pki.Monitor, c *account.Condition, q *Query) {
	limit := c.Quiet(q.Silent)
	h.quiet = q.Now.Sub(c.Received) > limit
	switch {
	case m == nil && h.Origin == store.Import:
		h.State, h.Why = HostImported, "its records are from files: nobody knows whether they are all"
	case m == nil && h.Origin == store.Radium:
		h.judgeSensor(c, q, limit)
	case m == nil:
		h.State, h.Why = HostUnknown, "it has no certificate of this authority"
	case m.Revoked:
		h.State = HostRevoked
	case m.Key == "" && m.Pending == "" && m.Rejected != "":
		h.State, h.Why = HostRevoked, "its key was turned down: "+m.Rejected
	case m.Pending != "":
		h.State, h.Why = HostPending, "a key waits for approval: "+m.Pending
	case h.Enrolled.IsZero() && h.Heard.IsZero():
		h.State, h.Why = HostPending, "approved, and it has not come for its certificate yet"
	case q.Now.Sub(latest(c.Cloned, m.Cloned)) < cloneMemory:
		h.State, h.Why = HostCloned, "two spools deliver in turn under this identity"
	case c.Stopped && h.Heard.Sub(c.Received) < limit: // not when it asks again, and what it says does not come
		h.State, h.Why = HostStopped, "since "+Ago(q.Now, c.Last)
	case q.Now.Sub(latest(h.Heard, h.Enrolled)) > limit:
		h.State, h.Why = HostSilent, "for "+Ago(q.Now, latest(h.Heard, h.Enrolled))
	case !h.Last.IsZero() && q.Now.Sub(h.Last) > limit:
		h.State, h.Why = HostBlind, "it asks, and nothing of it has been stored for "+Ago(q.Now, h.Last)
	case len(c.Blind()) > 0:
		h.State, h.Why = HostBlind, "not metered: "+strings.Join(c.Blind(), ", ")
	case c.Broken != "":
		h.State, h.Why = HostInconsistent, "does not close: "+c.Broken
	default:
		h.State, h.Why = HostUp, notes(h, c, q.Now)
	}
}

// judgeSensor finds the state of an Argus sensor from which radium collects.
func (h *Host) judgeSensor(c *account.Condition, q *Query, limit time.Duration) {
	h.Name = argus.HostID(h.Monitor).String()
	switch {
	case c.Stopped:
		h.State, h.Why = HostStopped, "since "+Ago(q.Now, c.Last)
	case q.Now.Sub(h.Heard) > limit:
		h.State, h.Why = HostSilent, "for "+Ago(q.Now, h.Heard)+", by way of radium"
	case c.First.IsZero():
		h.State, h.Why = HostUp, "it comes through another radium, which does not say how complete it is"
	default:
		h.State, h.Why = HostUp, "an Argus sensor: what it drops counts, what it never saw does not"
	}
}

// notes tells what is worth knowing of a host that is up.
func notes(h *Host, c *account.Condition, now time.Time) string {
	var list []string
	if h.Last.IsZero() {
		list = append(list, "has sent nothing yet")
	}
	if c.Degraded != "" {
		list = append(list, "spool in memory: "+c.Degraded)
	}
	if c.DecoderOff != "" && now.Before(c.OffUntil) {
		list = append(list, "decoder off: "+c.DecoderOff)
	}
	switch {
	case c.Skew > maxSkew:
		list = append(list, fmt.Sprintf("clock %v behind", c.Skew.Round(time.Second)))
	case c.Skew < -maxSkew:
		list = append(list, fmt.Sprintf("clock %v ahead", -c.Skew.Round(time.Second)))
	}
	return strings.Join(list, "; ")
}

// Ago returns the time from then to now with as much precision as a reader wants: 45s, 12m, 3h20m, 5d.
func Ago(now, then time.Time) string {
	switch d := now.Sub(then); {
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", max(d, 0).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
}

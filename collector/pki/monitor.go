package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// Labels are an operator's own words on a token; a monitor that enrols with it keeps them.
type Labels struct {
	Site  string `json:"site,omitempty"`
	Group string `json:"group,omitempty"`
	Label string `json:"label,omitempty"`
}

// Monitor is what the authority knows of a monitor. What a monitor says of itself is printable and short, and no more than a claim.
type Monitor struct {
	ID       uuid.UUID `json:"id"`
	Name     string    `json:"name"` // host name, as the monitor says
	OS       string    `json:"os"`
	Arch     string    `json:"arch"`
	Version  string    `json:"version"`
	Key      string    `json:"key,omitempty"`      // fingerprint of the public key that it may use
	Pending  string    `json:"pending,omitempty"`  // fingerprint of another one that waits for approval
	Rejected string    `json:"rejected,omitempty"` // fingerprint of the one that an operator turned down last
	Enrolled time.Time `json:"enrolled,omitzero"`  // first certificate
	Issued   time.Time `json:"issued,omitzero"`    // latest certificate
	Issuer   string    `json:"issuer,omitempty"`   // fingerprint of the authority that signed it
	Asked    time.Time `json:"asked,omitzero"`     // when the key that waits was last shown, to an hour
	Revoked  bool      `json:"revoked,omitempty"`
	Labels

	Epochs []string  `json:"epochs,omitempty"` // the latest that it delivered, newest last
	Cloned time.Time `json:"cloned,omitzero"`  // when two were last seen to alternate, to an hour: two hosts with one certificate
}

// Fingerprint is that of the key on which a decision is due or was taken last: what argus-endpoint status prints on the host.
func (m *Monitor) Fingerprint() string {
	for _, key := range []string{m.Pending, m.Key, m.Rejected} {
		if key != "" {
			return key
		}
	}
	return ""
}

// facts are what a monitor says of itself when it enrols.
type facts struct{ name, os, arch, version string }

func (m *Monitor) facts(f facts) { m.Name, m.OS, m.Arch, m.Version = f.name, f.os, f.arch, f.version }

const monitorsPrefix = "monitors/"

func monitorName(id uuid.UUID) string { return monitorsPrefix + id.String() }

// Monitors returns all monitors, in the order of their IDs, also those that have never been more than waiting.
func (a *Authority) Monitors() ([]Monitor, error) {
	var list []Monitor
	add := func(m *Monitor) { list = append(list, *m) }
	err := each(a.state, monitorsPrefix, add)
	if err == nil {
		err = each(a.state, pendingPrefix, add)
	}
	slices.SortStableFunc(list, func(x, y Monitor) int { return strings.Compare(x.ID.String(), y.ID.String()) })
	// One that was approved a moment ago is in both places, the enrolled one first.
	return slices.CompactFunc(list, func(x, y Monitor) bool { return x.ID == y.ID }), err
}

// Find returns the only monitor that text means: its UUID, its name, or the beginning of its key's fingerprint (8 digits or more).
func (a *Authority) Find(text string) (Monitor, error) {
	list, err := a.Monitors()
	if err != nil {
		return Monitor{}, err
	}
	id, err := uuid.FromString(text)
	isID := err == nil
	var found []Monitor
	for _, m := range list {
		switch {
		case isID && m.ID == id:
			return m, nil
		case isID:
		case m.Name != "" && strings.EqualFold(m.Name, text), len(text) >= 8 && m.hasKey(strings.ToLower(text)):
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return Monitor{}, fmt.Errorf("no host has the UUID, the name or the key %q: see argus-collector hosts", text)
	case 1:
		return found[0], nil
	}
	var b strings.Builder
	for _, m := range found[:min(len(found), 5)] {
		fmt.Fprintf(&b, "\n  %s  %s  key %.16s", m.ID, m.Name, m.Fingerprint())
	}
	return Monitor{}, fmt.Errorf("%d hosts are meant by %q, name one by its UUID:%s", len(found), text, b.String())
}

func (m *Monitor) hasKey(prefix string) bool {
	return slices.ContainsFunc([]string{m.Key, m.Pending, m.Rejected}, func(key string) bool { return strings.HasPrefix(key, prefix) })
}

// Approve lets the monitor use the key that waits, or that was rejected, or the old one again after a revocation.
func (a *Authority) Approve(id uuid.UUID) error {
	return a.decide(id, func(m *Monitor) error {
		switch {
		case m.Pending != "":
			m.Key = m.Pending
		case m.Key == "" && m.Rejected != "":
			m.Key = m.Rejected
		case !m.Revoked:
			return fmt.Errorf("monitor %s does not wait for approval", id)
		}
		if m.Rejected == m.Key {
			m.Rejected = ""
		}
		m.Pending, m.Revoked, m.Asked = "", false, time.Time{}
		return nil
	})
}

// Reject turns down the key that waits: it is refused when it asks again, and the monitor's present key stays.
func (a *Authority) Reject(id uuid.UUID) error {
	return a.decide(id, func(m *Monitor) error {
		if m.Pending == "" {
			return fmt.Errorf("monitor %s does not wait for approval: to refuse one that is enrolled, revoke it", id)
		}
		m.Rejected, m.Pending = m.Pending, ""
		return nil
	})
}

// Revoke refuses the monitor from now on: its certificate, its renewals and new enrolments.
func (a *Authority) Revoke(id uuid.UUID) error {
	return a.decide(id, func(m *Monitor) error {
		m.Revoked = true
		return nil
	})
}

// decide changes the record of a monitor. A decision makes a monitor that only waited one that is known.
func (a *Authority) decide(id uuid.UUID, change func(*Monitor) error) error {
	waits, _, err := load[Monitor](a.state, pendingName(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	waited := err == nil
	_, err = update(a.state, monitorName(id), func(m *Monitor, exists bool) error {
		if !exists && !waited {
			return fmt.Errorf("monitor %s is not known here: see argus-collector hosts", id)
		}
		if !exists {
			*m = waits
		}
		return change(m)
	})
	if err == nil && waited {
		err = a.state.Remove(pendingName(id))
	}
	return err
}

// keptEpochs is how many epochs of a monitor are remembered: more than clones of it are likely to be.
const keptEpochs = 4

// cloneMemory is how long a monitor stays flagged without being looked at again.
const cloneMemory = time.Hour

var errSame = errors.New("nothing to write")

// Delivers notes that a monitor delivers an epoch. One that comes back after another has begun tells of two hosts with one
// certificate (a cloned disk), or of a spool that was put back: the monitor is flagged, and goes on.
func (a *Authority) Delivers(id uuid.UUID, epoch wire.Epoch) error {
	_, err := update(a.state, monitorName(id), func(m *Monitor, exists bool) error {
		name := epoch.String()
		known := slices.Index(m.Epochs, name)
		switch {
		case !exists, known >= 0 && known == len(m.Epochs)-1, a.now().Sub(m.Cloned) < cloneMemory:
			return errSame
		case known >= 0:
			m.Cloned = a.now().UTC()
			m.Epochs = slices.Delete(m.Epochs, known, known+1)
		}
		m.Epochs = append(m.Epochs, name)
		m.Epochs = m.Epochs[max(0, len(m.Epochs)-keptEpochs):]
		return nil
	})
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}

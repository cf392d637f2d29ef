package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Monitor is what the authority knows of a monitor.
type Monitor struct {
	ID       uuid.UUID `json:"id"`
	Name     string    `json:"name"` // host name, as the monitor says
	OS       string    `json:"os"`
	Arch     string    `json:"arch"`
	Version  string    `json:"version"`
	Key      string    `json:"key,omitempty"`     // SHA-256 of the public key that it may use
	Pending  string    `json:"pending,omitempty"` // SHA-256 of another one that waits for approval
	Enrolled time.Time `json:"enrolled,omitzero"` // first certificate
	Issued   time.Time `json:"issued,omitzero"`   // latest certificate
	Revoked  bool      `json:"revoked,omitempty"`
}

// maxPending bounds the monitors that wait for approval without a token, which anyone can cause.
const maxPending = 10_000

// Monitors returns all monitors, in the order of their IDs.
func (a *Authority) Monitors() ([]Monitor, error) {
	var list []Monitor
	err := a.each("monitors", func(id string) error {
		var m Monitor
		err := a.readJSON(path.Join("monitors", id+".json"), &m)
		if err == nil {
			list = append(list, m)
		}
		return err
	})
	return list, err
}

// Approve lets the monitor use the key that waits, or the old one again after a revocation.
func (a *Authority) Approve(id uuid.UUID) error {
	return a.alter(id, func(m *Monitor) error {
		if m.Pending == "" && !m.Revoked {
			return fmt.Errorf("monitor %s does not wait for approval", id)
		}
		if m.Pending != "" {
			m.Key, m.Pending = m.Pending, ""
		}
		m.Revoked = false
		return nil
	})
}

// Revoke refuses the monitor from now on: its certificate, its renewals and new enrolments.
func (a *Authority) Revoke(id uuid.UUID) error {
	return a.alter(id, func(m *Monitor) error {
		m.Revoked = true
		return nil
	})
}

func (a *Authority) alter(id uuid.UUID, fn func(*Monitor) error) error {
	end, err := a.begin()
	if err != nil {
		return err
	}
	defer end()
	m, err := a.monitor(id)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("monitor %s is not known here: see the list of hosts", id)
	}
	if err != nil {
		return err
	}
	if err := fn(&m); err != nil {
		return err
	}
	return a.writeJSON(monitorFile(id), m)
}

func (a *Authority) monitor(id uuid.UUID) (m Monitor, err error) {
	err = a.readJSON(monitorFile(id), &m)
	return m, err
}

func monitorFile(id uuid.UUID) string { return path.Join("monitors", id.String()+".json") }

// cachedMonitor saves a busy monitor the reading of its file for each request.
type cachedMonitor struct {
	Monitor
	read time.Time
}

// recheck is how long an answer about a monitor is good: a revocation counts after that at the latest.
const recheck = time.Second

// cached returns the monitor as its file was less than recheck ago.
func (a *Authority) cached(id uuid.UUID) (Monitor, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if c, ok := a.verified[id]; ok && now.Sub(c.read) < recheck {
		return c.Monitor, nil
	}
	m, err := a.monitor(id)
	if err != nil {
		delete(a.verified, id)
		return m, err
	}
	a.verified[id] = cachedMonitor{m, now}
	return m, nil
}

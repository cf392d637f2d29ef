package collector

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/gofrs/uuid/v5"
)

// Host is a monitor as the collector knows it: what it says of itself, whether it may send, and what came.
type Host struct {
	Monitor  uuid.UUID   `json:"monitor"`
	Name     string      `json:"name"`
	OS       string      `json:"os"`
	Arch     string      `json:"arch"`
	Version  string      `json:"version"`
	State    string      `json:"state"`             // enrolled, pending or revoked
	Enrolled time.Time   `json:"enrolled,omitzero"` // first certificate
	First    time.Time   `json:"first,omitzero"`    // when its first and its last batch came
	Last     time.Time   `json:"last,omitzero"`
	Records  uint64      `json:"records"`
	Lost     uint64      `json:"lost"`     // sequences that never came
	Sequence uint64      `json:"sequence"` // the last one of the latest epoch
	Epochs   []HostEpoch `json:"epochs,omitempty"`
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
}

// Hosts returns what a collector's place says of all monitors, by name. It works with and without a running collector.
func Hosts(ctx context.Context, p *Place) ([]Host, error) {
	hosts := map[uuid.UUID]*Host{}
	authority, err := p.FindAuthority(ctx)
	if err != nil {
		return nil, err
	}
	defer authority.Close()
	monitors, err := authority.Monitors()
	if err != nil {
		return nil, err
	}
	for _, m := range monitors {
		h := &Host{Monitor: m.ID, Name: m.Name, OS: m.OS, Arch: m.Arch, Version: m.Version, State: "enrolled", Enrolled: m.Enrolled}
		switch {
		case m.Revoked:
			h.State = "revoked"
		case m.Pending != "":
			h.State = "pending"
		}
		hosts[m.ID] = h
	}
	marks, err := readMarks(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, m := range marks {
		h := hosts[m.Monitor]
		if h == nil {
			h = &Host{Monitor: m.Monitor, State: "unknown"}
			hosts[m.Monitor] = h
		}
		h.add(&m)
	}
	var list []Host
	for _, h := range hosts {
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b Host) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), bytes.Compare(a.Monitor[:], b.Monitor[:]))
	})
	return list, nil
}

func readMarks(ctx context.Context, p *Place) ([]store.Mark, error) {
	v, err := p.OpenView(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the collector has not run yet
	}
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return v.Marks(), nil
}

func (h *Host) add(m *store.Mark) {
	if h.First.IsZero() || m.First.Before(h.First) {
		h.First = m.First
	}
	if !m.Last.Before(h.Last) {
		h.Last, h.Sequence = m.Last, m.Sequence
	}
	h.Records += m.Records
	h.Lost += m.Lost
	h.Epochs = append(h.Epochs, HostEpoch{m.Epoch.String(), m.Sequence, m.Records, m.Lost, m.Repeated, m.First, m.Last})
}

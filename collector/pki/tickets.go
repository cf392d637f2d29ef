package pki

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"time"
)

// ticketKey encrypts session tickets, by which a monitor that comes back saves both sides the signatures: after a restart of a receiver,
// and at another one.
type ticketKey struct {
	Key  [32]byte  `json:"key"`
	Made time.Time `json:"made"`
}

type ticketValue struct {
	Keys []ticketKey `json:"keys"` // the newest, which encrypts, first
}

const (
	ticketsName = "tickets"
	ticketLife  = 24 * time.Hour
	keptTickets = 3
)

// ticketKeys returns the keys of session tickets and their revision, after adding one when the newest has been in use for a day.
func (a *Authority) ticketKeys() ([][32]byte, uint64, error) {
	v, revision, err := load[ticketValue](a.state, ticketsName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	now := a.now()
	if len(v.Keys) == 0 || now.Sub(v.Keys[0].Made).Abs() >= ticketLife { // also when it was made by a clock that was wrong
		k := ticketKey{Made: now.UTC()}
		rand.Read(k.Key[:]) // never fails since Go 1.24
		v.Keys = append([]ticketKey{k}, v.Keys[:min(len(v.Keys), keptTickets-1)]...)
		err := store(a.state, ticketsName, v, revision)
		if err != nil && !errors.Is(err, fs.ErrExist) { // another process may have been faster: then there are its keys
			return nil, 0, err
		}
		if v, revision, err = load[ticketValue](a.state, ticketsName); err != nil {
			return nil, 0, err
		}
	}
	var keys [][32]byte
	for _, k := range v.Keys {
		keys = append(keys, k.Key)
	}
	return keys, revision, nil
}

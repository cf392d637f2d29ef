package pki

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"
)

// State keeps small values by name, for all processes that work on one authority: a folder, or the cluster's key-value
// bucket. A name is of lower-case letters, digits and hyphens, with at most one slash: "ca", "monitors/<uuid>". A value is JSON
// of at most 64 KiB. A method may be called from several goroutines.
type State interface {
	// Get returns a value and its revision, which is never 0 and is another one after every change of the value; fs.ErrNotExist
	// when there is none.
	Get(name string) (value []byte, revision uint64, err error)
	// Put replaces the value that has the revision, 0 for none, and returns its new revision when it is durable;
	// fs.ErrExist when there is another one by now.
	Put(name string, value []byte, revision uint64) (uint64, error)
	// Remove removes a value. One that is not there is no error.
	Remove(name string) error
	// List returns the names of all values whose names begin with prefix, which ends with the slash, in any order.
	List(prefix string) ([]string, error)
}

var errDamaged = errors.New("is damaged, restore it from a backup or remove it to start over with that entry")

// load reads a value.
func load[T any](s State, name string) (v T, revision uint64, err error) {
	text, revision, err := s.Get(name)
	if err != nil {
		return v, 0, err
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, 0, fmt.Errorf("%q %w: %w", name, errDamaged, err)
	}
	return v, revision, nil
}

// store writes a value.
func store(s State, name string, v any, revision uint64) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = s.Put(name, append(text, '\n'), revision)
	return err
}

// update lets change alter a value, of which exists tells whether there is one yet, and writes it, again from the start whenever another
// process has been faster. An error of change ends it without writing.
func update[T any](s State, name string, change func(v *T, exists bool) error) (T, error) {
	for try := 0; ; try++ {
		v, revision, err := load[T](s, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return v, err
		}
		if err := change(&v, err == nil); err != nil {
			return v, err
		}
		err = store(s, name, v, revision)
		if err == nil || !errors.Is(err, fs.ErrExist) || try == maxTries {
			return v, err
		}
		time.Sleep(rand.N(time.Millisecond << min(try, 6)))
	}
}

// maxTries is more than any number of processes can make one wait that write one value in turn.
const maxTries = 200

// each calls fn with every value below prefix, except those that are removed meanwhile.
func each[T any](s State, prefix string, fn func(*T)) error {
	names, err := s.List(prefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		v, _, err := load[T](s, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		fn(&v)
	}
	return nil
}

package pki

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// Authority is a certificate authority over a State. Its methods may be called from several goroutines, and several
// processes may work on one State: what one changes counts for all others after recheck.
type Authority struct {
	state State
	now   func() time.Time

	cas     atomic.Pointer[authorities]
	casRead atomic.Int64 // when cas was last compared with State, in Unix nanoseconds
	reading sync.Mutex   // held by the one that compares

	use sync.Mutex // held while a token is counted, so that one process does not compete with itself

	verified verdicts
	waiting  waitingCount
}

// recheck is how long anything that was read is taken for true: a revocation counts after that at the latest.
const recheck = 2 * time.Second

// Open opens the authority that is in s, and makes it when there is none.
func Open(s State) (*Authority, error) {
	a := &Authority{state: s, now: time.Now}
	if err := a.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("certificate authority: %w", err), a.Close())
	}
	return a, nil
}

// Close closes the State, if it can be.
func (a *Authority) Close() error {
	if c, ok := a.state.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (a *Authority) open() error {
	err := a.read()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	enrolled, err := a.state.List(monitorsPrefix)
	if err != nil {
		return err
	}
	if len(enrolled) > 0 {
		return fmt.Errorf("its key is lost (%q): restore it from a backup, or remove all of %q too to begin anew: every monitor must enrol again", caName, monitorsPrefix)
	}
	c, err := newCA(a.now())
	if err != nil {
		return err
	}
	// Another process may do the same at this moment (a collector's first start beside the first token): the first one counts.
	if err := a.put([]ca{c}, 0); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return a.read()
}

const caName = "ca"

// read takes over what State says of the authorities.
func (a *Authority) read() error {
	text, revision, err := a.state.Get(caName)
	if err != nil {
		return err
	}
	if old := a.cas.Load(); old == nil || old.revision != revision {
		var v caValue
		err := json.Unmarshal(text, &v)
		var cas *authorities
		if err == nil {
			cas, err = parseAuthorities(v, revision)
		}
		if err != nil {
			return fmt.Errorf("%q is damaged: %w; restore it from a backup: with a new one every monitor must enrol again", caName, err)
		}
		a.cas.Store(cas)
	}
	a.casRead.Store(a.now().UnixNano())
	return nil
}

// authorities returns the authorities as they were at most recheck ago, or longer while State does not answer.
func (a *Authority) authorities() *authorities {
	if a.past(&a.casRead, recheck) && a.reading.TryLock() {
		defer a.reading.Unlock()
		if a.read() != nil {
			a.casRead.Store(a.now().UnixNano()) // what is known stays true; not asked again at once
		}
	}
	return a.cas.Load()
}

// latestAuthorities returns the authorities as they are now, or were a moment ago: nobody can make it read State all the time.
func (a *Authority) latestAuthorities() *authorities {
	a.reading.Lock()
	defer a.reading.Unlock()
	if a.past(&a.casRead, recheck/20) && a.read() != nil {
		a.casRead.Store(a.now().UnixNano())
	}
	return a.cas.Load()
}

// past tells that something was at least age ago, or is still to come: the clock was set back.
func (a *Authority) past(at *atomic.Int64, age time.Duration) bool {
	passed := a.now().UnixNano() - at.Load()
	return passed < 0 || passed >= int64(age)
}

func (a *Authority) put(list []ca, revision uint64) error {
	var v caValue
	for _, c := range list {
		e, err := c.entry()
		if err != nil {
			return err
		}
		v.Authorities = append(v.Authorities, e)
	}
	return store(a.state, caName, v, revision)
}

// Fingerprint is the SHA-256 of the authority's certificate that tokens carry.
func (a *Authority) Fingerprint() [sha256.Size]byte {
	return sha256.Sum256(a.authorities().server().cert.Raw)
}

// Bundle is the hexadecimal SHA-256 of EnrollResponse.CA as it would be given now.
func (a *Authority) Bundle() string {
	return wire.Fingerprint(a.authorities().bundle)
}

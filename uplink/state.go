package uplink

import (
	"time"

	"go.uber.org/zap"
)

// State says how delivery stands.
type State string

// The states of a Client.
const (
	StateNoCollector State = "no collector" // nobody has said where to deliver
	StateConnecting  State = "connecting"
	StatePending     State = "pending"  // waiting for an operator's approval
	StateUp          State = "up"       // the last answer was good
	StateWaiting     State = "waiting"  // the last attempt failed; another follows
	StateRejected    State = "rejected" // the collector does not accept this monitor
)

// Stats is what a Client has done since it was made.
type Stats struct {
	State     State
	Reason    string    // why the state is not up
	Since     time.Time // of the state
	Collector string    // the address in use or tried last

	Batches, Records uint64    // taken by the collector; repeated ones count again
	Sent             uint64    // records taken by the collector, repeated ones once
	Bytes            uint64    // octets of bodies sent, compressed
	Attempts         uint64    // connections or requests that failed
	Quarantined      uint64    // batches that the collector will never take
	BadAnswers       uint64    // answers that make no sense; nothing was freed on their word
	RolledBack       uint64    // times the spool's folder was found to have gone back in time
	Connections      uint64    // made
	NotAfter         time.Time // end of the certificate, zero without one

	Key      string // wire.Fingerprint of the monitor's key, "" before there is one
	KeyStore string // where that key is: "file" or "tpm"
	CA       string // wire.Fingerprint of each CA that the collector is known by, with spaces between them
	Proxy    string // the proxy of the last request, without its password
}

// Stats returns the counters.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Connections = c.own.count()
	return s
}

// describe takes what the identity is into the statistics.
func (c *Client) describe() {
	key, store := c.id.keyFingerprint()
	c.count(func(s *Stats) {
		s.Key, s.KeyStore, s.CA = key, store, c.id.authorities()
		if c.id.cert != nil {
			s.NotAfter = c.id.cert.Leaf.NotAfter
		}
	})
}

// A state is logged when it is new, but at most once in logEvery, and again after logAgain if it lasts or comes back for the same reason.
const (
	logEvery = time.Minute
	logAgain = time.Hour
)

// logLine is what was last logged of a state.
type logLine struct {
	reason string
	at     time.Time
}

func (l logLine) covers(reason string) bool {
	age := time.Since(l.at)
	return age < logEvery || reason == l.reason && age < logAgain
}

// enter records a state and logs it when it is new.
func (c *Client) enter(state State, reason string) {
	c.mu.Lock()
	old := c.stats
	c.stats.State, c.stats.Reason = state, reason
	if old.State != state {
		c.stats.Since = time.Now()
	}
	quiet := state == StateConnecting || old.State == state && state == StateUp || c.logged[state].covers(reason)
	if !quiet {
		c.logged[state] = logLine{reason, time.Now()}
	}
	c.mu.Unlock()
	if quiet {
		return
	}
	fields := []zap.Field{zap.String("code", "uplink-"+string(state)), zap.String("collector", old.Collector)}
	if reason != "" {
		fields = append(fields, zap.String("reason", reason))
	}
	if state == StateUp {
		c.c.Log.Info("delivering to the collector", fields...)
	} else {
		c.c.Log.Warn("not delivering: "+string(state), fields...)
	}
}

func (c *Client) count(f func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}

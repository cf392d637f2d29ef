package uplink

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// Queue is where records wait: a *spool.Spool.
type Queue interface {
	Epoch() uint64
	Wait() <-chan struct{}
	Ready() (records uint64, octets int64)
	Lease(maxBytes, maxRecords int) (spool.Batch, bool)
	Commit(epoch, durable uint64) error
	Rewind()
	Resume(epoch, durable uint64) (rolledBack bool)
	Quarantine(b spool.Batch, header []byte) error
	Unacknowledged() (epoch uint64, ok bool)
	Stats() spool.Stats
}

// Config says who delivers what to whom. Dir, Monitor, Queue and Preamble are needed, the rest has defaults.
type Config struct {
	Token      string   // enrolment token; its collectors follow Collectors
	Collectors []string // host:port; tried in this order
	// Discover is asked for a token and collectors at start and after each Wake, as long as no token is configured; configured collectors stay.
	// When it knows none either, an enrolled client goes back to the collector of its certificate.
	Discover func(context.Context) (token string, collectors []string)
	// Domains returns the search domains whose SRV records _argus-collector._tcp are asked for when no collector is known; nil: none are.
	Domains func() []string
	// CA is the SHA-256 of the CA certificate of a collector that a monitor without a token may enrol at. Zero: one that the system's
	// authorities vouch for, or else the first one seen, which is kept and never replaced by another.
	CA [sha256.Size]byte

	Dir           string // identity: key.pem, cert.pem, ca.pem, collectors; made with mode 0700
	Monitor       uuid.UUID
	KeyStore      string // where a new key is made: "file", "tpm" or "tpm:" and the TPM's device; "file"
	Name, Version string // of the host, and of this program

	Queue    Queue
	Preamble func([]byte) []byte // appends the START management record that begins every body

	BatchRecords  int           // a batch is sent at this many records, 200
	BatchBytes    int           // or octets, 64 KiB
	BatchInterval time.Duration // or this long after the first of them, 30 s
	Spread        time.Duration // the first attempt comes at a random time within it; 0 for one host, 60 s in a fleet

	Proxy func(*http.Request) (*url.URL, error) // http.ProxyFromEnvironment
	Log   *zap.Logger

	renewals  time.Duration                          // least time between two renewals, and other CA certificates are fetched within it: 1 h
	moved     time.Duration                          // collectors that are away for longer may have moved, 10 min
	gap       time.Duration                          // least time between attempts, 1 s: a network may change many times a second
	transport func(address string) http.RoundTripper // tests answer themselves
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Dir == "":
		return c, errors.New("uplink: no folder for the identity")
	case c.Monitor.IsNil():
		return c, errors.New("uplink: no monitor id")
	case c.Queue == nil || c.Preamble == nil:
		return c, errors.New("uplink: no queue or no preamble")
	}
	c.KeyStore = cmp.Or(c.KeyStore, storeFile)
	c.BatchRecords = cmp.Or(max(c.BatchRecords, 0), 200)
	c.BatchBytes = cmp.Or(max(c.BatchBytes, 0), 64<<10)
	c.BatchInterval = cmp.Or(max(c.BatchInterval, 0), 30*time.Second)
	c.renewals, c.moved, c.gap = cmp.Or(c.renewals, time.Hour), cmp.Or(c.moved, 10*time.Minute), cmp.Or(c.gap, time.Second)
	if c.Proxy == nil {
		c.Proxy = http.ProxyFromEnvironment
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if err := CheckKeyStore(c.KeyStore); err != nil {
		return c, err
	}
	for _, a := range c.Collectors {
		if err := wire.CheckAddress(a); err != nil {
			return c, err
		}
	}
	if c.Token != "" {
		if _, err := wire.ParseToken(c.Token); err != nil {
			return c, err
		}
	}
	return c, nil
}

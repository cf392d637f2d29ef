package collector

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// DefaultPort is where agents find a collector: Argus's own port, moved above those that need privileges.
const DefaultPort = 4561

// Config is what a Server is made of.
type Config struct {
	Place                         // where everything is kept
	Receive, Write bool           // the roles: without a cluster both, or one that only writes what comes by its local socket
	Listen         string         // host:port for agents; an empty host is every address
	Advertise      []string       // host:port under which agents reach this collector; empty: its host name and the port of Listen
	CommitInterval time.Duration  // records are in Parquet after this long, or earlier
	JournalBytes   int64          // what may wait for the store, in all shards, before agents are told to wait
	Streams        int            // shards of a cluster's journal; the first collector that uses the cluster decides
	Rate           int            // records a second of one agent, 0: no limit
	TrustProxy     []netip.Prefix // balancers that tell an agent's address by the PROXY protocol
	Keep           time.Duration  // how long records are kept, 0: for ever
	KeepBytes      int64          // what the Parquet files take at most, 0: as much as there is
	Columns        store.Config
	Feed           Feed // where Argus tools get what arrives
}

// DefaultConfig returns the settings of a collector that nobody has configured.
func DefaultConfig() Config {
	return Config{
		Place:          Place{State: "/var/lib/argus-collector"},
		Receive:        true,
		Write:          true,
		Listen:         net.JoinHostPort("", strconv.Itoa(DefaultPort)),
		CommitInterval: 30 * time.Second, // as long as the contract allows
		JournalBytes:   4 << 30,          // about 70 million records
		Streams:        8,
		Rate:           2000,
	}
}

// Check tells what is wrong with c and what to do about it.
func (c *Config) Check() error {
	if err := c.Place.Check(); err != nil {
		return err
	}
	if !c.Write && !c.Clustered() {
		return errors.New("a receiver of its own shares a NATS cluster with writers: name it with --nats")
	}
	if c.Write && c.Clustered() && c.Store == "" {
		return errNoStore
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen address %q is not host:port: %w", c.Listen, err)
	}
	for _, a := range c.Advertise {
		if err := wire.CheckAddress(a); err != nil {
			return fmt.Errorf("advertise: %w", err)
		}
	}
	if c.CommitInterval < 100*time.Millisecond || c.CommitInterval > wire.PollInterval*2 {
		return fmt.Errorf("commit interval %v is not between 100ms and %v", c.CommitInterval, wire.PollInterval*2)
	}
	if c.JournalBytes < 64<<20 {
		return fmt.Errorf("journal size of %d octets is below 64 MiB", c.JournalBytes)
	}
	if c.Streams < 1 || c.Streams > journal.MaxShards {
		return fmt.Errorf("%d streams are not 1 to %d", c.Streams, journal.MaxShards)
	}
	if c.Rate < 0 {
		return fmt.Errorf("rate %d is below 0", c.Rate)
	}
	if c.Keep < 0 || c.KeepBytes < 0 {
		return errors.New("what is kept can't be below 0")
	}
	return c.Feed.Check()
}

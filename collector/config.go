package collector

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// DefaultPort is where agents find a collector: Argus's own port, moved above those that need privileges.
const DefaultPort = 4561

// Config is what a Server is made of.
type Config struct {
	Place                        // where everything is kept
	Listen         string        // host:port for agents; an empty host is every address
	Advertise      []string      // host:port under which agents reach this collector; empty: its host name and the port of Listen
	CommitInterval time.Duration // records are in Parquet after this long, or earlier
	JournalBytes   int64         // what may wait for the store before agents are told to wait
	Rate           int           // records a second of one agent, 0: no limit
	Columns        store.Config
}

// DefaultConfig returns the settings of a collector that nobody has configured.
func DefaultConfig() Config {
	return Config{
		Place:          Place{State: "/var/lib/argus-collector"},
		Listen:         net.JoinHostPort("", strconv.Itoa(DefaultPort)),
		CommitInterval: 30 * time.Second, // as long as the contract allows
		JournalBytes:   4 << 30,          // about 70 million records
		Rate:           2000,
	}
}

// Check tells what is wrong with c and what to do about it.
func (c *Config) Check() error {
	if err := c.Place.Check(); err != nil {
		return err
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
	if c.Rate < 0 {
		return fmt.Errorf("rate %d is below 0", c.Rate)
	}
	return nil
}

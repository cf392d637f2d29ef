package collector

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/platform"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// DefaultPort is where agents find a collector: Argus's own port, moved above those that need privileges.
const DefaultPort = 4561

// Config is what a Server is made of.
type Config struct {
	State          string        // folder of everything that is kept
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
		State:          "/var/lib/argus-collector",
		Listen:         net.JoinHostPort("", strconv.Itoa(DefaultPort)),
		CommitInterval: 30 * time.Second, // as long as the contract allows
		JournalBytes:   4 << 30,          // about 70 million records
		Rate:           2000,
	}
}

// Check tells what is wrong with c and what to do about it.
func (c *Config) Check() error {
	if c.State == "" {
		return errors.New("the state folder is empty: give one with --state")
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

// The parts of a state folder.
const (
	pkiDir     = "pki"
	journalDir = "journal"
	storeDir   = "store"
	socketFile = "admin.sock"
	lockFile   = "lock"
)

// OpenAuthority opens the certificate authority of a state folder, and makes both when they are not there.
func OpenAuthority(state string) (*pki.Authority, error) {
	if err := os.MkdirAll(state, 0o750); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	info, err := os.Stat(state)
	if err == nil {
		err = platform.CheckFolder(info)
	}
	if err != nil {
		return nil, fmt.Errorf("state folder %s: %w", state, err)
	}
	return pki.Open(filepath.Join(state, pkiDir))
}

// FindAuthority opens the certificate authority of a state folder that has one.
func FindAuthority(state string) (*pki.Authority, error) {
	if _, err := os.Stat(filepath.Join(state, pkiDir)); err != nil {
		return nil, fmt.Errorf("no collector's state in %s (give its folder with --state): %w", state, err)
	}
	return pki.Open(filepath.Join(state, pkiDir))
}

// StoreDir returns the folder of the Parquet files of a state folder.
func StoreDir(state string) string { return filepath.Join(state, storeDir) }

package agent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/platform"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// Config is what can be said to an agent. Its zero configuration is DefaultConfig: everything works without being told.
type Config struct {
	Interfaces []string // names to meter; empty: every root interface, as they come and go
	Collectors []string // host:port, tried in this order; empty: those of the token
	Token      string   // enrolment token; empty: the token file of the state or the configuration folder
	CA         string   // SHA-256 of the CA of Collectors, in hexadecimal; empty: what the system trusts, or the first one seen
	Discover   bool     // without Collectors and Token, SRV records of the search domains are asked for
	Proxy      string   // URL; "none": no proxy; empty: HTTPS_PROXY, or what the system has set
	KeyStore   string   // where the monitor's key is made: "file", "tpm", "tpm:DEVICE"
	State      string   // the state folder
	File       string   // the configuration file that was read, "" for none
	BadFile    string   // what is wrong with it, when the last good one was used instead
	MonitorID  string   // ARGUS_MONITOR_ID; empty: the host's own UUID

	Promiscuous bool   // frames for others are captured too
	Filter      string // only flows that this expression of argus/filter chooses are kept

	StatusInterval time.Duration // an active flow reports this often
	MARInterval    time.Duration // the agent reports on itself this often
	Timeouts       flow.Timeouts // a flow is forgotten after this silence
	BatchInterval  time.Duration // a record waits at most this long for its batch to fill

	TunnelParsing   bool     // the flow of a packet in a tunnel is the inner one; else the tunnel's
	DNSTransactions bool     // each query on UDP port 53 is a flow of its own, with its answer
	UserData        int      // octets of payload kept of each side in each record
	FlowHash        bool     // records carry the flow hash of Argus
	Label           []string // KEY=VALUE, in the order of importance: what every flow record says beside its flow
	MaxFlows        int      // open flows of all interfaces together; 0: what the machine's memory allows

	Feed         []string // where live flows are served to Argus 5 tools, see feed.ParseListen; none: nowhere
	FeedV3       []string // the same for tools of the Argus 3 line
	Push         []string // URLs of listeners that get the flows by UDP, see feed.ParsePush
	OutputFile   []string // files to which the records are appended too
	OutputFileV3 []string // likewise, of version 3

	SpoolSize int64  // octets of disk that records may take while the collector is away
	LogLevel  string // debug, info, warn or error

	// Ready is called once, when metering has begun or it is known why nothing can be metered, with a function that tells
	// whether every loop of the agent still moves: else what hangs. It may be nil.
	Ready func(alive func() error)
}

// DefaultConfig returns the settings of an agent that nobody has configured.
func DefaultConfig() Config {
	return Config{
		State:          platform.DefaultDirs().State,
		StatusInterval: flow.DefaultConfig().StatusInterval,
		MARInterval:    time.Minute,      // as the Argus sensor; radium and ra wait for two of them
		BatchInterval:  30 * time.Second, // a batch of 100 records has most of what compression gives
		TunnelParsing:  true,
		Discover:       true,
		KeyStore:       "file",
		SpoolSize:      256 << 20, // 12 h at 100 records/s, 5 days at 10/s
		LogLevel:       "info",
	}
}

// check completes what the flags could not.
func (c *Config) check() error {
	if slices.Contains(c.Interfaces, anyInterface) {
		c.Interfaces = nil
	}
	if c.State == "" {
		return fmt.Errorf("the state folder has no name: give --state, or leave it out to use %s", platform.DefaultDirs().State)
	}
	if _, err := monitorID(c.MonitorID); err != nil {
		return err
	}
	if err := c.checkLabel(); err != nil {
		return err
	}
	if _, err := filter.Parse([]string{c.Filter}); err != nil {
		return fmt.Errorf("which flows to keep: %w", err)
	}
	for _, a := range c.Collectors {
		if err := wire.CheckAddress(a); err != nil {
			return err
		}
	}
	if c.Token != "" {
		if _, err := wire.ParseToken(c.Token); err != nil {
			return err
		}
	}
	return cmp.Or(c.checkTimeouts(), c.checkNumbers(), c.checkUplink(), c.checkFeeds())
}

// checkNumbers tells which number is out of its bounds.
func (c *Config) checkNumbers() error {
	if c.SpoolSize < minSpool {
		return fmt.Errorf("a spool of %d octets is too small: give at least %d (1M)", c.SpoolSize, minSpool)
	}
	if c.UserData < 0 || c.UserData > maxUserData {
		return fmt.Errorf("capture-data-len of %d: want 0 to %d octets", c.UserData, maxUserData)
	}
	if c.MaxFlows != 0 && (c.MaxFlows < leastFlows || c.MaxFlows > maxMaxFlows) {
		return fmt.Errorf("max-flows of %d: want %d to %d, or 0 for what the machine's memory allows", c.MaxFlows, leastFlows, maxMaxFlows)
	}
	for _, i := range []struct {
		flag  string
		value time.Duration
	}{{"flow-status-interval", c.StatusInterval}, {"mar-status-interval", c.MARInterval}, {"batch-interval", c.BatchInterval}} {
		if i.value < minInterval || i.value > maxInterval {
			return fmt.Errorf("%s of %s: want a time from %s to %s", i.flag, i.value, minInterval, maxInterval)
		}
	}
	return nil
}

const (
	minInterval = 100 * time.Millisecond
	maxInterval = 24 * time.Hour
	minSpool    = 1 << 20
	maxUserData = 1 << 10 // octets of each side
	maxMaxFlows = 1 << 24 // about 8 GB
)

// table returns what the flow tables are to do.
func (c *Config) table() flow.Config {
	t := flow.DefaultConfig()
	t.StatusInterval, t.UserData, t.Timeouts = c.StatusInterval, c.UserData, c.Timeouts
	return t
}

// capture returns what is to be captured of each frame: the headers, and the payload that is asked for.
func (c *Config) capture() (o capture.Options) {
	o.Promiscuous = c.Promiscuous
	if c.UserData > 0 {
		o.SnapLen = headers + c.UserData
	}
	return o
}

// headers is the room for those of a frame, those of tunnels included, where user data is wanted behind them: octets.
const headers = 512

// Wants tells whether the interface is to be metered, and why not.
func (c *Config) Wants(in *platform.Interface) (bool, string) {
	switch {
	case len(c.Interfaces) == 0:
		return in.Meter, in.Reason
	case !slices.Contains(c.Interfaces, in.Name):
		return false, "not among the chosen interfaces (" + strings.Join(c.Interfaces, ", ") + ")"
	case !in.Up:
		return false, "down"
	}
	return true, ""
}

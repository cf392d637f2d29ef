package agent

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3"
	"go.uber.org/zap/zapcore"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/platform"
)

// ConfigFile is the configuration file that is read when it exists and no other is named.
func ConfigFile() string {
	return filepath.Join(platform.DefaultDirs().Config, "argus-endpoint.conf")
}

// Flags defines the flags that set c. Their names are those of argus.conf's settings in lower case, with dashes.
func (c *Config) Flags(set *flag.FlagSet) {
	c.StateFlags(set)
	set.Var(&list{to: &c.Interfaces, read: readInterfaces}, "interface",
		"meter only these `names` (repeat it, or separate by commas); all interfaces when left out")
	set.Var(&list{to: &c.Collectors, read: readList}, "collector", "deliver to `host:port` (repeat it, or separate by commas)")
	set.StringVar(&c.Token, "token", c.Token, "enrol with this `token`: it names the collector and proves the right to join")
	set.StringVar(&c.CA, "collector-ca", c.CA, "without a token, the SHA-256 `fingerprint` of the collector's CA (argus-collector ca show)")
	set.Var((*yesNo)(&c.Discover), "discover", "without token and collector, look for one in DNS, SRV _argus-collector._tcp: `yes|no`")
	set.StringVar(&c.Proxy, "proxy", c.Proxy, "reach the collector by this proxy `URL`, or none; by default HTTPS_PROXY or what the system has set")
	set.StringVar(&c.KeyStore, "key-store", c.KeyStore, "make the host's key in a `store`: file, tpm or tpm:DEVICE")
	set.Var((*yesNo)(&c.Promiscuous), "go-promiscuous", "capture frames for other hosts too, as on a mirror port: `yes|no`")
	set.StringVar(&c.Filter, "filter", c.Filter, "keep only the flows that this `expression` chooses, in ra's words (argus-endpoint flows --help)")
	c.MeterFlags(set)
	c.feedFlags(set)
	set.Var((*seconds)(&c.MARInterval), "mar-status-interval", "the agent reports on itself every `seconds`")
	set.Var((*seconds)(&c.BatchInterval), "batch-interval", "a record waits at most `seconds` for its batch to fill")
	set.Var((*size)(&c.SpoolSize), "spool-size", "keep at most this `size` of records while the collector is away (K, M, G)")
	set.Var((*level)(&c.LogLevel), "log-level", "log at this `level`: debug, info, warn or error")
}

// MeterFlags defines the flags of what records are made and what is in them.
func (c *Config) MeterFlags(set *flag.FlagSet) {
	set.StringVar(&c.MonitorID, "monitor-id", c.MonitorID, "be this `id` instead of the host's own UUID: a UUID, `hostuuid`, `hostname`, an IPv4 address, a number or a name")
	set.Var((*seconds)(&c.StatusInterval), "flow-status-interval", "an active flow reports every `seconds`")
	set.Var((*yesNo)(&c.TunnelParsing), "tunnel-parsing", "the flow of a packet in a tunnel is the inner one, else the tunnel's: `yes|no`")
	set.Var((*yesNo)(&c.DNSTransactions), "dns-transactions", "each DNS query on UDP is a flow of its own, with its answer: `yes|no`")
	set.IntVar(&c.UserData, "capture-data-len", c.UserData, "keep this `number` of octets of each side's payload in each record")
	set.Var((*yesNo)(&c.FlowHash), "generate-hash-metrics", "put the flow hash of Argus into records: `yes|no`")
	set.Var(&list{to: &c.Label, read: readLabel}, "label", "every record says `key=value` (repeat it, or separate by commas; the most important first)")
	c.timeoutFlags(set)
	set.IntVar(&c.MaxFlows, "max-flows", c.MaxFlows, "keep at most this `number` of flows open; by default what the machine's memory allows")
}

// StateFlags defines only the flags that a command needs which speaks to a running agent.
func (c *Config) StateFlags(set *flag.FlagSet) {
	set.StringVar(&c.State, "state", c.State, "the `folder` of identity, spool and local socket")
	set.StringVar(&c.File, "config", c.File, "read this `file` in argus.conf syntax (default "+ConfigFile()+" if it exists)")
}

// Load fills what the parsed command line left unset from the environment (ARGUS_...), then from the configuration file,
// and checks the whole. Settings of the file that have no flag in set go to warn. A service whose file has become bad goes on
// with the last good one, and Config.BadFile says why.
func (c *Config) Load(set *flag.FlagSet, warn func(message string)) error {
	named := false
	set.Visit(func(f *flag.Flag) { named = named || f.Name == "config" })
	if _, inEnv := os.LookupEnv("ARGUS_CONFIG"); !named && !inEnv {
		if _, err := os.Stat(ConfigFile()); err == nil {
			c.File = ConfigFile()
		} else if !errors.Is(err, fs.ErrNotExist) {
			warn(fmt.Sprintf("the configuration file is not used: %v", err))
		}
	}
	// The environment may name the file, so it is read first; the command line goes before both.
	if err := ff.Parse(set, nil, ff.WithEnvVarPrefix("ARGUS")); err != nil {
		return cli.Usagef("%w", err)
	}
	if c.File != "" {
		file := c.File
		if good := filepath.Join(c.State, goodConfig); platform.Service() {
			if err := tryFile(file); err != nil && tryFile(good) == nil {
				c.BadFile, file = err.Error(), good
			}
		}
		err := ff.Parse(set, nil, ff.WithConfigFile(file), ff.WithConfigFileParser(cli.ConfFile(set, warn, argusConf(warn))))
		if err != nil {
			return cli.Usagef("%w", err)
		}
	}
	if err := c.check(); err != nil {
		return cli.Usagef("%w", err)
	}
	return nil
}

// goodConfig is a copy in the state folder of the configuration file with which the agent last started.
const goodConfig = "config.good"

// tryFile tells what is wrong with a configuration file.
func tryFile(path string) error {
	c := DefaultConfig()
	set := flag.NewFlagSet("", flag.ContinueOnError)
	c.Flags(set)
	if err := ff.Parse(set, nil, ff.WithConfigFile(path), ff.WithConfigFileParser(cli.ConfFile(set, func(string) {}, argusConf(func(string) {})))); err != nil {
		return err
	}
	return c.check()
}

// keepGood keeps the configuration file, an empty one where there is none, for the day when it is bad.
func (c *Config) keepGood(state *os.Root) error {
	if c.BadFile != "" {
		return nil
	}
	var b []byte
	if c.File != "" {
		var err error
		if b, err = os.ReadFile(c.File); err != nil {
			return fmt.Errorf("keep the configuration: %w", err)
		}
	}
	if old, err := state.ReadFile(goodConfig); err == nil && bytes.Equal(old, b) {
		return nil
	}
	return platform.WriteFile(state, goodConfig, b, 0o600)
}

// list is a flag that may be repeated and takes several values at once. The first use replaces the default.
type list struct {
	to   *[]string
	read func(string) []string
	used bool
}

func (l *list) String() string {
	if l.to == nil {
		return ""
	}
	return strings.Join(*l.to, ",")
}

func (l *list) Set(text string) error {
	if !l.used {
		*l.to, l.used = nil, true
	}
	for _, s := range l.read(text) {
		if !slices.Contains(*l.to, s) {
			*l.to = append(*l.to, s)
		}
	}
	return nil
}

// readList reads values that commas or spaces separate.
func readList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// readLabel reads pairs that commas separate: a value may have spaces.
func readLabel(text string) (pairs []string) {
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair != "" {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// readInterfaces reads the value of ARGUS_INTERFACE.
func readInterfaces(text string) []string {
	names, _ := interfaceNames(text)
	return names
}

// seconds is a flag that takes a number of seconds, as Argus does, or a time with its unit.
type seconds time.Duration

func (s *seconds) String() string {
	return strconv.FormatFloat(time.Duration(*s).Seconds(), 'g', -1, 64)
}

func (s *seconds) Set(text string) error {
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 && n <= maxInterval.Seconds() {
		*s = seconds(n * float64(time.Second))
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("want a number of seconds up to one day, or a time such as 30s or 2m")
	}
	*s = seconds(d)
	return nil
}

// yesNo is a flag that takes yes and no, as Argus does, or what Go takes for a truth value.
type yesNo bool

func (y *yesNo) String() string {
	if *y {
		return "yes"
	}
	return "no"
}

func (y *yesNo) Set(text string) error {
	switch strings.ToLower(text) {
	case "yes", "true", "1", "on":
		*y = true
	case "no", "false", "0", "off":
		*y = false
	default:
		return errors.New("want yes or no")
	}
	return nil
}

// size is a flag that takes octets, with K, M or G for powers of 1024.
type size int64

func (s *size) String() string {
	if *s != 0 && *s%(1<<20) == 0 {
		return strconv.FormatInt(int64(*s)>>20, 10) + "M"
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *size) Set(text string) error {
	text, shift := strings.ToUpper(strings.TrimSpace(text)), 0
	if n := len(text); n > 0 {
		if i := strings.IndexByte("KMG", text[n-1]); i >= 0 {
			text, shift = text[:n-1], 10*(i+1)
		}
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 0 || v > (1<<62)>>shift {
		return errors.New("want a number of octets such as 268435456, 512K, 256M or 2G")
	}
	*s = size(v << shift)
	return nil
}

// level is a flag that takes the name of a log level.
type level string

func (l *level) String() string { return string(*l) }

func (l *level) Set(text string) error {
	if _, err := zapcore.ParseLevel(text); err != nil {
		return errors.New("want debug, info, warn or error")
	}
	*l = level(strings.ToLower(text))
	return nil
}

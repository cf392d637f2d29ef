package agent

import (
	"compress/gzip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// Every setting of Argus 3 and 5 has a row in docs/argus-conf.md, which says what the code does with it.
func TestTableOfSettings(t *testing.T) {
	b, err := os.ReadFile("../docs/argus-conf.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| ARGUS_([A-Z_]+) \| ([35, ]+) \| ([a-z ]+) \|`).FindAllStringSubmatch(string(b), -1) {
		if rows[m[1]] != "" {
			t.Errorf("ARGUS_%s has two rows", m[1])
		}
		rows[m[1]] = m[3]
		if five := m[2] == "5"; five != isFive(m[1]) {
			t.Errorf("ARGUS_%s: of Argus %s in the table", m[1], m[2])
		}
	}
	if len(rows) < 60 {
		t.Fatalf("%d rows", len(rows))
	}
	c := DefaultConfig()
	set := flag.NewFlagSet("", flag.ContinueOnError)
	c.Flags(set)
	for name, says := range rows {
		if does := verdict(set, name); does != says {
			t.Errorf("ARGUS_%s: %s in the table, %s in the code", name, says, does)
		}
	}
	for _, v := range argusVariables {
		if rows[v.name] == "" {
			t.Errorf("ARGUS_%s is not in the table", v.name)
		}
	}
	for i := 1; i < len(argusVariables); i++ {
		if argusVariables[i-1].name >= argusVariables[i].name {
			t.Errorf("%s stands behind %s", argusVariables[i].name, argusVariables[i-1].name)
		}
	}
}

func find(name string) *variable {
	i := slices.IndexFunc(argusVariables[:], func(v variable) bool { return v.name == name })
	if i < 0 {
		return nil
	}
	return &argusVariables[i]
}

func isFive(name string) bool {
	v := find(name)
	return v != nil && v.five
}

// verdict says what the code does with a setting, in the words of the table.
func verdict(set *flag.FlagSet, name string) string {
	v, own := find(name), set.Lookup(cli.FlagName(name)) != nil
	switch {
	case v == nil && own || v != nil && v.to != nil && own:
		return "honoured"
	case v == nil:
		return "unknown"
	case v.to != nil && v.name != "MIN_SSF" && v.name != "MAX_SSF":
		return "mapped"
	case v.fits == "*" || v.why == alwaysThere:
		return "as always"
	}
	return "no effect"
}

// Debian's argus knows no setting that we do not.
func TestDebianKnowsNoOther(t *testing.T) {
	b, err := os.ReadFile("/usr/sbin/argus")
	if err != nil {
		needs(t, "/usr/sbin/argus", "argus-server")
	}
	found := regexp.MustCompile(`ARGUS_([A-Z_]+)=`).FindAllSubmatch(b, -1)
	if len(found) < 40 {
		t.Fatalf("%d settings in the program", len(found))
	}
	c := DefaultConfig()
	set := flag.NewFlagSet("", flag.ContinueOnError)
	c.Flags(set)
	for _, m := range found {
		if name := string(m[1]); verdict(set, name) == "unknown" {
			t.Errorf("ARGUS_%s is unknown", name)
		}
	}
}

func needs(t *testing.T, what, pkg string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: apt-get install %s", what, pkg)
	}
	t.Skipf("skipped: %s is missing (apt-get install %s)", what, pkg)
}

// The file that Debian installs, and its example with every setting switched on.
func TestDebianArgusConf(t *testing.T) {
	installed, err := os.ReadFile("/etc/argus.conf")
	if err != nil {
		needs(t, "/etc/argus.conf", "argus-server")
	}
	c, warnings, err := load(t, nil, nil, string(installed))
	want := DefaultConfig()
	want.File, want.StatusInterval, want.OutputFileV3 = c.File, 5*time.Second, []string{"/var/log/argus/argus.out"}
	if err != nil || len(warnings) != 0 || !reflect.DeepEqual(c, want) {
		t.Errorf("%+v\nwant %+v\n%v %q", c, want, err, warnings)
	}

	f, err := os.Open("/usr/share/doc/argus-server/examples/support/Config/argus.conf.gz")
	if err != nil {
		needs(t, "the example argus.conf", "argus-server")
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	example, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^#(ARGUS_[A-Z_]+=)`).ReplaceAllString(string(example), "$1")
	c, warnings, err = load(t, nil, nil, all)
	if err != nil || len(warnings) != 1 {
		t.Fatalf("%v, %d warnings %q", err, len(warnings), warnings)
	}
	for _, named := range []string{"ARGUS_FLOW_KEY=CLASSIC_5_TUPLE+LAYER_2", "ARGUS_CHROOT_DIR=/chroot_dir", "ARGUS_MIN_SSF=40", "ARGUS_ACCESS_PORT=561: not opened", "ARGUS_EVENT_DATA=file:/proc/vmstat:30s:compress"} {
		if !strings.Contains(warnings[0], named) {
			t.Errorf("the warning does not name %q: %s", named, warnings[0])
		}
	}
	if strings.Contains(warnings[0], "ARGUS_DAEMON") || strings.Contains(warnings[0], "unknown") {
		t.Error(warnings[0])
	}
	if c.Timeouts.TCP != time.Minute || c.UserData != 32 || !c.Promiscuous || c.MonitorID != `"en0"` || len(c.Feed)+len(c.FeedV3) != 0 || len(c.Push) != 1 || c.LogLevel != "info" {
		t.Errorf("%+v", c)
	}
}

// The files of the vectors.
func TestArgusConfOfBothVersions(t *testing.T) {
	const common = "ARGUS_FLOW_TYPE=\"Bidirectional\"\nARGUS_FLOW_KEY=\"CLASSIC_5_TUPLE\"\nARGUS_DAEMON=no\nARGUS_FLOW_STATUS_INTERVAL=5\n" +
		"ARGUS_MAR_STATUS_INTERVAL=60\nARGUS_CAPTURE_DATA_LEN=32\nARGUS_GENERATE_RESPONSE_TIME_DATA=yes\nARGUS_GENERATE_PACKET_SIZE=yes\n" +
		"ARGUS_GENERATE_JITTER_DATA=yes\nARGUS_GENERATE_MAC_DATA=yes\nARGUS_GENERATE_APPBYTE_METRIC=yes\nARGUS_GENERATE_TCP_PERF_METRIC=yes\n" +
		"ARGUS_GENERATE_BIDIRECTIONAL_TIMESTAMPS=yes\nARGUS_ACCESS_PORT=561\nARGUS_BIND_IP=\"::1,127.0.0.1\"\nARGUS_OUTPUT_STREAM=argus-udp://192.0.2.1:561\n"
	files := map[string]string{}
	if shared, err := filepath.Glob("../../shared/formats/argus-vectors/argus[35].conf"); err == nil {
		for _, path := range shared {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(path)] = string(b)
		}
	}
	for name, text := range files {
		if _, warnings, err := load(t, nil, nil, text); err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v %q", name, err, warnings)
		}
	}
	three := common + "ARGUS_MONITOR_ID=192.0.2.77\n"
	five := common + "ARGUS_MONITOR_ID=01234567-89ab-cdef-0123-456789abcdef\nARGUS_MONITOR_ID_INCLUDE_INF=yes\n"
	for _, c := range []struct {
		text string
		want func(*Config)
	}{
		{three, func(c *Config) {
			c.MonitorID, c.FeedV3, c.Push = "192.0.2.77", []string{"[::1]:561", "127.0.0.1:561"}, []string{"argus-udp://192.0.2.1:561?version=3"}
		}},
		{five, func(c *Config) {
			c.MonitorID, c.Feed, c.Push = "01234567-89ab-cdef-0123-456789abcdef", []string{"[::1]:561", "127.0.0.1:561"}, []string{"argus-udp://192.0.2.1:561"}
		}},
	} {
		got, warnings, err := load(t, nil, nil, c.text)
		want := DefaultConfig()
		want.File, want.UserData = got.File, 32
		c.want(&want)
		if err != nil || len(warnings) != 0 || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v\nwant %+v\n%v %q", got, want, err, warnings)
		}
	}
}

func TestArgusConf(t *testing.T) {
	for _, c := range []struct {
		text, warning string
		want          func(*Config)
	}{
		{"ARGUS_ACCESS_PORT=0", "", func(*Config) {}},
		{"ARGUS_ACCESS_PORT=562", "", func(c *Config) { c.FeedV3 = []string{"*:562"} }},
		{"ARGUS_BIND_IP=10.0.0.1\nARGUS_BIND_IP=10.0.0.2\nARGUS_ACCESS_PORT=561", "", func(c *Config) { c.FeedV3 = []string{"10.0.0.1:561", "10.0.0.2:561"} }},
		{"ARGUS_BIND_IP=10.0.0.1", "", func(*Config) {}},
		{"ARGUS_ACCESS_PORT=monitor", "not the number of a port", func(*Config) {}},
		{"ARGUS_ACCESS_PORT=561\nARGUS_MIN_SSF=40", "asks for SASL", func(*Config) {}},
		{"ARGUS_ACCESS_PORT=561\nARGUS_MIN_SSF=0\nARGUS_MAX_SSF=0", "", func(c *Config) { c.FeedV3 = []string{"*:561"} }},
		{"ARGUS_ACCESS_PORT=561\nARGUS_MONITOR_ID=`hostuuid`", "", func(c *Config) { c.Feed, c.MonitorID = []string{"*:561"}, "`hostuuid`" }},
		{"ARGUS_ACCESS_PORT=561\nARGUS_PACKET_SIZE_HISTOGRAM=yes", "", func(c *Config) { c.Feed = []string{"*:561"} }},
		{"ARGUS_ACCESS_PORT=561\nARGUS_TUNNEL_PARSING=no", "", func(c *Config) { c.FeedV3, c.TunnelParsing = []string{"*:561"}, false }}, // of Argus 3, and ours
		{"ARGUS_ACCESS_PORT=561\nARGUS_ACCESS_PORT=0\nARGUS_DEBUG_LEVEL=2\nARGUS_DEBUG_LEVEL=0\nARGUS_DAEMON=yes\nargus_daemon=no", "", func(*Config) {}},
		{"ARGUS_MIN_SSF=40\nARGUS_MIN_SSF=0\nARGUS_ACCESS_PORT=561", "", func(c *Config) { c.FeedV3 = []string{"*:561"} }},
		{"ARGUS_MONITOR_ID=\"\"\nARGUS_CHROOT_DIR=\"\"\nARGUS_OUTPUT_FILE=\nARGUS_OUTPUT_STREAM=\"\"\nARGUS_FLOW_STATUS_INTERVAL=\nARGUS_INTERFACE=\nARGUS_BIND_IP=", "", func(*Config) {}},
		{"ARGUS_INTERFACE=eth0\nARGUS_INTERFACE=eth1,eth0", "", func(c *Config) { c.Interfaces = []string{"eth0", "eth1"} }},
		{"ARGUS_INTERFACE=eth0\nARGUS_INTERFACE=any", "", func(*Config) {}},
		{"ARGUS_INTERFACE=any\ninterface=eth0", "", func(*Config) {}},
		{"ARGUS_OUTPUT_STREAM=argus-udp://h:1?version=5", "", func(c *Config) { c.Push = []string{"argus-udp://h:1?version=5"} }},
		{"ARGUS_CONFIG=/etc/argus.conf", "cannot name another", func(*Config) {}},
		{"ARGUS_OUTPUT_FILE=/var/a,b.out", "without commas", func(*Config) {}},
		{"ARGUS_OUTPUT_STREAM=\"argus-udp://h:1 'tcp and not udp'\"", "nothing is pushed", func(*Config) {}},
		{"ARGUS_OUTPUT_STREAM=argus-tcp://h:1", "argus-udp://host:port", func(*Config) {}},
		{"ARGUS_OUTPUT_FILE=/var/a.out\nARGUS_OUTPUT_FILE=\"/var/b.out\"", "", func(c *Config) { c.OutputFileV3 = []string{"/var/a.out", "/var/b.out"} }},
		{"ARGUS_OUTPUT_FILE=/var/a.out \"tcp\"", "nothing is written", func(*Config) {}},
		{"ARGUS_OUTPUT_FILE=-", "full name", func(*Config) {}},
		{"ARGUS_MONITOR_ID=\"en0\"", "", func(c *Config) { c.MonitorID = `"en0"` }},
		{"ARGUS_MONITOR_ID=\"2435\" // a string", "", func(c *Config) { c.MonitorID = `"2435"` }},
		{"ARGUS_MONITOR_ID=2435 // a number", "", func(c *Config) { c.MonitorID = "2435" }},
		{"ARGUS_DEBUG_LEVEL=0\nARGUS_KEYSTROKE=tcp\nARGUS_SET_PID=no\nARGUS_FILTER_OPTIMIZER=no", "", func(*Config) {}},
		{"ARGUS_DEBUG_LEVEL=4", "", func(c *Config) { c.LogLevel = "debug" }},
		{"ARGUS_LOG_DISPLAY_PRIORITY=4", "", func(c *Config) { c.LogLevel = "warn" }},
		{"ARGUS_LOG_DISPLAY_PRIORITY=5", "", func(c *Config) { c.LogLevel = "info" }},
		{"ARGUS_MONITOR_ID=\"`hostname`\"", "", func(c *Config) { c.MonitorID = "`hostname`" }},
		{"ARGUS_LOG_DISPLAY_PRIORITY=8", "from 0 to 7", func(*Config) {}},
		{"ARGUS_CAPTURE_DATA_LEN=4096", "1024 octets are kept", func(c *Config) { c.UserData = 1024 }},
		{"ARGUS_FLOW_STATUS_INTERVAL=0.000001", "every 100ms", func(c *Config) { c.StatusInterval = 100 * time.Millisecond }},
		{"ARGUS_GENERATE_MAC_DATA=no", "the records have it all the same", func(*Config) {}},
		{"ARGUS_FILTER=\"tcp and port 80\"\nARGUS_GO_PROMISCUOUS=yes", "", func(c *Config) { c.Filter, c.Promiscuous = "tcp and port 80", true }},
		{"ARGUS_TCP_TIMEOUT=300\nARGUS_ARP_TIMEOUT=65534\nARGUS_OTHER_TIMEOUT=1", "", func(c *Config) {
			c.Timeouts.TCP, c.Timeouts.ARP, c.Timeouts.Other = 300*time.Second, 65534*time.Second, time.Second
		}},
		{"ARGUS_LABEL=site=New York\nARGUS_LABEL=rack=7, row=b", "", func(c *Config) { c.Label = []string{"site=New York", "rack=7", "row=b"} }},
		{"argus_daemon=yes\nFlow_Type=Unidirectional", "argus_daemon=yes: the service manager", func(*Config) {}},
	} {
		got, warnings, err := load(t, nil, nil, c.text)
		want := DefaultConfig()
		want.File = got.File
		c.want(&want)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v\n%+v\nwant %+v", c.text, err, got, want)
		}
		if all := strings.Join(warnings, "\n"); !strings.Contains(all, c.warning) || (all == "") != (c.warning == "") || len(warnings) > 1 {
			t.Errorf("%q: warnings %q, want one with %q", c.text, warnings, c.warning)
		}
	}
}

func TestArgusConfRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"ARGUS_FILTER=\"tcp and\"":                  "which flows to keep",
		"ARGUS_TCP_TIMEOUT=65535":                   "tcp-timeout of",
		"ARGUS_MONITOR_ID=`id`":                     "monitor ID",
		"ARGUS_LABEL=inf=x":                         "the name of the interface",
		"ARGUS_LABEL=a=1,a=2":                       "twice",
		"ARGUS_LABEL=a":                             "KEY=VALUE",
		"ARGUS_LABEL=a b=1":                         "KEY=VALUE",
		`ARGUS_LABEL=a=C:\x`:                        `without " and \`,
		"ARGUS_LABEL=a=" + strings.Repeat("x", 600): "want at most 512",
		"ARGUS_OUTPUT_STREAM=argus-udp://":          "push",
	} {
		_, _, err := load(t, nil, nil, text)
		if err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != cli.ExitUsage {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestInterfaceNames(t *testing.T) {
	const each, sid = "each interface is metered by itself", "a host has one id (ARGUS_MONITOR_ID), its records name the interface"
	for value, want := range map[string][2]string{
		"any": {"any", ""}, "all": {"any", ""}, "ind:all": {"any", ""}, "ind:any//inf": {"any", ""}, "ind:any/7": {"any", sid}, "ind:en0,any": {"en0 any", ""}, "en0": {"en0", ""}, "eth0.100": {"eth0.100", ""},
		"ind:en0/192.168.0.68,en2/192.168.2.1": {"en0 en2", sid}, `ind:en0/"a,b",en2/19234`: {"en0 en2", sid}, "ind:en0//en0,en2//en2": {"en0 en2", ""},
		"dup:en0,en1/srcid": {"en0 en1", each + ", " + sid}, "bond:en0,en1": {"en0 en1", each}, "dup:[bond:en0,en1],en2/3": {"en0 en1 en2", each + ", " + sid},
		"en0 en1": {"en0 en1", each}, "en1(dlt)/1": {"en1", sid}, "": {"", ""}, ",,": {"", ""}, "[]": {"", ""}, `"`: {`"`, ""},
	} {
		names, notes := interfaceNames(value)
		if got := [2]string{strings.Join(names, " "), strings.Join(notes, ", ")}; got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

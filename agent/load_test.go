package agent

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/platform"
)

// load reads a configuration as the program does.
func load(t *testing.T, args []string, env map[string]string, file string) (Config, []string, error) {
	t.Helper()
	for k, v := range env {
		t.Setenv(k, v)
	}
	if file != "" {
		path := filepath.Join(t.TempDir(), "argus.conf")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", path}, args...)
	}
	c := DefaultConfig()
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	c.Flags(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	var warnings []string
	err := c.Load(set, func(w string) { warnings = append(warnings, w) })
	return c, warnings, err
}

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		env     map[string]string
		file    string
		want    func(*Config)
		warning string
	}{
		{name: "nothing said", want: func(*Config) {}},
		{name: "flags", args: []string{"--interface", "eth0,eth1", "--interface", "lo", "--state", "/s", "--batch-interval", "2s", "--spool-size", "2G"},
			want: func(c *Config) {
				c.Interfaces, c.State, c.BatchInterval, c.SpoolSize = []string{"eth0", "eth1", "lo"}, "/s", 2*time.Second, 2<<30
			}},
		{name: "environment", env: map[string]string{"ARGUS_COLLECTOR": "a:1, b:2", "ARGUS_FLOW_STATUS_INTERVAL": "7", "ARGUS_LOG_LEVEL": "DEBUG"},
			want: func(c *Config) {
				c.Collectors, c.StatusInterval, c.LogLevel = []string{"a:1", "b:2"}, 7*time.Second, "debug"
			}},
		{name: "an argus.conf", file: "# Argus\nARGUS_DAEMON=no\nARGUS_MONITOR_ID=`hostuuid`  # this host\nARGUS_FLOW_STATUS_INTERVAL=\"3\"\nARGUS_MAR_STATUS_INTERVAL=300\nARGUS_INTERFACE=ind:eth0/192.168.0.68,en2/\"x\"\n",
			want: func(c *Config) {
				c.MonitorID, c.StatusInterval, c.MARInterval, c.Interfaces = "`hostuuid`", 3*time.Second, 5*time.Minute, []string{"eth0", "en2"}
			}, warning: `argus.conf:6 ARGUS_INTERFACE=ind:eth0/192.168.0.68,en2/"x": a host has one id`},
		{name: "what records are made", file: "ARGUS_TUNNEL_PARSING=no\nARGUS_DNS_TRANSACTIONS=yes\nARGUS_CAPTURE_DATA_LEN=64\n",
			args: []string{"--generate-hash-metrics", "yes"}, env: map[string]string{"ARGUS_MAX_FLOWS": "5000"},
			want: func(c *Config) {
				c.TunnelParsing, c.DNSTransactions, c.UserData, c.FlowHash, c.MaxFlows = false, true, 64, true, 5000
			}},
		{name: "any interface", file: "ARGUS_INTERFACE=any", want: func(*Config) {}},
		{name: "empty file", file: "\n", want: func(*Config) {}},
		{name: "order", args: []string{"--flow-status-interval", "1"}, env: map[string]string{"ARGUS_STATE": "/env", "ARGUS_INTERFACE": "env0"},
			file: "ARGUS_STATE=/file\nARGUS_BATCH_INTERVAL=9\nARGUS_INTERFACE=file0",
			want: func(c *Config) {
				c.StatusInterval, c.State, c.BatchInterval, c.Interfaces = time.Second, "/env", 9*time.Second, []string{"env0"}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, warnings, err := load(t, c.args, c.env, c.file)
			if err != nil {
				t.Fatal(err)
			}
			want := DefaultConfig()
			c.want(&want)
			want.File = got.File
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v\nwant %+v", got, want)
			}
			if all := strings.Join(warnings, "\n"); !strings.Contains(all, c.warning) || (all == "") != (c.warning == "") {
				t.Errorf("warnings %q, want %q", all, c.warning)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, file, want string
		env              map[string]string
		args             []string
	}{
		{name: "bad value in the file", file: "# x\n\nARGUS_FLOW_STATUS_INTERVAL=often\n", want: "argus.conf:3: bad value \"often\" for ARGUS_FLOW_STATUS_INTERVAL"},
		{name: "open quotes", file: "ARGUS_STATE=\"/var", want: "argus.conf:1: the quotes of ARGUS_STATE do not close"},
		{name: "no file", args: []string{"--config", "/nonexistent.conf"}, want: "/nonexistent.conf"},
		{name: "bad environment", env: map[string]string{"ARGUS_SPOOL_SIZE": "lots"}, want: "want a number of octets"},
		{name: "interval too short", env: map[string]string{"ARGUS_MAR_STATUS_INTERVAL": "0"}, want: "mar-status-interval of 0s: want a time from"},
		{name: "spool too small", args: []string{"--spool-size", "1K"}, want: "too small"},
		{name: "neither yes nor no", file: "ARGUS_TUNNEL_PARSING=maybe", want: "want yes or no"},
		{name: "too much user data", env: map[string]string{"ARGUS_CAPTURE_DATA_LEN": "2000"}, want: "want 0 to 1024"},
		{name: "too few flows", args: []string{"--max-flows", "10"}, want: "max-flows of 10"},
		{name: "no state folder", args: []string{"--state", ""}, want: "--state"},
		{name: "collector without a port", env: map[string]string{"ARGUS_COLLECTOR": "soc.example.org"}, want: "not host:port"},
		{name: "no token", args: []string{"--token", "secret"}, want: "not an enrolment token"},
		{name: "bad level", env: map[string]string{"ARGUS_LOG_LEVEL": "loud"}, want: "want debug, info, warn or error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := load(t, c.args, c.env, c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if code := exitCode(err); code != cli.ExitUsage {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestWants(t *testing.T) {
	up, down := platform.Interface{Name: "eth0", Up: true, Meter: true}, platform.Interface{Name: "eth1", Reason: "down"}
	port := platform.Interface{Name: "eth2", Up: true, Reason: "port of br0"}
	all, some := Config{}, Config{Interfaces: []string{"eth1", "eth2"}}
	for _, c := range []struct {
		config *Config
		in     *platform.Interface
		want   bool
		reason string
	}{
		{&all, &up, true, ""}, {&all, &down, false, "down"}, {&all, &port, false, "port of br0"},
		{&some, &up, false, "not among the chosen interfaces (eth1, eth2)"}, {&some, &down, false, "down"}, {&some, &port, true, ""},
	} {
		if got, reason := c.config.Wants(c.in); got != c.want || reason != c.reason {
			t.Errorf("%s: %v %q, want %v %q", c.in.Name, got, reason, c.want, c.reason)
		}
	}
}

// FuzzLoad holds that no configuration file makes the loader fail in another way than with an error, and that what it takes is within bounds.
func FuzzLoad(f *testing.F) {
	f.Add("ARGUS_FLOW_STATUS_INTERVAL=5\nARGUS_INTERFACE=ind:eth0/1,eth1\nARGUS_SPOOL_SIZE=5G # x\n")
	f.Add("ARGUS_STATE=\"/a b\"\nARGUS_MONITOR_ID=`hostuuid`\nARGUS_BATCH_INTERVAL=1e3\nstatus_interval=NaN")
	f.Add("ARGUS_COLLECTOR=a:1,,b\nARGUS_LOG_LEVEL=debug\nARGUS_SPOOL_SIZE=9223372036854775807G")
	f.Add("ARGUS_TUNNEL_PARSING=No\nARGUS_DNS_TRANSACTIONS=on\nARGUS_CAPTURE_DATA_LEN=-1\nARGUS_MAX_FLOWS=0x10000000000000000")
	f.Add("ARGUS_ACCESS_PORT=561\nARGUS_BIND_IP=\"::1,127.0.0.1\"\nARGUS_OUTPUT_STREAM=\"argus-udp://[::1]:5 'tcp'\"\nARGUS_OUTPUT_FILE=/a \"b\"\nARGUS_MIN_SSF=40")
	f.Add("ARGUS_INTERFACE=dup:[bond:en0,en1],en2/\"a,b\"\nARGUS_LABEL=site=x y\nARGUS_FILTER=\"tcp and not (port 1)\"\nARGUS_TCP_TIMEOUT=9e9")
	f.Add("ARGUS_MONITOR_ID=ipv4:/1.2.3.4/arg0\nARGUS_KEYSTROKE=ssh\nARGUS_ACCESS_PORT=65536\nARGUS_LOG_DISPLAY_PRIORITY=-1")
	path := filepath.Join(f.TempDir(), "argus.conf")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := DefaultConfig()
		set := flag.NewFlagSet("test", flag.ContinueOnError)
		c.Flags(set)
		c.File = path
		if err := set.Parse([]string{"--config", path}); err != nil {
			t.Fatal(err)
		}
		ours := 0
		if c.Load(set, func(message string) {
			if strings.HasPrefix(message, "what does not apply") {
				ours++
			}
		}) != nil {
			return
		}
		if ours > 1 {
			t.Errorf("%d warnings of what does not apply", ours)
		}
		if label := c.label("a-long-name-123"); len(label) > 1016 || len(label) > 0 && !json.Valid(label) {
			t.Errorf("label %q", label)
		}
		if c.StatusInterval < minInterval || c.BatchInterval > maxInterval || c.SpoolSize < minSpool || c.State == "" ||
			c.UserData < 0 || c.UserData > maxUserData || c.MaxFlows < 0 || c.flowLimit() < leastFlows || c.flowLimit() > maxMaxFlows {
			t.Errorf("%+v", c)
		}
	})
}

// Fault 12: a bad file ends a program that a person started, with the line; a service goes on with the last good one, loudly.
func TestServiceUsesTheLastGoodConfiguration(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("who starts a process is told otherwise here")
	}
	state, path := t.TempDir(), filepath.Join(t.TempDir(), "argus.conf")
	root, err := os.OpenRoot(state)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	read := func(text string) (Config, []string, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := DefaultConfig()
		set := flag.NewFlagSet("test", flag.ContinueOnError)
		c.Flags(set)
		if err := set.Parse([]string{"--config", path, "--state", state, "--log-level", "debug"}); err != nil {
			t.Fatal(err)
		}
		var warnings []string
		err := c.Load(set, func(w string) { warnings = append(warnings, w) })
		return c, warnings, err
	}
	t.Setenv("INVOCATION_ID", "")
	if _, _, err := read("ARGUS_SPOOL_SIZE=32M\nARGUS_FLOW_STATUS_INTERVAL=soon\n"); err == nil || !strings.Contains(err.Error(), "argus.conf:2:") || exitCode(err) != cli.ExitUsage {
		t.Errorf("started by hand: %v", err)
	}
	t.Setenv("INVOCATION_ID", "0123456789abcdef")
	if _, _, err := read("ARGUS_FLOW_STATUS_INTERVAL=soon\n"); err == nil {
		t.Error("a service without a good file started with a bad one")
	}
	none := DefaultConfig() // a start without any file was a good one, too
	if err := none.keepGood(root); err != nil {
		t.Fatal(err)
	}
	if c, _, err := read("ARGUS_FLOW_STATUS_INTERVAL=soon\n"); err != nil || c.BadFile == "" || c.StatusInterval != none.StatusInterval {
		t.Errorf("the first file there is is bad: %+v, %v", c, err)
	}
	good, warnings, err := read("ARGUS_SPOOL_SIZE=32M\nARGUS_NOVELTY=1\n")
	if err != nil || good.SpoolSize != 32<<20 || len(warnings) != 1 {
		t.Fatalf("%+v %v %v", good, warnings, err)
	}
	if err := good.keepGood(root); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ARGUS_SPOOL_SIZE=64M\nARGUS_FLOW_STATUS_INTERVAL=soon\n", "no equals sign", "ARGUS_SPOOL_SIZE=1\n", "\x00\x01"} {
		c, _, err := read(text)
		if err != nil || c.SpoolSize != 32<<20 || c.BadFile == "" || c.LogLevel != "debug" {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
		if err := c.keepGood(root); err != nil {
			t.Error(err)
		}
	}
	if c, _, err := read("ARGUS_SPOOL_SIZE=64M\n"); err != nil || c.SpoolSize != 64<<20 || c.BadFile != "" {
		t.Errorf("corrected: %+v, %v", c, err)
	}
}

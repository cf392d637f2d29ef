package agent

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// What crashes are blamed on.
const (
	pathTunnels   = "tunnel-parsing" // the names of the settings
	pathDNS       = "dns-transactions"
	pathUserData  = "capture-data-len"
	interfacePath = "interface " // and its name
	pathProcess   = "process"    // the whole of it died of a fatal error whose trace does not tell where
)

const (
	crashesFile  = "crashes"   // what crashed, and what is off for it
	traceFile    = "crash.txt" // what the Go runtime says when it dies
	maxTrace     = 64 << 10
	crashLimit   = 3 // crashes on one path
	crashWindow  = 10 * time.Minute
	offFor       = 24 * time.Hour // then it is tried again; at once by another version
	maxCrashes   = 32             // that are remembered
	lessForCrash = 4              // part of the flows that may be open after crashes of the process
)

// crash is one, or what is off for crashes.
type crash struct {
	Path string    `json:"path"`
	At   time.Time `json:"at"`
}

// until is when what is off is tried again.
func (x crash) until() time.Time { return x.At.Add(offFor) }

// crashes counts over restarts what crashes. Three times in ten minutes on the same path, and the path is not taken any more:
// an agent that meters less is better than one that dies. An end from outside (SIGKILL, for want of memory too; the power) is no
// crash: it says nothing of what was at work.
type crashes struct {
	root    *os.Root
	changed func(off crash, text string) // called when a path is switched off
	trace   *os.File
	before  string // what the run before died of, "" when it ended in order
	blamed  string // the path that this is blamed on, "" for none

	mu     sync.Mutex // guards what follows
	record struct {
		Version string  `json:"version"`
		Crashes []crash `json:"crashes,omitempty"`
		Off     []crash `json:"off,omitempty"`
	}
}

// openCrashes reads what was kept by a run of the same version. after tells that the run before was cut off: that counts, and
// tell tells of it.
func openCrashes(root *os.Root, version string, after bool, changed func(crash, string)) *crashes {
	c := &crashes{root: root, changed: changed}
	b, err := root.ReadFile(crashesFile)
	if err != nil || len(b) > maxTrace || json.Unmarshal(b, &c.record) != nil || c.record.Version != version {
		c.record.Crashes, c.record.Off = nil, nil
	}
	c.record.Version = version
	c.forget(time.Now())
	trace, _ := c.readTrace()
	if after {
		c.before = cmp.Or(firstLine(trace), "it was killed")
		if c.blamed = blameEnd(trace); c.blamed != "" {
			c.note(c.blamed)
		}
	}
	if c.trace, err = root.OpenFile(traceFile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
		_ = debug.SetCrashOutput(c.trace, debug.CrashOptions{})
	}
	return c
}

func (c *crashes) readTrace() (string, error) {
	f, err := c.root.Open(traceFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTrace))
	return string(b), err
}

// close ends a run in order.
func (c *crashes) close() {
	if c.trace != nil {
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
		_ = c.trace.Close()
		_ = c.root.Remove(traceFile)
	}
}

// forget drops what is too old to count. The clock may have been set back: what is to come is dropped too.
func (c *crashes) forget(now time.Time) {
	old := func(after time.Duration) func(crash) bool {
		return func(x crash) bool { d := now.Sub(x.At); return d >= after || d < 0 || x.Path == "" }
	}
	c.record.Crashes = slices.DeleteFunc(c.record.Crashes, old(crashWindow))
	c.record.Off = slices.DeleteFunc(c.record.Off, old(offFor))
	c.record.Crashes = c.record.Crashes[max(len(c.record.Crashes)-maxCrashes, 0):]
	c.record.Off = c.record.Off[max(len(c.record.Off)-maxCrashes, 0):]
}

// tell tells what is off since the run before died, or was off already.
func (c *crashes) tell() {
	for _, x := range c.off() {
		text := ""
		if x.Path == c.blamed {
			text = c.before
		}
		c.changed(x, text)
	}
}

// add notes a crash and reports whether its path is off now.
func (c *crashes) add(path, text string) (off bool) {
	x, off, first := c.note(path)
	if first {
		c.changed(x, text)
	}
	return off
}

// note counts a crash. first tells that its path is off from now on.
func (c *crashes) note(path string) (x crash, off, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.forget(now)
	c.record.Crashes = append(c.record.Crashes, crash{path, now})
	n := 0
	for _, x := range c.record.Crashes {
		if x.Path == path {
			n++
		}
	}
	x = crash{path, now}
	was := c.has(path)
	if first = n >= crashLimit && !was; first {
		c.record.Off = append(c.record.Off, x)
	}
	b, err := json.Marshal(&c.record)
	if err == nil {
		_ = platform.WriteFile(c.root, crashesFile, b, 0o600) // else it counts until the next start only
	}
	return x, first || was, first
}

func (c *crashes) has(path string) bool {
	return slices.ContainsFunc(c.record.Off, func(x crash) bool { return x.Path == path })
}

// moved tells of another folder to keep the record in.
func (c *crashes) moved(root *os.Root) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.root = root
}

func (c *crashes) isOff(path string) bool { return !c.until(path).IsZero() }

// until returns when the path may be taken again, zero when it is not off.
func (c *crashes) until(path string) time.Time {
	for _, x := range c.off() {
		if x.Path == path {
			return x.until()
		}
	}
	return time.Time{}
}

// off returns what is switched off.
func (c *crashes) off() []crash {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(time.Now())
	return slices.Clone(c.record.Off)
}

// allowed returns the configuration without what is switched off, and when to ask again, zero for never.
func (c *crashes) allowed(config Config) (allowed Config, again time.Time) {
	for _, x := range c.off() {
		all := x.Path == pathProcess
		if all || x.Path == pathTunnels {
			config.TunnelParsing = false
		}
		if all || x.Path == pathDNS {
			config.DNSTransactions = false
		}
		if all || x.Path == pathUserData {
			config.UserData = 0
		}
		if !strings.HasPrefix(x.Path, interfacePath) && (again.IsZero() || x.until().Before(again)) {
			again = x.until()
		}
	}
	return config, again
}

// tunnelFiles are those of package capture that read what no packet outside a tunnel has.
var tunnelFiles = []string{"decode_tunnel.go", "decode_udptunnel.go", "decode_gre.go", "decode_l2tp.go"}

// blameEnd finds in what the Go runtime has left of a run on what to blame its end: nothing, where it was killed or ended by a signal.
func blameEnd(trace string) string {
	if trace == "" || strings.HasPrefix(trace, "SIG") {
		return ""
	}
	return blameText(trace)
}

// blameText finds in the trace of a fatal error on what to blame it.
func blameText(trace string) string {
	first, _, _ := bytes.Cut([]byte(trace[min(len(trace), max(0, strings.Index(trace, "\ngoroutine ")+1)):]), []byte("\n\n"))
	for line := range strings.Lines(string(first)) {
		file, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch base := filepath.Base(file); {
		case slices.Contains(tunnelFiles, base):
			return pathTunnels
		case base == "userdata.go":
			return pathUserData
		}
	}
	return pathProcess
}

// blame tells on what to blame a panic of a meter, called where it is recovered.
func (m *meter) blame(stack []byte, name string) string {
	path := blameText(string(stack))
	switch {
	case path == pathUserData:
		return path
	case !m.dec.KeepOuter && (m.packet.Tunnel != nil || path == pathTunnels):
		return pathTunnels
	case m.dec.DNSTransactions && bytes.Contains(stack, []byte(".(*walk).udp(")):
		return pathDNS
	}
	return interfacePath + name
}

// errOff is why an interface is not metered that crashed too often.
var errOff = errors.New("switched off for a day after three crashes in ten minutes")

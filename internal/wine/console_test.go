//go:build linux

package wine

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a person types says and ends as on every other system.
func TestConsole(t *testing.T) {
	_, exe := Endpoint(t, "1.2.3")
	p := New(t)
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"version", 0, "argus-endpoint 1.2.3, ", ""},
		{"--help", 0, "Usage:", ""},
		{"flows --help", 0, "Examples:", ""},
		{"completion bash", 0, "complete -o default", ""},
		{"nosuch", 2, "", `unknown command "nosuch"`},
		{"--nosuch", 2, "", "not defined: -nosuch"},
		{"flows --top", 2, "", "--top draws on a terminal"},
		{`flows -r Z:\nosuch`, 1, "", "nosuch"},
		{"status", 1, "", `no agent is running on the state folder C:\ProgramData\argus-endpoint`},
		{"doctor", 1, "interfaces", "wrong"},
	} {
		r := p.Try(append([]string{exe}, strings.Fields(c.args)...)...)
		if r.Code != c.code || !strings.Contains(r.Stdout, c.stdout) || !strings.Contains(r.Stderr, c.stderr) {
			t.Errorf("%s: exit code %d, want %d: %s%s", c.args, r.Code, c.code, r.Stdout, r.Stderr)
		}
	}
}

// drawn is what every run draws anew.
var drawn = regexp.MustCompile(`"flowid":"[0-9a-f]*"`)

// The flows of a capture are the same, octet for octet, as on Linux.
func TestFlowsOfAFile(t *testing.T) {
	t.Setenv("ARGUS_MONITOR_ID", "0b7c1d2e-3f4a-4968-8778-695a4b3c2d1e")
	_, exe := Endpoint(t, "1.2.3")
	native := filepath.Join(workFolder(t), "argus-endpoint")
	run(t, "go", "build", "-o", native, "../../cmd/argus-endpoint")
	p := New(t)
	trace, err := filepath.Abs("../../capture/testdata/tunnels.pcap")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"--json", "--csv", "--aggregate"} {
		want, err := exec.Command(native, "flows", "-r", trace, format).Output()
		if err != nil || len(want) < 300 {
			t.Fatalf("%d octets: %v", len(want), err)
		}
		if got := p.Run(exe, "flows", "-r", Windows(trace), format); drawn.ReplaceAllString(got, "") != drawn.ReplaceAllString(string(want), "") {
			t.Errorf("%s: %d octets, and %d on Linux", format, len(got), len(want))
		}
	}
	archive := filepath.Join(t.TempDir(), "x.arg")
	p.Run(exe, "flows", "-r", Windows(trace), "-w", Windows(archive))
	want, _ := exec.Command(native, "flows", "-r", trace, "--json").Output()
	if got, err := exec.Command(native, "flows", "-r", archive, "--json").Output(); err != nil || drawn.ReplaceAllString(string(got), "") != drawn.ReplaceAllString(string(want), "") {
		t.Errorf("an archive written there reads differently here: %d octets of %d: %v", len(got), len(want), err)
	}
}

//go:build linux

package wine

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tests of the packages that have a Windows of their own in them, or write files that must not be lost, pass there.
func TestPackages(t *testing.T) {
	p := New(t)
	for _, c := range []struct{ pkg, run, skip string }{
		{pkg: "platform", run: "Interfaces|Notices|Lock|Identify"},
		{pkg: "installer", run: "Folder|Foreign|ServiceSID|SetCollector|WriteToken|CopyProgram|Newer", skip: "Launchd"},
		{pkg: "agent", run: "LocalSocket|Crash|Token|Conf", skip: "ArgusConf"}, // where paths begin with /
		{pkg: "uplink/spool", skip: "Folder|Kill|PowerCut"},                    // modes; what takes long
		{pkg: "capture", skip: "Alloc|Tshark|Fuzz"},
		{pkg: "argus", skip: "Debian"},
	} {
		t.Run(c.pkg, func(t *testing.T) {
			dir, err := filepath.Abs("../../" + c.pkg)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("wine", tests(t, c.pkg), "-test.run="+c.run, "-test.skip="+c.skip, "-test.timeout=90s", "-test.v")
			cmd.Dir, cmd.Env = dir, environment(p.dir)
			out, err := cmd.CombinedOutput()
			if n := strings.Count(string(out), "--- PASS"); err != nil || n == 0 {
				t.Errorf("%d passed: %v\n%s", n, err, out)
			} else {
				t.Logf("measured: %d tests passed", n)
			}
		})
	}
}

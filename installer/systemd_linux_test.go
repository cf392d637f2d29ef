package installer

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// worst is what systemd-analyze security may find the service to be exposed, 10 being an unprotected one. Measured 2026-11-22: 1.8.
const worst = 2.0

func TestUnitExposure(t *testing.T) {
	if !found("systemd-analyze") {
		if os.Getenv("CI") == "true" {
			t.Fatal("systemd-analyze is not here: apt install systemd")
		}
		t.Skip("systemd-analyze is not here")
	}
	for _, u := range []string{unit, name + "-token.service"} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "files/"+u).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", u, err, out)
		}
		m := regexp.MustCompile(`Overall exposure level for \S+: (\d+\.\d+)`).FindSubmatch(out)
		if m == nil {
			t.Fatalf("%s: no verdict in %s", u, out)
		}
		level, _ := strconv.ParseFloat(string(m[1]), 64)
		t.Logf("measured: %s: exposure %.1f", u, level)
		if level > worst {
			t.Errorf("%s: exposure %.1f, over %.1f:\n%s", u, level, worst, out)
		}
		out, err = exec.Command("systemd-analyze", "verify", "--man=no", "files/"+u).CombinedOutput()
		for line := range strings.Lines(string(out)) { // the program is not installed here
			if !strings.Contains(line, "is not executable") {
				t.Errorf("%s: %v: %s", u, err, line)
			}
		}
	}
}

// Every file has the packaged program's path, where register and packages look for it.
func TestFilesNameTheProgram(t *testing.T) {
	if !strings.Contains(serviceUnit, "ExecStart="+packagedProgram+" run\n") {
		t.Errorf("%s does not", unit)
	}
	for _, script := range []string{openrcScript, sysvScript} {
		if strings.Count(script, packagedProgram) != 1 || !strings.Contains(script, "\nprogram="+packagedProgram+"\n") || strings.Contains(script, "{{") {
			t.Errorf("a script does not name the program once, as program=: %s", script)
		}
	}
}

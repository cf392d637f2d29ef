//go:build linux

package wine

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// TestDeployGPO runs the startup script of deploy/gpo: on an empty machine, on one that has the version, and on one that has an older one.
func TestDeployGPO(t *testing.T) {
	msi := msis(t)
	if !netns.Inside(t) {
		return
	}
	m := newManaged(t)
	share := m.Path(`C:\a share`)
	if err := os.Mkdir(share, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "cp", "../../deploy/gpo/startup.cmd", share)
	write(t, filepath.Join(share, "token"), []byte(m.site.token()+"\r\n"))
	startup := func() Result { return m.Try("cmd", "/c", "call", `C:\a share\startup.cmd`, `C:\a share`) }
	if r := startup(); r.Code == 0 {
		t.Errorf("without a package on the share: %+v", r)
	}
	for i, version := range versions {
		run(t, "cp", msi[i], filepath.Join(share, "argus-endpoint.msi"))
		write(t, filepath.Join(share, "version"), []byte(version+"\r\n"))
		if r := startup(); r.Code != 0 {
			t.Fatalf("%s: %+v", version, r)
		}
		m.serves(version)
		m.step("startup.cmd brings %s", version)
	}
	if err := os.Remove(filepath.Join(share, "token")); err != nil { // who does nothing needs none
		t.Fatal(err)
	}
	if r := startup(); r.Code != 0 {
		t.Errorf("with the version that is installed: %+v", r)
	}
	m.step("startup.cmd finds nothing to do")
	m.restart() // at once: the first attempt after an upgrade comes within a minute
	m.enrols()
	m.step("enrolled")
}

// TestDeployIntune runs the commands of the table in deploy/intune/README.md, and compares with its detection rule.
func TestDeployIntune(t *testing.T) {
	msi := msis(t)
	if !netns.Inside(t) {
		return
	}
	text, err := os.ReadFile("../../deploy/intune/README.md")
	if err != nil {
		t.Fatal(err)
	}
	command := func(field string) string {
		row := regexp.MustCompile(`(?m)^\| ` + field + " \\| `(msiexec [^`]*)`").FindSubmatch(text)
		if row == nil {
			t.Fatalf("the table has no %s", field)
		}
		return string(row[1])
	}
	m := newManaged(t)
	before := m.snapshot()
	token := m.site.token()
	line := strings.NewReplacer("argus-endpoint-V-x64.msi", Windows(msi[1]), "argus1.AAAA", token).Replace(command("Install command"))
	if r := m.Try(append([]string{"cmd", "/c"}, strings.Fields(line)...)...); r.Code != 0 || !strings.Contains(line, token) {
		t.Fatalf("%s: %+v", line, r)
	}
	m.serves(versions[1])
	m.enrols()
	m.step("installed and enrolled by the install command")
	if rule := "key `HKEY_LOCAL_MACHINE\\SOFTWARE\\Argus Endpoint`, value `Version`"; !strings.Contains(string(text), rule) {
		t.Errorf("the detection rule is not %s", rule)
	}
	m.says(versions[1], "reg", "query", `HKEY_LOCAL_MACHINE\SOFTWARE\Argus Endpoint`, "/v", "Version")

	code := regexp.MustCompile(`MsiExec\.exe /X(\{[^}]*\})`).FindStringSubmatch(m.Try("reg", "query", listedKey, "/s").Stdout)
	if code == nil {
		t.Fatal("the product is not in the list of apps")
	}
	line = strings.ReplaceAll(command("Uninstall command"), "{ProductCode}", code[1]) + " PURGE=1"
	if r := m.Try(append([]string{"cmd", "/c"}, strings.Fields(line)...)...); r.Code != 0 {
		t.Fatalf("%s: %+v", line, r)
	}
	m.removed(before, false)
}

// enrols waits until the collector has the one host.
func (m *managed) enrols() {
	m.Helper()
	await.Event(m, patience, "the host is at the collector", func() bool {
		all := m.site.hosts()
		return len(all) == 1 && all[0].State == "up" && all[0].Records > 0
	})
	if n := m.enrolments(); n != 1 {
		m.Errorf("%d enrolments", n)
	}
}

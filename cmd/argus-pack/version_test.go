package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// ascending are versions as they follow each other.
var ascending = []string{"0.0.7", "0.0.812", "0.9.0-alpha1", "0.9.0-beta2", "0.9.0-rc1", "0.9.0-rc1.14", "0.9.0-rc2", "0.9.0", "0.9.0.3", "0.9.0.14", "0.9.1-rc1", "0.9.1", "0.10.0", "1.0.0"}

// TestVersionsAreInOrder: what is newer is newer for dpkg and for rpm.
func TestVersionsAreInOrder(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil && os.Getenv("CI") == "" {
		t.Skip("needs dpkg")
	}
	_, noRPM := exec.LookPath("rpm") // make packages-check installs it
	if noRPM != nil && os.Getenv("ENDTOEND") != "" {
		t.Fatal(noRPM)
	}
	for i, text := range ascending[1:] {
		older, newer := parsed(t, ascending[i]), parsed(t, text)
		if out, err := exec.Command("dpkg", "--compare-versions", older.deb()+"-1", "lt", newer.deb()+"-1").CombinedOutput(); err != nil {
			t.Errorf("dpkg: %s is not before %s: %v %s", older.deb(), newer.deb(), err, out)
		}
		if noRPM == nil {
			out, err := exec.Command("rpm", "--eval", `%{lua:print(rpm.vercmp("`+older.deb()+`","`+newer.deb()+`"))}`).Output()
			if err != nil || strings.TrimSpace(string(out)) != "-1" {
				t.Errorf("rpm: %s is not before %s: %v %s", older.deb(), newer.deb(), err, out)
			}
		}
	}
}

func parsed(t *testing.T, text string) version {
	t.Helper()
	v, err := parseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	if v.String() != text {
		t.Errorf("%s became %s", text, v)
	}
	return v
}

func TestVersionTexts(t *testing.T) {
	for text, want := range map[string][3]string{ // deb and rpm, apk, MSI
		"v1.2.3":       {"1.2.3", "1.2.3", "1.2.3"},
		"1.2.3.14":     {"1.2.3.14", "1.2.3.14", "1.2.3"},
		"1.3.0-rc1":    {"1.3.0~rc1", "1.3.0_rc1", "1.3.0"},
		"1.3.0-rc1.14": {"1.3.0~rc1.14", "1.3.0_rc1_p14", "1.3.0"},
	} {
		v, err := parseVersion(text)
		if got := [3]string{v.deb(), v.apk(), v.msi()}; err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1.2", "devel", "1d2b04d-dirty", "1.2.3-14-gabc", "1.2.3+meta", "1.2.3;id", "1.2.3\n", "1.2.3.4.5", "1.2.3-rc1.x"} {
		if v, err := parseVersion(text); err == nil {
			t.Errorf("%q is %v", text, v)
		}
	}
}

func TestVersionOfASource(t *testing.T) {
	for description, want := range map[string]string{"v1.2.3-0-gabc": "1.2.3", "v1.2.3-14-g0123abc": "1.2.3.14", "v1.3.0-rc1-2-gabc": "1.3.0-rc1.2", "v1.3.0-rc1-0-gabc": "1.3.0-rc1"} {
		text, err := fromDescription(description)
		if err != nil {
			t.Fatal(err)
		}
		if v := parsed(t, strings.TrimPrefix(text, "v")); v.String() != want {
			t.Errorf("%s: %s, want %s", description, v, want)
		}
	}
}

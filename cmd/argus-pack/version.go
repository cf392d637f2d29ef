package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// version is a release's number. Text forms differ between the packages, their order does not.
type version struct {
	numbers string // a.b.c, or a.b.c.d between releases
	pre     string // alpha1, beta2, rc1: before the numbers' own release
	after   string // commits after a tag of a pre-release
}

var versionText = regexp.MustCompile(`^v?(\d{1,3}\.\d{1,3}\.\d{1,5}(?:\.\d{1,5})?)(?:-((?:alpha|beta|rc)\d{1,3})(?:\.(\d{1,5}))?)?$`)

// parseVersion reads 1.2.3, 1.2.3.14, 1.3.0-rc1 or 1.3.0-rc1.14, with or without a v before it.
func parseVersion(text string) (version, error) {
	m := versionText.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("%q is not 1.2.3, 1.2.3.14, 1.3.0-rc1 or 1.3.0-rc1.14: no other text is in order for dpkg, rpm, apk and Windows Installer alike", text)
	}
	return version{m[1], m[2], m[3]}, nil
}

// describe returns the version of the source in the working folder.
func describe(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "describe", "--tags", "--long", "--match", "v[0-9]*").Output()
	if err != nil {
		count, err := exec.CommandContext(ctx, "git", "rev-list", "--count", "HEAD").Output()
		if err != nil {
			return "0.0.0", nil // a source without its history
		}
		return "0.0." + strings.TrimSpace(string(count)), nil
	}
	return fromDescription(strings.TrimSpace(string(out)))
}

// fromDescription makes a version of what git describe --long prints: v1.2.3-14-g0123abc.
func fromDescription(text string) (string, error) {
	i := strings.LastIndexByte(text, '-')
	j := strings.LastIndexByte(text[:max(i, 0)], '-')
	if i < 0 || j < 0 {
		return "", fmt.Errorf("git describes this source as %q", text)
	}
	tag, commits := text[:j], text[j+1:i]
	if commits == "0" {
		return tag, nil
	}
	return tag + "." + commits, nil
}

// String is the text of file names, and of the programs' own version.
func (v version) String() string { return v.join("-", ".") }

// deb is the version for dpkg and rpm, to which a tilde is before nothing.
func (v version) deb() string { return v.join("~", ".") }

// apk is the version for Alpine's apk.
func (v version) apk() string { return v.join("_", "_p") }

// msi is a.b.c: Windows Installer compares no more.
func (v version) msi() string {
	return strings.Join(strings.SplitN(v.numbers, ".", 4)[:3], ".")
}

func (v version) join(before, after string) string {
	s := v.numbers
	if v.pre != "" {
		s += before + v.pre
	}
	if v.after != "" {
		s += after + v.after
	}
	return s
}

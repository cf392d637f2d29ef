package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// notices are the licences of what a program is linked with, as a text that travels with it.
func notices(p program, linked []*module) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s is linked with the Go modules below. These are their licences and notices; its own is in LICENSE.\n", p.product.Name)
	for _, m := range linked {
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n\n%s\n", strings.Repeat("=", 80), m.path, m.version, m.licence, strings.Join(m.texts, "\n\n"))
	}
	return b.Bytes()
}

const copyrightHead = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: %s
Upstream-Contact: %s
Source: %s
Comment: The program is linked with the Go modules whose paths are the
 folders below.

Files: *
Copyright: 2026 the authors of Argus Endpoint
License: Apache-2.0
`

const commonApache = `
License: Apache-2.0
 Licensed under the Apache License, Version 2.0. On Debian systems its text is
 in /usr/share/common-licenses/Apache-2.0.
`

// copyright is Debian's machine-readable file of copyrights, with the licences of what is linked.
func copyright(p program, linked []*module) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, copyrightHead, p.product.Name, maintainer, homepage)
	for _, m := range linked {
		fmt.Fprintf(&b, "\nFiles: %s/*\nCopyright: %s\nLicense: %s\n", m.path, strings.Join(m.holders(), "\n "), debianLicence(m.licence))
		if m.licence != "Apache-2.0" || len(m.texts) > 1 {
			b.WriteString(paragraph(withoutApache(strings.Join(m.texts, "\n\n"))))
		}
	}
	b.WriteString(commonApache)
	return b.Bytes()
}

var (
	apacheText = regexp.MustCompile(`(?s)[ \t]*Apache License\s+Version 2\.0, January 2004.*?(END OF TERMS AND CONDITIONS(\s+APPENDIX:.*?limitations under the License\.)?|$)`)
	holder     = regexp.MustCompile(`(?im)^\W*(copyright\s.*\w.*)$`)
)

// withoutApache names the file of Debian in place of the Apache licence.
func withoutApache(text string) string {
	return apacheText.ReplaceAllString(text, "(the Apache License 2.0, as in /usr/share/common-licenses/Apache-2.0)")
}

// holders are the lines of copyright in the texts of a module.
func (m *module) holders() []string {
	var list []string
	for _, t := range m.texts {
		for _, found := range holder.FindAllStringSubmatch(apacheText.ReplaceAllString(t, ""), -1) {
			line := strings.Join(strings.Fields(found[1]), " ")
			if regexp.MustCompile(`\d{4}`).MatchString(line) && !slices.Contains(list, line) {
				list = append(list, line)
			}
		}
	}
	if list == nil {
		list = []string{"the authors of " + m.path}
	}
	return list
}

// debianLicence writes an SPDX expression in Debian's words.
func debianLicence(spdx string) string {
	return strings.NewReplacer(" AND ", " and ", "MIT", "Expat").Replace(spdx)
}

// paragraph indents a text as a field of several lines wants it.
func paragraph(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text + "\n") {
		if line = strings.TrimRight(line, " \t\r\n"); line == "" {
			line = "."
		}
		b.WriteString(" " + line + "\n")
	}
	return b.String()
}

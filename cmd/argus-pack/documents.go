package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// documents are what the format wants beside the program: completion of zsh, licences, changes.
func (r *release) documents(p product, f format) ([]content, error) {
	var list []content
	var failed error
	add := func(to string, data []byte, err error) {
		if err == nil {
			var c content
			c, err = r.staged(to, data)
			list = append(list, c)
		}
		if failed == nil {
			failed = err
		}
	}
	doc := "/usr/share/doc/" + p.Name + "/"
	if f.kind == "deb" {
		changes, err := os.ReadFile(filepath.Join(r.source, "CHANGELOG.md"))
		add(doc+"changelog.gz", compress(changes), err)
		add(doc+"changelog.Debian.gz", compress(r.debianChangelog(p)), nil)
		licence, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
		add(doc+"copyright", licence, err)
	}
	return list, failed
}

// debianChangelog is one entry in the form of deb-changelog(5).
func (r *release) debianChangelog(p product) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s (%s-1) stable; urgency=medium\n\n  * Release %s: changelog.gz tells what is new.\n\n -- %s  %s\n",
		p.Name, r.version.deb(), r.version, maintainer, r.date.Format(time.RFC1123Z))
	return b.Bytes()
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// noticesFile has the licences of what a program is linked with.
const noticesFile = "THIRD-PARTY-LICENSES"

// documents are what the format wants beside the program: completion of zsh, licences, changes.
func (l *linuxPackage) documents() ([]content, error) {
	name := l.product.Name
	zsh, err := l.completion(l.product, "zsh")
	if err != nil {
		return nil, err
	}
	list := []made{{l.zsh + "/_" + name, zsh}}
	if l.kind != "deb" {
		licence, err := os.ReadFile(filepath.Join(l.source, "LICENSE"))
		if err != nil {
			return nil, err
		}
		folder := "/usr/share/licenses/" + name + "/"
		return l.all(append(list, made{folder + "LICENSE", licence}, made{folder + noticesFile, notices(l.program, l.linked(l.program))}))
	}
	changes, err := os.ReadFile(filepath.Join(l.source, "CHANGELOG.md"))
	if err != nil {
		return nil, err
	}
	doc := "/usr/share/doc/" + name + "/"
	return l.all(append(list, made{doc + "changelog.gz", compress(changes)}, made{doc + "changelog.Debian.gz", compress(l.debianChangelog(l.product))},
		made{doc + "copyright", copyright(l.program, l.linked(l.program))}))
}

// debianChangelog is one entry in the form of deb-changelog(5).
func (r *release) debianChangelog(p *product) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s (%s-1) stable; urgency=medium\n\n  * Release %s: changelog.gz tells what is new.\n\n -- %s  %s\n",
		p.Name, r.version.deb(), r.version, maintainer, r.date.Format(time.RFC1123Z))
	return b.Bytes()
}

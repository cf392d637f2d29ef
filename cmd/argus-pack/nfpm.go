package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// recipe is what nfpm reads: the fields of its configuration that we use. JSON is YAML.
type recipe struct {
	Name          string            `json:"name"`
	Arch          string            `json:"arch"`
	Platform      string            `json:"platform"`
	Version       string            `json:"version"`
	VersionSchema string            `json:"version_schema"`
	Release       string            `json:"release"`
	Section       string            `json:"section"`
	Priority      string            `json:"priority"`
	Maintainer    string            `json:"maintainer"`
	Vendor        string            `json:"vendor"`
	Homepage      string            `json:"homepage"`
	License       string            `json:"license"`
	Description   string            `json:"description"`
	MTime         time.Time         `json:"mtime"`
	Depends       []string          `json:"depends"`
	Contents      []content         `json:"contents"`
	Scripts       map[string]string `json:"scripts"`
	Deb           map[string]any    `json:"deb,omitempty"`
	RPM           map[string]any    `json:"rpm,omitempty"`
	APK           map[string]any    `json:"apk,omitempty"`
}

// content is one file of a package.
type content struct {
	Source string   `json:"src,omitempty"`
	Path   string   `json:"dst"`
	Type   string   `json:"type,omitempty"`
	Info   fileInfo `json:"file_info"`
}

type fileInfo struct {
	Mode  fs.FileMode `json:"mode"`
	Owner string      `json:"owner"`
	Group string      `json:"group"`
	MTime time.Time   `json:"mtime"`
}

// format is a kind of package for Linux.
type format struct {
	kind    string
	version func(version) string
	// scripts of ours by nfpm's names: files/scripts/<kind>.<name>.sh
	scripts map[string]string
	depends []string
	zsh     string // the folder of completions
}

var nfpmArch = map[string]string{"amd64": "amd64", "arm64": "arm64", "arm": "arm7"}

// fileArch are the names of the architectures in file names, for all formats alike.
var fileArch = map[string]string{"amd64": "amd64", "arm64": "arm64", "arm": "armhf"}

var formats = []format{
	{
		kind: "deb", version: version.deb, zsh: "/usr/share/zsh/vendor-completions",
		scripts: map[string]string{"preinstall": "preinst", "postinstall": "postinst", "preremove": "prerm", "postremove": "postrm"},
		depends: []string{"passwd", "init-system-helpers (>= 1.54)"},
	},
	{
		kind: "rpm", version: version.deb, zsh: "/usr/share/zsh/site-functions",
		scripts: map[string]string{"preinstall": "pre", "postinstall": "post", "preremove": "preun", "postremove": "postun"},
		depends: []string{"/usr/sbin/useradd", "/usr/sbin/groupadd"},
	},
	{
		kind: "apk", version: version.apk, zsh: "/usr/share/zsh/site-functions",
		scripts: map[string]string{"preinstall": "pre-install", "postinstall": "post-install", "preremove": "pre-deinstall"},
		depends: []string{"setpriv"}, // by which the script gives root's rights away
	},
}

const (
	maintainer = "Argus Endpoint maintainers <argus-endpoint@users.noreply.github.com>" // the account of homepage; issues are read there
	homepage   = "https://github.com/argus-endpoint/argus-endpoint"
)

// make has nfpm make the package of its contents.
func (l *linuxPackage) make(ctx context.Context, contents []content) error {
	p := l.product
	c := recipe{
		Name: p.Name, Arch: nfpmArch[l.goarch], Platform: "linux", Version: l.format.version(l.release.version), VersionSchema: "none", Release: "1",
		Section: "net", Priority: "optional", Maintainer: maintainer, Vendor: "Argus Endpoint", Homepage: homepage, License: "Apache-2.0",
		Description: p.Summary + "\n" + p.Description, MTime: l.date, Depends: l.depends, Contents: contents, Scripts: map[string]string{},
	}
	for name, ours := range l.scripts {
		path, err := l.script(l.kind + "." + ours)
		if err != nil {
			return err
		}
		c.Scripts[name] = path
	}
	switch l.kind {
	case "deb":
		c.Deb = map[string]any{"compression": "gzip"}
	case "rpm":
		c.RPM = map[string]any{"buildhost": "localhost", "summary": p.Summary, "group": "Applications/Internet", "packager": maintainer}
	case "apk":
		post, err := l.script("apk.post-upgrade")
		if err != nil {
			return err
		}
		c.APK = map[string]any{"scripts": map[string]string{"postupgrade": post}}
	}
	return l.nfpm(ctx, c)
}

func (l *linuxPackage) nfpm(ctx context.Context, c recipe) error {
	b, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return err
	}
	config := filepath.Join(l.dir, "nfpm.json")
	if err := os.WriteFile(config, b, 0o600); err != nil {
		return err
	}
	target := filepath.Join(l.out, fmt.Sprintf("%s_%s_%s.%s", c.Name, l.release.version, fileArch[l.goarch], l.kind))
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile=tools.mod", "nfpm", "package", "--config", config, "--packager", l.kind, "--target", target)
	cmd.Dir = l.source
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nfpm of %s: %w\n%s", filepath.Base(target), err, out)
	}
	return nil
}

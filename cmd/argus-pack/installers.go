package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/installer/pack"
)

// msi writes the package for Windows of a program.
func (r *release) msi(ctx context.Context, p program) error {
	dir := filepath.Join(r.stage, p.goos+"-"+p.goarch)
	notes := filepath.Join(dir, noticesFile)
	work := filepath.Join(dir, "msi") // which wants it empty
	if err := os.MkdirAll(work, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(notes, notices(p, r.linked(p)), 0o600); err != nil {
		return err
	}
	m := pack.MSI{Version: r.version.String(), Arch: p.goarch, Program: p.file, Licence: filepath.Join(r.source, "LICENSE"), Notices: notes, Time: r.date}
	b, err := m.Build(work, func(name string, args ...string) error {
		if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[p.goarch]
	name := filepath.Join(r.out, fmt.Sprintf("%s-%s-%s.msi", p.product.Name, r.version, arch))
	if err := os.WriteFile(name, b, 0o644); err != nil || r.cert == "" {
		return err
	}
	return authenticode(ctx, r.cert, r.key, name)
}

// pkg writes the package for macOS, with the programs of both kinds of Macs in one.
func (r *release) pkg(programs []program) error {
	p := programs[0]
	universal, err := universal(programs)
	if err != nil {
		return err
	}
	zsh, err := r.completion(p.product, "zsh")
	if err != nil {
		return err
	}
	const share = "/usr/local/share/"
	m := pack.Manifest{Identifier: "org.argus-endpoint.agent", Version: r.version.String(), Title: "Argus Endpoint", Time: r.date, Scripts: map[string][]byte{}, Files: []pack.File{
		{Path: "/usr/local/bin/argus-endpoint", Mode: 0o755, Data: universal},
		{Path: share + "zsh/site-functions/_argus-endpoint", Mode: 0o644, Data: zsh},
		{Path: share + "doc/argus-endpoint/" + noticesFile, Mode: 0o644, Data: notices(p, r.linked(p))},
	}}
	for path, from := range map[string]string{
		"/Library/LaunchDaemons/org.argus-endpoint.agent.plist": "installer/files/org.argus-endpoint.agent.plist",
		share + "man/man1/argus-endpoint.1":                     "docs/man/argus-endpoint.1",
		share + "doc/argus-endpoint/LICENSE":                    "LICENSE",
		share + "doc/argus-endpoint/CHANGELOG.md":               "CHANGELOG.md",
	} {
		data, err := os.ReadFile(filepath.Join(r.source, from))
		if err != nil {
			return err
		}
		m.Files = append(m.Files, pack.File{Path: path, Mode: 0o644, Data: data})
	}
	if m.Scripts["postinstall"], err = os.ReadFile(filepath.Join(r.source, "installer/files/pkg/postinstall")); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := pack.PKG(&b, m); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, fmt.Sprintf("%s-%s.pkg", p.product.Name, r.version)), b.Bytes(), 0o644)
}

// universal makes one program of those for the architectures of macOS.
func universal(programs []program) ([]byte, error) {
	var thin [][]byte
	for _, p := range programs {
		b, err := os.ReadFile(p.file)
		if err != nil {
			return nil, err
		}
		thin = append(thin, b)
	}
	if len(thin) < 2 {
		return nil, errors.New("a pkg wants the programs for amd64 and arm64: leave out --arch, or --only pkg")
	}
	return pack.Universal(thin...)
}

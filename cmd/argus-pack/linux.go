package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"text/template"
)

// linux makes the packages of p for every architecture.
func (r *release) linux(ctx context.Context, p product) error {
	shared, err := r.shared(ctx, p)
	if err != nil {
		return err
	}
	for _, arch := range p.arches {
		for _, f := range formats {
			if !r.wants(f.kind) || f.kind == "apk" && !p.Endpoint {
				continue
			}
			contents := append(r.contents(p, f), shared...)
			contents = append(contents, r.file("/usr/bin/"+p.Name, r.program(p.Name, "linux", arch), 0o755))
			more, err := r.documents(p, f)
			if err != nil {
				return err
			}
			if err := r.packageLinux(ctx, p, f, arch, append(contents, more...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// file is a file of root's in a package.
func (r *release) file(to, from string, mode fs.FileMode) content {
	return content{Source: from, Path: to, Info: fileInfo{Mode: mode, Owner: "root", Group: "root", MTime: r.date}}
}

// staged writes a file into the stage and returns it as one of a package.
func (r *release) staged(to string, data []byte) (content, error) {
	name := filepath.Join(r.stage, "content", filepath.FromSlash(to))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return content{}, err
	}
	return r.file(to, name, 0o644), os.WriteFile(name, data, 0o600)
}

// contents are the files of a format that are in the repository as they are.
func (r *release) contents(p product, f format) []content {
	ours := files + "/" + p.Name
	conf := r.file("/etc/"+p.Name+"/"+p.Name+".conf", ours+"/"+p.Name+".conf", 0o644)
	conf.Type = "config|noreplace"
	list := []content{conf}
	switch f.kind {
	case "apk":
		return append(list, r.file("/etc/init.d/"+p.Name, "installer/files/"+p.Name+".openrc", 0o755))
	case "deb":
		list = append(list, r.file("/usr/share/lintian/overrides/"+p.Name, ours+"/lintian-overrides", 0o644))
	}
	for _, u := range p.units {
		list = append(list, r.file("/usr/lib/systemd/system/"+path.Base(u), u, 0o644))
	}
	return list
}

// shared are manual page and completions of shells, which all packages of p have.
func (r *release) shared(ctx context.Context, p product) ([]content, error) {
	page, err := os.ReadFile(filepath.Join(r.source, "docs", "man", p.Name+".1"))
	if err != nil {
		return nil, err
	}
	c, err := r.staged("/usr/share/man/man1/"+p.Name+".1.gz", compress(page))
	list := []content{c}
	for shell, to := range map[string]string{"bash": "/usr/share/bash-completion/completions/" + p.Name, "fish": "/usr/share/fish/vendor_completions.d/" + p.Name + ".fish"} {
		if err != nil {
			return nil, err
		}
		var script []byte
		if script, err = r.completion(ctx, p, shell); err == nil {
			c, err = r.staged(to, script)
			list = append(list, c)
		}
	}
	return list, err
}

// completion asks the program, built for this machine, for the completion script of a shell.
func (r *release) completion(ctx context.Context, p product, shell string) ([]byte, error) {
	program := r.program(p.Name, runtime.GOOS, runtime.GOARCH)
	out, err := exec.CommandContext(ctx, program, "completion", shell).Output()
	if err != nil {
		return nil, fmt.Errorf("completion for %s of %s: %w", shell, program, err)
	}
	return out, nil
}

// script writes a script of a package into the stage: a template of files/scripts with the product in it.
func (r *release) script(p product, name string) (string, error) {
	dir := filepath.Join(r.source, files, "scripts")
	t, err := template.ParseFiles(filepath.Join(dir, name+".sh"), filepath.Join(dir, "functions.sh"))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return "", err
	}
	to := filepath.Join(r.stage, p.Name+"."+name)
	return to, os.WriteFile(to, b.Bytes(), 0o700)
}

// compress is gzip -9n.
func compress(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is right
	w.Write(data)                                         // a buffer takes all
	w.Close()
	return b.Bytes()
}

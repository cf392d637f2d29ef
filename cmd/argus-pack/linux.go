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
	"strings"
	"text/template"
)

// linuxPackage is a package of a program in one format, and the folder of what is on its way into it.
type linuxPackage struct {
	*release
	program
	format
	dir string
}

// linux makes the package of a program in a format.
func (r *release) linux(ctx context.Context, p program, f format) error {
	l := linuxPackage{r, p, f, filepath.Join(r.stage, filepath.FromSlash(p.name()), f.kind)}
	contents := l.fixed()
	for _, more := range []func() ([]content, error){l.manual, l.documents} {
		list, err := more()
		if err != nil {
			return err
		}
		contents = append(contents, list...)
	}
	return l.make(ctx, append(contents, r.rootFile("/usr/bin/"+p.product.Name, p.file, 0o755)))
}

// rootFile is a file of root's in a package.
func (r *release) rootFile(to, from string, mode fs.FileMode) content {
	return content{Source: from, Path: to, Info: fileInfo{Mode: mode, Owner: "root", Group: "root", MTime: r.date}}
}

// staged writes a file that is made on the way, and returns it as one of the package.
func (l *linuxPackage) staged(to string, data []byte) (content, error) {
	name := filepath.Join(l.dir, filepath.FromSlash(to))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return content{}, err
	}
	return l.rootFile(to, name, 0o644), os.WriteFile(name, data, 0o600)
}

// folder is one that the package owns, and takes away when it goes.
func (l *linuxPackage) folder(to string) content {
	f := l.rootFile(to, "", fs.ModeDir|0o755)
	f.Type = "dir"
	return f
}

// fixed are the files that are in the repository as they are.
func (l *linuxPackage) fixed() []content {
	name := l.product.Name
	ours := files + "/" + name
	conf := l.rootFile("/etc/"+name+"/"+name+".conf", ours+"/"+name+".conf", 0o644)
	conf.Type = "config|noreplace"
	list := []content{conf, l.folder("/etc/" + name)}
	switch l.kind {
	case "apk":
		return append(list, l.folder("/usr/share/licenses/"+name), l.rootFile("/etc/init.d/"+name, "installer/files/"+name+".openrc", 0o755))
	case "rpm":
		list = append(list, l.folder("/usr/share/licenses/"+name))
	case "deb":
		list = append(list, l.rootFile("/usr/share/lintian/overrides/"+name, ours+"/lintian-overrides", 0o644))
	}
	for _, u := range l.product.units {
		list = append(list, l.rootFile("/usr/lib/systemd/system/"+path.Base(u), u, 0o644))
	}
	return list
}

// manual is the manual page, and the completions of bash and fish.
func (l *linuxPackage) manual() ([]content, error) {
	name := l.product.Name
	page, err := os.ReadFile(filepath.Join(l.source, "docs", "man", name+".1"))
	if err != nil {
		return nil, err
	}
	bash, err := l.completion(l.product, "bash")
	if err != nil {
		return nil, err
	}
	fish, err := l.completion(l.product, "fish")
	if err != nil {
		return nil, err
	}
	return l.all([]made{
		{"/usr/share/man/man1/" + name + ".1.gz", compress(page)},
		{"/usr/share/bash-completion/completions/" + name, bash},
		{"/usr/share/fish/vendor_completions.d/" + name + ".fish", fish},
	})
}

// made is a file of a package that is made on the way.
type made struct {
	path string
	data []byte
}

func (l *linuxPackage) all(files []made) (list []content, err error) {
	for _, m := range files {
		c, err := l.staged(m.path, m.data)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// completion asks the program, built for this machine, for the completion script of a shell.
func (r *release) completion(p *product, shell string) ([]byte, error) {
	own := program{product: p, goos: runtime.GOOS, goarch: runtime.GOARCH}
	out, err := exec.Command(filepath.Join(r.programs, filepath.FromSlash(own.name())), "completion", shell).Output()
	if err != nil {
		return nil, fmt.Errorf("completion for %s of %s, built for this machine: %w", shell, own.name(), err)
	}
	if shell == "zsh" { // in a folder of functions it is run at the first use, and must complete then
		out = fmt.Appendf([]byte("#compdef "+p.Name+"\n"), "%s_bash_complete -o default -F _%s\n", out, strings.ReplaceAll(p.Name, "-", "_"))
	}
	return out, nil
}

// script writes a script of a package into the stage: a template of files/scripts with the product in it.
func (l *linuxPackage) script(name string) (string, error) {
	dir := filepath.Join(l.source, files, "scripts")
	t, err := template.ParseFiles(filepath.Join(dir, name+".sh"), filepath.Join(dir, "functions.sh"))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, l.product); err != nil {
		return "", err
	}
	to := filepath.Join(l.dir, name)
	if err := os.WriteFile(to, b.Bytes(), 0o600); err != nil {
		return "", err
	}
	return to, os.Chtimes(to, l.date, l.date) // nfpm takes it into an apk
}

// compress is gzip -9n.
func compress(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is right
	w.Write(data)                                         // a buffer takes all
	w.Close()
	return b.Bytes()
}

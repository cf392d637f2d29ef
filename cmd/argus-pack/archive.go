package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// member is a file of an archive.
type member struct {
	name string
	mode fs.FileMode
	data []byte
}

// archive writes a program and its papers as they are: for who installs it by hand (argus-endpoint install).
func (r *release) archive(p program) error {
	dir := fmt.Sprintf("%s-%s-%s-%s", p.product.Name, r.version, p.goos, fileArch[p.goarch])
	list := []member{{dir + "/" + noticesFile, 0o644, notices(p, r.linked(p))}}
	for name, from := range r.papers(p) {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if name == p.base() {
			mode = 0o755
		}
		list = append(list, member{dir + "/" + name, mode, data})
	}
	slices.SortFunc(list, func(a, b member) int { return strings.Compare(a.name, b.name) })
	pack, suffix := tarred, ".tar.gz"
	if p.goos == "windows" {
		pack, suffix = zipped, ".zip"
	}
	b, err := pack(list, r.date)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, dir+suffix), b, 0o644)
}

// papers are the files of an archive by their names in it: of a program that makes itself no service, the unit and its configuration too.
func (r *release) papers(p program) map[string]string {
	name := p.product.Name
	list := map[string]string{"LICENSE": "LICENSE", "CHANGELOG.md": "CHANGELOG.md", name + ".1": "docs/man/" + name + ".1"}
	if !p.product.Endpoint {
		list[name+".conf"] = filepath.Join(files, name, name+".conf")
		for _, unit := range p.product.units {
			list[filepath.Base(unit)] = unit
		}
	}
	for name, from := range list {
		list[name] = filepath.Join(r.source, from)
	}
	list[p.base()] = p.file
	return list
}

func tarred(list []member, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is right
	w := tar.NewWriter(z)
	for _, m := range list {
		h := &tar.Header{Name: m.name, Mode: int64(m.mode), Size: int64(len(m.data)), ModTime: date, Uname: "root", Gname: "root", Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(m.data); err != nil {
			return nil, err
		}
	}
	err := errors.Join(w.Close(), z.Close())
	return b.Bytes(), err
}

func zipped(list []member, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range list {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate, Modified: date}
		h.SetMode(m.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(m.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

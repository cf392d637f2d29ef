package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GivenToken is where a package for Linux has the token that was baked into it. Its scripts put it where the service looks for it.
const GivenToken = "/usr/share/argus-endpoint/token"

var errDeb = errors.New("this is no deb package as make packages writes them")

// arMember is a file of an ar archive (ar(5)), which a deb is (deb(5)).
type arMember struct {
	name string
	data []byte
}

const (
	arMagic  = "!<arch>\n"
	arHeader = 60
)

// BakeDeb returns the deb package with the token in it, as a file that was written at the time at; one that is there is replaced. All else
// stays as it is. A signature in it would no longer be true: a signed package is refused.
func BakeDeb(deb []byte, token string, at time.Time) ([]byte, error) {
	if err := checkToken(token); err != nil {
		return nil, err
	}
	members, err := readAr(deb)
	if err != nil {
		return nil, err
	}
	if len(members) > 3 && strings.HasPrefix(members[3].name, "_gpg") {
		return nil, errors.New("this deb is signed, which another token would break: take the unsigned one, and sign what comes of it")
	}
	if len(members) != 3 || members[0].name != "debian-binary" || members[1].name != "control.tar.gz" || members[2].name != "data.tar.gz" {
		return nil, errDeb
	}
	file := File{Path: GivenToken, Mode: 0o600, Data: []byte(token + "\n")}
	if members[2].data, err = retar(members[2].data, func(all []tarFile) ([]tarFile, error) { return addToTar(all, file, at), nil }); err != nil {
		return nil, fmt.Errorf("%w: its files: %w", errDeb, err)
	}
	if members[1].data, err = retar(members[1].data, func(all []tarFile) ([]tarFile, error) { return sumInto(all, file) }); err != nil {
		return nil, fmt.Errorf("%w: its control files: %w", errDeb, err)
	}
	return writeAr(members, at), nil
}

func readAr(b []byte) (members []arMember, err error) {
	b, ok := bytes.CutPrefix(b, []byte(arMagic))
	for ; ok && len(b) > 0; ok = len(members) < 8 {
		if len(b) < arHeader || string(b[58:60]) != "`\n" {
			return nil, errDeb
		}
		size, err := strconv.ParseUint(strings.TrimSpace(string(b[48:58])), 10, 31)
		name := strings.TrimSuffix(strings.TrimSpace(string(b[:16])), "/")
		b = b[arHeader:]
		if err != nil || size > uint64(len(b)) {
			return nil, errDeb
		}
		members = append(members, arMember{name, b[:size]})
		b = b[min(size+size%2, uint64(len(b))):]
	}
	if !ok {
		return nil, errDeb
	}
	return members, nil
}

func writeAr(members []arMember, at time.Time) []byte {
	b := []byte(arMagic)
	for _, m := range members {
		b = fmt.Appendf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, at.Unix(), 0, 0, "100644", len(m.data))
		b = append(b, m.data...)
		if len(m.data)%2 == 1 {
			b = append(b, '\n')
		}
	}
	return b
}

// tarFile is an entry of a tar archive.
type tarFile struct {
	header *tar.Header
	data   []byte
}

// name is the path in the archive without the dot that it may begin with.
func (f *tarFile) name() string { return path.Clean("/" + f.header.Name) }

// retar writes a compressed tar archive anew after a change of its entries.
func retar(packed []byte, change func([]tarFile) ([]tarFile, error)) ([]byte, error) {
	plain, err := gunzip(packed, maxContent)
	if err != nil {
		return nil, err
	}
	var all []tarFile
	left := int64(maxContent) // a sparse file may be larger than the archive
	r := tar.NewReader(bytes.NewReader(plain))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil && (len(all) == maxEntries || h.Size > left) {
			err = errors.New("too large")
		}
		if err != nil {
			return nil, err
		}
		left -= h.Size
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		all = append(all, tarFile{h, data})
	}
	if all, err = change(all); err != nil {
		return nil, err
	}
	return gzipTar(all)
}

func gzipTar(all []tarFile) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range all {
		f.header.Format = tar.FormatUnknown // the one that it needs
		if err := w.WriteHeader(f.header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := errors.Join(w.Close(), z.Close())
	return b.Bytes(), err
}

// addToTar puts a file of root's into the entries of a package, and the folders above it that are not there.
func addToTar(all []tarFile, f File, at time.Time) []tarFile {
	all = slices.DeleteFunc(all, func(t tarFile) bool { return t.name() == f.Path })
	var folders []string
	for dir := path.Dir(f.Path); dir != "/"; dir = path.Dir(dir) {
		if !slices.ContainsFunc(all, func(t tarFile) bool { return t.name() == dir }) {
			folders = append(folders, dir)
		}
	}
	slices.Reverse(folders)
	for _, dir := range folders {
		all = append(all, tarFile{header: &tar.Header{Typeflag: tar.TypeDir, Name: "." + dir + "/", Mode: 0o755, Uname: "root", Gname: "root", ModTime: at}})
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: "." + f.Path, Mode: int64(f.Mode), Size: int64(len(f.Data)), Uname: "root", Gname: "root", ModTime: at}
	return append(all, tarFile{h, f.Data})
}

// sumInto enters a file into the list of sums of a package of argus-endpoint.
func sumInto(all []tarFile, f File) ([]tarFile, error) {
	ours := slices.ContainsFunc(all, func(t tarFile) bool {
		return t.name() == "/control" && slices.Contains(strings.Split(string(t.data), "\n"), "Package: argus-endpoint")
	})
	i := slices.IndexFunc(all, func(t tarFile) bool { return t.name() == "/md5sums" })
	if !ours || i < 0 {
		return nil, errors.New("it is not of argus-endpoint")
	}
	var sums []string
	for line := range strings.Lines(string(all[i].data)) {
		if !strings.HasSuffix(strings.TrimSpace(line), f.Path[1:]) {
			sums = append(sums, line)
		}
	}
	sums = append(sums, fmt.Sprintf("%x  %s\n", md5.Sum(f.Data), f.Path[1:]))
	all[i].data = []byte(strings.Join(sums, ""))
	all[i].header.Size = int64(len(all[i].data))
	return all, nil
}

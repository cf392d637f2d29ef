package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"
)

// TestHostileArchives: small files that would take the machine's memory, or its time, if they were believed.
func TestHostileArchives(t *testing.T) {
	for name, c := range map[string]struct {
		read func() error
		want string
	}{
		"a deb of sparse files": {func() error {
			_, err := BakeDeb(sparseDeb(t), aToken, bakedAt)
			return err
		}, "too large"},
		"an rpm whose tags share a value": {func() error {
			const size, tags = 1 << 16, 100
			header := append([]byte{0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0}, words(tags, size)...)
			for i := range uint32(tags) {
				header = append(header, words(3000+i, rpmStrings, 0, size)...)
			}
			_, _, err := readHeader(append(header, make([]byte, size)...))
			return err
		}, "cut off"},
		"an rpm whose text has no end": {func() error {
			header := append([]byte{0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0}, words(1, 3, rpmName, rpmStrings, 0, 2)...)
			_, _, err := readHeader(append(header, 'a', 0, 'b'))
			return err
		}, "cut off"},
		"a Bom of long names in each other": {func() error {
			_, err := readBom(nestedBom(t, strings.Repeat("n", maxName+1)))
			return err
		}, "path 1"},
		"a Bom whose name goes elsewhere": {func() error {
			_, err := readBom(nestedBom(t, "a/../../b"))
			return err
		}, "path 1"},
		"a xar whose members share what is stored": {func() error {
			archive := sharedXAR(t)
			_, _, err := readXAR(bytes.NewReader(archive), int64(len(archive)))
			return err
		}, "octets at 20 of the heap"},
		"a chain that ends where it begins": {func() error {
			_, err := openCompound(loopedCompound(t))
			return err
		}, "directory"},
	} {
		if err := c.read(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.200v, want %q", name, err, c.want)
		}
	}
}

// sparseDeb has files of 16 MB each that take 512 octets (tar(5), "GNU tar archives"), before one that is as long.
func sparseDeb(t *testing.T) []byte {
	const size = 16 << 20
	var plain bytes.Buffer
	for i := range 10 {
		h := make([]byte, 512)
		copy(h[257:], "ustar  ")
		for at, text := range map[int]string{0: fmt.Sprint("f", i), 100: "0000644", 108: "0000000", 116: "0000000", 124: "00000000000", 136: "00000000000", 156: "S",
			386: fmt.Sprintf("%011o", size), 398: "00000000000", 483: fmt.Sprintf("%011o", size), 148: "        "} {
			copy(h[at:], text)
		}
		sum := 0
		for _, octet := range h {
			sum += int(octet)
		}
		copy(h[148:], fmt.Sprintf("%06o\x00", sum))
		plain.Write(h)
	}
	w := tar.NewWriter(&plain)
	err := w.WriteHeader(&tar.Header{Name: "f", Size: size, Mode: 0o644})
	if err == nil {
		_, err = w.Write(make([]byte, size))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, errPack := z.Write(plain.Bytes())
	if err := errors.Join(err, errPack, z.Close()); err != nil {
		t.Fatal(err)
	}
	members, err := readAr(smallDeb(t, "argus-endpoint"))
	if err != nil {
		t.Fatal(err)
	}
	members[2].data = packed.Bytes()
	return writeAr(members, bakedAt)
}

// nestedBom has folders of that name, each in the one before it.
func nestedBom(t *testing.T, name string) []byte {
	w := new(bomWriter)
	info, err := bomInfo(&File{Path: "/", Mode: fs.ModeDir | 0o755}, bakedAt)
	if err != nil {
		t.Fatal(err)
	}
	about := w.add(info)
	var list [][2]uint32
	for i, name := range append([]string{"."}, strings.Split(strings.Repeat(name+"\x00", maxEntries-1), "\x00")[:maxEntries-1]...) {
		list = append(list, [2]uint32{w.add(words(uint32(i+1), about)), w.add(append(append(words(uint32(i)), name...), 0))})
	}
	w.name("Paths", w.tree(w.add(leaf(bomNode, list)), bomNode, len(list)))
	return w.file()
}

// sharedXAR has members that are empty, each stored in the same 8 MB.
func sharedXAR(t *testing.T) []byte {
	heap := make([]byte, 8<<20)
	empty, err := deflate(nil)
	if err != nil {
		t.Fatal(err)
	}
	stored := heap[20:]
	copy(stored, empty)
	toc := new(bytes.Buffer)
	toc.WriteString(`<xar><toc><creation-time>2023-11-14T22:13:20</creation-time><checksum style="sha1"><size>20</size></checksum>`)
	for i := range 40 {
		fmt.Fprintf(toc, `<file><name>x%d</name><type>file</type><data><length>%d</length><offset>20</offset><size>0</size><encoding style="%s"/>`+
			`<extracted-checksum style="sha1">%s</extracted-checksum><archived-checksum style="sha1">%s</archived-checksum></data></file>`,
			i, len(stored), styleZlib, sumOf(nil).Hex, sumOf(stored).Hex)
	}
	toc.WriteString(`</toc></xar>`)
	var out bytes.Buffer
	if err := writeArchive(&out, toc.Bytes(), heap); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// loopedCompound is an MSI whose directory's only sector is followed by itself.
func loopedCompound(t *testing.T) []byte {
	msi := tiny(t)
	c := open(t, msi)
	directory := numbers(msi[48:52])[0]
	fat, err := c.at(numbers(msi[76:80])[0])
	if err != nil {
		t.Fatal(err)
	}
	copy(fat[4*directory:], msi[48:52])
	return msi
}

// TestPKGNamesTwice: a payload with a path twice, of which one is not in the Bom.
func TestPKGNamesTwice(t *testing.T) {
	m := sample()
	files, err := m.tree()
	if err != nil {
		t.Fatal(err)
	}
	last := files[len(files)-1]
	other := last
	other.Data = []byte("another program")
	content, err := writeCPIO(append(files, other), m.Time)
	if err != nil {
		t.Fatal(err)
	}
	list, err := writeBom(append(files, last), m.Time)
	if err != nil {
		t.Fatal(err)
	}
	members, at, err := readXAR(bytes.NewReader(build(t, m)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range members {
		switch members[i].path {
		case component + "/" + payload:
			members[i].data = content
		case component + "/" + bom:
			members[i].data = list
		}
	}
	var out bytes.Buffer
	if err := writeXAR(&out, members, at); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPKG(bytes.NewReader(out.Bytes()), int64(out.Len())); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a path that is in the payload twice: %v", err)
	}
}

// TestPKGOfOddFiles: what can be written can be read.
func TestPKGOfOddFiles(t *testing.T) {
	for name, m := range map[string]Manifest{
		"no file":                           {},
		"no name but a ü":                   {Files: []File{{Path: "/ü/日本", Mode: 0o644}}},
		"longest names":                     {Files: []File{{Path: strings.Repeat("/"+strings.Repeat("n", maxName), 3), Mode: 0o600, Data: []byte("x")}}},
		"a file like the end of an archive": {Files: []File{{Path: "/" + cpioTrailer, Mode: 0o644}}},
	} {
		m.Identifier, m.Version, m.Time = "org.example.odd", "1", time.Unix(1, 0)
		pkg := build(t, m)
		if got, err := ReadPKG(bytes.NewReader(pkg), int64(len(pkg))); err != nil || len(m.Files) > 0 && got.Files[len(got.Files)-1].Path != m.Files[0].Path {
			t.Errorf("%s: %v", name, err)
		}
	}
}

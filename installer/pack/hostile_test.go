package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
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
		"a xar of zeros": {func() error {
			x := zerosXAR(t)
			toc, err := x.contents()
			if err != nil {
				return err
			}
			return x.files("", toc.TOC.Files)
		}, "c: more than"},
		"a chain that ends where it begins": {func() error {
			msi := tiny(t)
			directory := numbers(msi[48:52])[0]
			copy(sectorOf(t, msi, numbers(msi[76:80])[0])[4*directory:], msi[48:52])
			_, err := openCompound(msi)
			return err
		}, "directory"},
		"a list of the FAT that ends where it begins": {func() error {
			msi := tiny(t)
			list := len(msi)/512 - 2 // the last sector names itself as the next
			last := sectorOf(t, msi, uint32(list))
			for i := range last {
				last[i] = 0xff
			}
			copy(last[508:], binary.LittleEndian.AppendUint32(nil, uint32(list)))
			copy(msi[68:], last[508:])
			_, err := openCompound(msi)
			return err
		}, "list of its FAT"},
		"a FAT of one sector many times": {func() error {
			msi := tiny(t)
			for at := 76; at < 512; at += 4 {
				copy(msi[at:], msi[76:80])
			}
			_, err := openCompound(msi)
			return err
		}, "its FAT"},
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

// zerosXAR has members of 60 kB each that take a hundred octets, for a reader that takes 128 kB.
func zerosXAR(t *testing.T) *xarReader {
	zeros := make([]byte, 60<<10)
	var out bytes.Buffer
	if err := writeXAR(&out, []member{{path: "a", data: zeros}, {path: "b", data: zeros}, {path: "c", data: zeros}}, bakedAt); err != nil {
		t.Fatal(err)
	}
	return &xarReader{from: bytes.NewReader(out.Bytes()), size: int64(out.Len()), left: 128 << 10}
}

func sectorOf(t *testing.T, msi []byte, n uint32) []byte {
	sector, err := (&compound{file: msi, sector: 512}).at(n)
	if err != nil {
		t.Fatal(err)
	}
	return sector
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

// TestBomAsDescribed reads a Bom without our reader, by the public descriptions of what mkbom writes: sizes and numbers of every part.
func TestBomAsDescribed(t *testing.T) {
	m := sample()
	files, err := m.tree()
	if err != nil {
		t.Fatal(err)
	}
	b, err := writeBom(files, m.Time)
	if err != nil {
		t.Fatal(err)
	}
	u32 := func(at int) int { return int(binary.BigEndian.Uint32(b[at:])) }
	blocks, index, indexLen, names, namesLen := u32(12), u32(16), u32(20), u32(24), u32(28)
	// A block 0 of nothing, the others; behind them a list of free ones, of which there is none, with room for two.
	if count := u32(index); count != blocks+1 || u32(index+4) != 0 || u32(index+8) != 0 || indexLen != 4+8*count+4+16 || u32(index+4+8*count) != 0 {
		t.Errorf("%d blocks, %d in the index of %d octets", blocks, count, indexLen)
	}
	if names+namesLen != len(b) || names != index+indexLen || string(b[:8]) != "BOMStore" || u32(8) != 1 {
		t.Errorf("names at %d+%d of %d octets", names, namesLen, len(b))
	}
	block := func(n int) (at, size int) { return u32(index + 4 + 8*n), u32(index + 8 + 8*n) }
	var got []string
	at := names + 4
	for range u32(names) {
		n, size := u32(at), int(b[at+4])
		place, length := block(n)
		what := ""
		switch name := string(b[at+5 : at+5+size]); {
		case string(b[place:place+4]) == "tree":
			_, node := block(u32(place + 8))
			what = fmt.Sprintf("tree %d of nodes of %d, %d, with %d", u32(place+4), u32(place+12), node, u32(place+16))
		case name == "BomInfo":
			what = fmt.Sprintf("%d with %d paths, %d entry of %d octets", u32(place), u32(place+4), u32(place+8), u32(place+20))
		case name == "VIndex":
			tree, treeLength := block(u32(place + 4))
			what = fmt.Sprintf("%d to a %s of %d", u32(place), b[tree:tree+4], treeLength)
		}
		got = append(got, fmt.Sprintf("%s %d: %s", b[at+5:at+5+size], length, what))
		at += 5 + size
	}
	want := []string{
		"BomInfo 28: 1 with 12 paths, 1 entry of 72013 octets",
		"Paths 21: tree 1 of nodes of 4096, 4096, with 12",
		"HLIndex 21: tree 1 of nodes of 4096, 4096, with 0",
		"VIndex 13: 1 to a tree of 21",
		"Size64 21: tree 1 of nodes of 128, 128, with 0",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

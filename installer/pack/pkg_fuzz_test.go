package pack

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// FuzzReadPKG has no way through the checksums: what lies behind them has targets of its own.
func FuzzReadPKG(f *testing.F) {
	pkg := build(f, sample())
	f.Add(pkg)
	f.Add(pkg[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ReadPKG(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if _, err := m.tree(); err != nil {
			t.Errorf("read what cannot be written: %v", err)
		}
	})
}

// FuzzTOC gives tables of contents with a right checksum to the reader.
func FuzzTOC(f *testing.F) {
	pkg := build(f, sample())
	x := &xarReader{from: bytes.NewReader(pkg), size: int64(len(pkg)), left: maxContent}
	if _, err := x.contents(); err != nil {
		f.Fatal(err)
	}
	toc, err := inflate(pkg[xarHeader:x.heap], 1<<20)
	if err == nil || len(toc) == 0 {
		f.Fatal("no table of contents to begin with")
	}
	f.Add(toc, pkg[x.heap:])
	f.Add([]byte(`<xar><toc><creation-time>2023-11-14T22:13:20</creation-time><checksum style="sha1"><size>20</size></checksum>`+
		`<file><name>x</name><type>file</type><data><length>9223372036854775807</length><offset>1</offset><size>-1</size></data></file></toc></xar>`), make([]byte, 30))
	f.Fuzz(func(t *testing.T, toc, heap []byte) {
		if len(heap) < 20 {
			return
		}
		var out bytes.Buffer
		if err := writeArchive(&out, toc, bytes.Clone(heap)); err != nil {
			t.Fatal(err)
		}
		members, _, err := readXAR(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil && !errors.Is(err, errXAR) {
			t.Errorf("an error of no kind: %v", err)
		}
		size := 0
		for _, m := range members {
			size += len(m.data)
		}
		if size > maxContent {
			t.Errorf("%d octets of content", size)
		}
	})
}

func FuzzCPIO(f *testing.F) {
	m := sample()
	files, err := m.tree()
	if err != nil {
		f.Fatal(err)
	}
	z, err := writeCPIO(files, m.Time)
	if err != nil {
		f.Fatal(err)
	}
	plain, err := gunzip(z, maxContent)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain[:4000])
	f.Add(append(plain[:200:200], plain[len(plain)-87:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, at, err := readCPIO(b)
		if err != nil {
			return
		}
		again := Manifest{Files: files, Time: at}
		tree, err := again.tree()
		if err != nil {
			return // a path twice, or below a file
		}
		if _, err := writeCPIO(tree, time.Unix(1, 0)); err != nil {
			t.Errorf("read what cannot be written: %v", err)
		}
	})
}

func FuzzBom(f *testing.F) {
	m := sample()
	files, err := m.tree()
	if err != nil {
		f.Fatal(err)
	}
	list, err := writeBom(files, m.Time)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(list)
	f.Add(list[:600])
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := readBom(b)
		if err != nil && !errors.Is(err, errBom) || err == nil && len(entries) > maxEntries {
			t.Errorf("%d entries, %v", len(entries), err)
		}
	})
}

package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// fileWriter makes capture files in either byte order.
type fileWriter struct {
	binary.AppendByteOrder
	order binary.ByteOrder
	b     []byte
}

var fileOrders = []fileWriter{{binary.LittleEndian, binary.LittleEndian, nil}, {binary.BigEndian, binary.BigEndian, nil}}

func (w *fileWriter) u16(v ...uint16) *fileWriter {
	for _, x := range v {
		w.b = w.AppendUint16(w.b, x)
	}
	return w
}

func (w *fileWriter) u32(v ...uint32) *fileWriter {
	for _, x := range v {
		w.b = w.AppendUint32(w.b, x)
	}
	return w
}

func (w *fileWriter) raw(b ...byte) *fileWriter { w.b = append(w.b, b...); return w }

func (w *fileWriter) text(s string) *fileWriter { return w.raw([]byte(s)...) }

// header is a pcap file header.
func (w *fileWriter) header(magic uint32, major, minor uint16, network uint32) *fileWriter {
	return w.u32(magic).u16(major, minor).u32(0, 0, 64, network)
}

// block is a pcapng block.
func (w *fileWriter) block(kind uint32, body func(w *fileWriter)) *fileWriter {
	in := fileWriter{w.AppendByteOrder, w.order, nil}
	body(&in)
	for len(in.b)%4 != 0 {
		in.b = append(in.b, 0)
	}
	n := uint32(12 + len(in.b))
	return w.u32(kind, n).raw(in.b...).u32(n)
}

func (w *fileWriter) section() *fileWriter {
	return w.block(pcapngSection, func(w *fileWriter) { w.u32(0x1a2b3c4d).u16(1, 0).u32(0xffffffff, 0xffffffff) })
}

func (w *fileWriter) option(code uint16, v ...byte) *fileWriter {
	w.u16(code, uint16(len(v))).raw(v...)
	for len(w.b)%4 != 0 {
		w.b = append(w.b, 0)
	}
	return w
}

func (w *fileWriter) iface(link LinkType, snap uint32, options ...[]byte) *fileWriter {
	return w.block(pcapngInterface, func(w *fileWriter) {
		w.u16(uint16(link), 0).u32(snap)
		for _, o := range options {
			w.option(uint16(o[0]), o[1:]...)
		}
	})
}

func (w *fileWriter) enhanced(index uint32, stamp uint64, wire int, data []byte, options ...[]byte) *fileWriter {
	return w.block(pcapngEnhanced, func(w *fileWriter) {
		w.u32(index, uint32(stamp>>32), uint32(stamp), uint32(len(data)), uint32(wire)).raw(data...)
		for len(w.b)%4 != 0 {
			w.b = append(w.b, 0)
		}
		for _, o := range options {
			w.option(uint16(o[0]), o[1:]...)
		}
	})
}

// readAll describes each frame of a file and the error after the last.
func readAll(r io.Reader) (frames []string, err error) {
	s, err := NewReader(r)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var f Frame
	for {
		data, err := s.Next(&f, 0)
		if err != nil {
			_, again := s.Next(&f, 0)
			if again != err {
				return frames, fmt.Errorf("the error %w does not stay but is %w", err, again)
			}
			return frames, err
		}
		out := ""
		if f.Outgoing {
			out = " out"
		}
		if len(data) != f.CaptureLength {
			return frames, fmt.Errorf("%d octets lent, %d announced", len(data), f.CaptureLength)
		}
		frames = append(frames, fmt.Sprintf("%s if%d link%d %q of %d%s",
			f.Timestamp.Format("05.000000000"), f.InterfaceIndex, f.Link, data, f.Length, out))
	}
}

// expect reads a file whole, byte by byte, and cut at every place: a cut file gives every whole frame and then says so.
func expect(t *testing.T, file []byte, want ...string) {
	t.Helper()
	same := func(got []string) bool { return strings.Join(got, "\n") == strings.Join(want[:len(got)], "\n") }
	for _, r := range []io.Reader{bytes.NewReader(file), iotest.OneByteReader(bytes.NewReader(file))} {
		got, err := readAll(r)
		if err != io.EOF || len(got) != len(want) || !same(got) {
			t.Fatalf("got %q, %v\nwant %q", got, err, want)
		}
	}
	for n := range file {
		got, err := readAll(bytes.NewReader(file[:n]))
		if len(got) > len(want) || !same(got) {
			t.Fatalf("cut at %d: %q", n, got)
		}
		if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

func TestPcap(t *testing.T) {
	for _, w := range fileOrders {
		for _, c := range []struct {
			name    string
			magic   uint32
			patched bool
			nanos   string
		}{
			{"micro", 0xa1b2c3d4, false, "000042000"},
			{"nano", 0xa1b23c4d, false, "000000042"},
			{"modified", 0xa1b2cd34, true, "000042000"},
		} {
			t.Run(fmt.Sprint(c.name, w.order), func(t *testing.T) {
				w := w
				w.header(c.magic, 2, 4, 0x14000000|uint32(LinkRaw)) // FCS of 4 octets
				extra := func(kind byte) {
					if c.patched {
						w.u32(3).u16(8).raw(kind, 0)
					}
				}
				w.u32(7, 42, 3, 60)
				extra(4)
				w.text("abc")
				long := strings.Repeat("x", 100) // longer than the file's snap length
				w.u32(8, 42, 100, 100)
				extra(0)
				w.text(long)
				out := ""
				if c.patched {
					out = " out"
				}
				expect(t, w.b, "07."+c.nanos+` if0 link101 "abc" of 60`+out, "08."+c.nanos+` if0 link101 "`+long+`" of 100`)
			})
		}
	}
}

// TestPcapOldVersions has the files whose two lengths stand the other way round.
func TestPcapOldVersions(t *testing.T) {
	for _, minor := range []uint16{2, 3} {
		w := fileOrders[0]
		w.header(0xa1b2c3d4, 2, minor, 1).u32(1, 0, 60, 3).text("abc")
		expect(t, w.b, `01.000000000 if0 link1 "abc" of 60`)
	}
}

func TestPcapng(t *testing.T) {
	for _, w := range fileOrders {
		t.Run(fmt.Sprint(w.order), func(t *testing.T) {
			w := w
			offset := make([]byte, 8)
			w.order.PutUint64(offset, 30)
			outbound := make([]byte, 4)
			w.order.PutUint32(outbound, 2)
			w.section()
			w.iface(LinkEthernet, 0, []byte{2, 'e', 't', 'h'})                   // microseconds
			w.iface(LinkRaw, 3, []byte{9, 9}, append([]byte{14}, offset...))     // nanoseconds, 30 s later
			w.iface(LinkRaw, 0, []byte{9, 0x80 | 10})                            // 1/1024 s
			w.iface(LinkRaw, 0, []byte{9, 0x80 | 63})                            // 2^-63 s
			w.iface(LinkRaw, 0, []byte{9, 0})                                    // seconds
			w.iface(LinkRaw, 0, []byte{9, 12})                                   // picoseconds
			w.block(0xbad, func(w *fileWriter) { w.raw(make([]byte, 3000)...) }) // unknown
			w.enhanced(0, 7_000_042, 60, []byte("abc"), append([]byte{2}, outbound...))
			w.enhanced(1, 7_000_000_042, 3, []byte("nan"))
			w.enhanced(2, 7*1024+512, 4, []byte("bin."))
			w.enhanced(3, 1<<62|1<<63, 1, []byte("m"))
			w.enhanced(4, 9, 0, nil)
			w.enhanced(5, 5_000_000_042_999, 1, []byte("p"))
			w.block(pcapngObsolete, func(w *fileWriter) { w.u16(0, 5).u32(0, 8_000_000, 3, 99).text("old") })
			w.block(pcapngSimple, func(w *fileWriter) { w.u32(6).text("simple") })
			other := fileOrders[0]
			if w.order == binary.ByteOrder(binary.LittleEndian) {
				other = fileOrders[1]
			}
			other.section().iface(LinkSLL, 2).block(pcapngSimple, func(w *fileWriter) { w.u32(6).text("si") })
			w.raw(other.b...)
			expect(t, w.b,
				`07.000042000 if0 link1 "abc" of 60 out`,
				`37.000000042 if1 link101 "nan" of 3`,
				`07.500000000 if2 link101 "bin." of 4`,
				`01.500000000 if3 link101 "m" of 1`,
				`09.000000000 if4 link101 "" of 0`,
				`05.000000042 if5 link101 "p" of 1`,
				`08.000000000 if0 link1 "old" of 99`,
				`08.000000000 if0 link1 "simple" of 6`,
				`08.000000000 if0 link113 "si" of 6`,
			)
		})
	}
}

// TestFileDamage has files that must end in a clear error, neither a panic nor memory as a length asks for.
func TestFileDamage(t *testing.T) {
	pcap := func(f func(w *fileWriter)) []byte {
		w := fileOrders[0]
		f(w.header(0xa1b2c3d4, 2, 4, 1))
		return w.b
	}
	ng := func(f func(w *fileWriter)) []byte {
		w := fileOrders[0]
		f(w.section())
		return w.b
	}
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"empty", "0 octets", nil},
		{"text", "neither pcap nor pcapng", []byte("hello, world")},
		{"version", "version 3.4", append([]byte{0xd4, 0xc3, 0xb2, 0xa1, 3, 0, 4}, make([]byte, 17)...)},
		{"pcap record of 4 GiB", "4294967295 octets", pcap(func(w *fileWriter) { w.u32(0, 0, 0xffffffff, 60) })},
		{"pcapng without byte order", "byte order", bytes.Repeat([]byte{10, 13, 13, 10}, 9)},
		{"block of 0", "block of 0", ng(func(w *fileWriter) { w.u32(6, 0, 0, 0) })},
		{"block of 13", "block of 13", ng(func(w *fileWriter) { w.u32(6, 13, 0, 0) })},
		{"known block of 4 GiB", "4294967292", ng(func(w *fileWriter) { w.u32(6, 0xfffffffc, 0, 0) })},
		{"unknown block of 4 GiB", "4294967292", ng(func(w *fileWriter) { w.u32(99, 0xfffffffc, 0, 0) })},
		{"no interface", "interface 0; the section has 0", ng(func(w *fileWriter) { w.enhanced(0, 0, 1, []byte("x")) })},
		{"simple without interface", "without an interface", ng(func(w *fileWriter) { w.block(3, func(w *fileWriter) { w.u32(1).raw('x') }) })},
		{"frame beyond block", "a frame of 99", ng(func(w *fileWriter) {
			w.iface(1, 0).block(6, func(w *fileWriter) { w.u32(0, 0, 0, 99, 99, 0) })
		})},
		{"short packet block", "packet block of 16", ng(func(w *fileWriter) { w.iface(1, 0).block(6, func(w *fileWriter) { w.u32(0) }) })},
		{"short interface", "interface description of 16", ng(func(w *fileWriter) { w.block(1, func(w *fileWriter) { w.u32(0) }) })},
		{"option beyond block", "option of 9999", ng(func(w *fileWriter) { w.block(1, func(w *fileWriter) { w.u32(1, 0).u16(9, 9999) }) })},
		{"time resolution", "resolution of 0x14", ng(func(w *fileWriter) { w.iface(1, 0, []byte{9, 20}) })},
		{"time resolution of 2^-64", "resolution of 0xc0", ng(func(w *fileWriter) { w.iface(1, 0, []byte{9, 0xc0}) })},
		{"20,000 interfaces", "more than 16384", ng(func(w *fileWriter) {
			for range 20000 {
				w.iface(1, 0)
			}
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames, err := readAll(bytes.NewReader(c.file))
			if err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), c.want) || len(frames) != 0 {
				t.Errorf("%d frames, error %v, want one that says %q", len(frames), err, c.want)
			}
		})
	}
}

// TestReaderPeek is how a caller tells other streams from capture files.
func TestReaderPeek(t *testing.T) {
	r := bufio.NewReader(bytes.NewReader(benchFile(3)))
	if b, err := r.Peek(4); err != nil || len(b) != 4 {
		t.Fatal(b, err)
	}
	if frames, err := readAll(r); len(frames) != 3 || err != io.EOF {
		t.Errorf("%d frames, %v", len(frames), err)
	}
}

func TestReaderError(t *testing.T) {
	broken := errors.New("cable cut")
	r := io.MultiReader(bytes.NewReader(benchFile(3)), iotest.ErrReader(broken))
	if frames, err := readAll(r); len(frames) != 3 || !errors.Is(err, broken) {
		t.Errorf("%d frames, %v", len(frames), err)
	}
}

func TestOpenFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.pcap")
	if _, err := OpenFile(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	os.WriteFile(name, []byte("no"), 0o600)
	if _, err := OpenFile(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("short: %v", err)
	}
	os.WriteFile(name, benchFile(2), 0o600)
	s, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	if _, err := s.Next(&f, time.Second); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Stats(); st != (Stats{Received: 1}) || err != nil {
		t.Error(st, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := s.Next(&f, time.Second); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestReadAllocates(t *testing.T) {
	const n = 5000
	s, err := NewReader(bytes.NewReader(benchFile(n + 10)))
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	if got := testing.AllocsPerRun(n, func() {
		if _, err := s.Next(&f, 0); err != nil {
			t.Fatal(err)
		}
	}); got != 0 { // 0, 2025-11
		t.Errorf("%v allocations a packet", got)
	}
}

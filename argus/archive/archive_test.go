package archive

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	formats "github.com/argus-endpoint/argus-endpoint/argus/codec"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

func init() {
	Decompress("bzip2", formats.BZip2)
	Decompress("xz", formats.XZ)
	Decompress("zstd", formats.Zstd)
}

var base = time.Date(2026, 11, 21, 20, 58, 30, 0, time.Local)

// records returns n encoded records of a monitor, one each step from base on.
func records(t testing.TB, version argus.Version, monitor byte, n int, step time.Duration) []byte {
	t.Helper()
	e := argus.Encoder{Version: version, Monitor: uuid.UUID{15: monitor}, Interface: "eth0"}
	var b []byte
	for i := range n {
		at := base.Add(time.Duration(i) * step).UnixNano()
		r := flow.Record{ID: uint64(i), Cause: flow.CauseStart, Start: at}
		r.Family, r.Proto, r.Src[0], r.Dst[0], r.SrcPort, r.DstPort = flow.FamilyIPv4, flow.ProtoUDP, 10, 11, uint16(i), 53
		r.Side[0] = flow.Side{Packets: 1, Bytes: 60, First: at, Last: at}
		b = e.AppendFlow(b, &r)
	}
	return b
}

func write(t testing.TB, w *Writer, b []byte) {
	t.Helper()
	for r, err := range argus.Records(b) {
		if err == nil {
			err = w.Write(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func create(t testing.TB, c Config) *Writer {
	t.Helper()
	w, err := Create(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// read returns the flows of a file, and how many START records there are.
func read(t testing.TB, name string) (flows, starts int) {
	t.Helper()
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := argus.NewReader(f)
	var of argus.ID
	for {
		r, err := in.Next()
		if err == io.EOF {
			return flows, starts
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Kind == argus.KindFlow {
			flows++
			if r.Monitor != of {
				t.Fatalf("%s: flows of %v behind the START record of %v", name, r.Monitor, of)
			}
		} else if flows+starts == 0 || argus.IsStream(r.Raw) {
			starts++
			of = r.Monitor
		}
	}
}

func content(t testing.TB, name string) (string, error) {
	t.Helper()
	f, err := Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

func run(t testing.TB, in []byte, name string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

// TestArchive: records go into the files of their time and sensor, whatever their order.
func TestArchive(t *testing.T) {
	for _, suffix := range []string{"", ".gz"} {
		dir := t.TempDir()
		c := Config{Name: filepath.Join(dir, "$srcid/%Y/%m/%d/argus.%Y.%m.%d.%H.%M.%S") + suffix, Every: time.Minute}
		w := create(t, c)
		e := argus.Encoder{Monitor: uuid.UUID{15: 1}}
		write(t, w, e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Now: base.Add(24 * time.Hour).UnixNano()})) // it begins no file
		one, two := records(t, argus.V5, 1, 100, time.Second), records(t, argus.V5, 2, 10, time.Second)
		write(t, w, one)
		write(t, w, two)
		write(t, w, one) // late
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		w = create(t, c) // after a restart
		write(t, w, one)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]int{
			"00000000-0000-0000-0000-000000000001/2026/11/21/argus.2026.11.21.20.58.00": 90,
			"00000000-0000-0000-0000-000000000001/2026/11/21/argus.2026.11.21.20.59.00": 180,
			"00000000-0000-0000-0000-000000000001/2026/11/21/argus.2026.11.21.21.00.00": 30,
			"00000000-0000-0000-0000-000000000002/2026/11/21/argus.2026.11.21.20.58.00": 10,
		} {
			if flows, starts := read(t, filepath.Join(dir, name+suffix)); flows != want || starts != 1 {
				t.Errorf("%s%s: %d flows, want %d; %d START records", name, suffix, flows, want, starts)
			}
		}
		if all, _ := Files([]string{dir}); len(all) != 4 {
			t.Errorf("files %q", all)
		}
	}
}

// TestSize: a file that is full is followed by another; after a restart too. No record is lost.
func TestSize(t *testing.T) {
	dir := t.TempDir()
	b := records(t, argus.V5, 1, 2000, time.Millisecond)
	for range 2 {
		w := create(t, Config{Name: filepath.Join(dir, "x"), Size: 1 << 17})
		write(t, w, b)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all, _ := Files([]string{dir})
	sum := 0
	for _, name := range all {
		flows, starts := read(t, name)
		sum += flows
		if info, _ := os.Stat(name); starts != 1 || info.Size() > 1<<17+1<<16 {
			t.Errorf("%s: %d octets, %d START records", name, info.Size(), starts)
		}
	}
	if sum != 4000 || len(all) < 2*len(b)>>18 {
		t.Errorf("%d flows in %d files", sum, len(all))
	}
}

// TestCrash: at whatever octet a file ends, what follows is readable, and what was whole is still there.
func TestCrash(t *testing.T) {
	b := records(t, argus.V5, 1, 40, time.Second)
	for _, suffix := range []string{"", ".gz"} {
		name := filepath.Join(t.TempDir(), "x"+suffix)
		w := create(t, Config{Name: name})
		write(t, w, b[:len(b)/2])
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		w = create(t, Config{Name: name})
		write(t, w, b[len(b)/2:])
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for cut := 16; cut < len(whole); cut += 13 {
			if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			w, err := Create(Config{Name: name})
			if err != nil && suffix == "" {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			if err != nil {
				continue
			}
			kept, _ := read(t, name)
			write(t, w, b)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if flows, starts := read(t, name); flows != kept+40 || starts != 1 || suffix == "" && kept < (cut-128)*40/len(b)-1 {
				t.Errorf("%s cut at %d: %d flows were whole, then there are %d; %d START records", suffix, cut, kept, flows, starts)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is dear to somebody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Config{
		{Name: text},
		{Name: filepath.Join(dir, "x.%q")},
		{Name: filepath.Join(dir, "x.$saddr")},
		{Name: "-", Every: time.Hour},
		{Name: filepath.Join(dir, "x"), Every: time.Millisecond},
	} {
		if _, err := Create(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	if b, _ := os.ReadFile(text); len(b) == 0 {
		t.Error("the text is gone")
	}
	name := filepath.Join(dir, "arg")
	w := create(t, Config{Name: name})
	write(t, w, records(t, argus.V5, 1, 3, time.Second))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(Config{Name: name, Inputs: []string{name}}); err == nil {
		t.Error("a file is written while it is read")
	}
}

// TestNoWayOut: what a record says of its sensor makes no path.
func TestNoWayOut(t *testing.T) {
	for text, want := range map[string]string{"../x": ".._x", "..": "unknown", "": "unknown", "a\\b": "a_b", "fe80::1": "fe80__1", "10.0.0.1": "10.0.0.1", "a\x00": "a_"} {
		if got := component(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// TestManySensors: more files than may be open at once.
func TestManySensors(t *testing.T) {
	dir := t.TempDir()
	w := create(t, Config{Name: filepath.Join(dir, "$srcid")})
	for range 2 {
		for i := range maxOpen + 40 {
			write(t, w, records(t, argus.V5, byte(i), 1, time.Second))
		}
	}
	if len(w.open) > maxOpen {
		t.Errorf("%d files are open", len(w.open))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all, _ := Files([]string{dir})
	for _, name := range all {
		if flows, starts := read(t, name); flows != 2 || starts != 1 {
			t.Errorf("%s: %d flows, %d START records", name, flows, starts)
		}
	}
	if len(all) != maxOpen+40 {
		t.Errorf("%d files", len(all))
	}
}

// TestRaReadsTheArchive: Debian's ra reads the files, compressed or not, and those that were continued.
func TestRaReadsTheArchive(t *testing.T) {
	b := records(t, argus.V3, 1, 50, time.Second)
	for _, name := range []string{"x", "x.gz"} {
		name = filepath.Join(t.TempDir(), name)
		for range 2 {
			w := create(t, Config{Name: name})
			write(t, w, b)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if n := bytes.Count(run(t, nil, "ra", "-n", "-r", name, "-", "udp"), []byte("udp")); n != 100 {
			t.Errorf("%s: ra reads %d flows of 100", name, n)
		}
	}
}

// TestOneWriterAFile: two that write to one file at once would lose records of each other.
func TestOneWriterAFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its locks would keep readers away")
	}
	name := filepath.Join(t.TempDir(), "a.arg.gz")
	first := create(t, Config{Name: name})
	if _, err := Create(Config{Name: name}); err == nil || !strings.Contains(err.Error(), "another program writes to it") {
		t.Errorf("a second writer: %v", err)
	}
	write(t, first, records(t, argus.V5, 1, 3, time.Second))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := create(t, Config{Name: name}).Close(); err != nil {
		t.Errorf("after the first one: %v", err)
	}
}

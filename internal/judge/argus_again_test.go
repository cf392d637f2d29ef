package judge

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// ways are the ways in which a sensor's record of version 3 comes to a reader of version 3: the versions in which it is written on
// the way, as it stands or from its fields.
var ways = []struct {
	name     string
	versions []argus.Version
	fields   bool
}{
	{"copied", []argus.Version{argus.V3}, false},
	{"copied-by-v5", []argus.Version{argus.V5, argus.V3}, false},
	{"fields", []argus.Version{argus.V3}, true},
	{"fields-by-v5", []argus.Version{argus.V5, argus.V3}, true},
}

// again writes every record of a stream once more.
func again(t *testing.T, stream []byte, v argus.Version, fields bool) (out []byte) {
	t.Helper()
	e := argus.Encoder{Version: v}
	for r, err := range argus.Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		if fields {
			r.Raw = nil
		}
		out = e.AppendRecord(out, r)
	}
	return out
}

// TestAppendRecord: of what sensors wrote and we have written once more, Debian's ra prints what it prints of the sensors' own.
// ARGUS_STREAMS names more streams of version 3 to try it with.
func TestAppendRecord(t *testing.T) {
	dir := shared(t, "formats", "argus-vectors")
	files, _ := filepath.Glob(filepath.Join(dir, "v3-argus3", "*.arg"))
	for _, name := range []string{"v3", "met3", "mini_v3"} {
		files = append(files, filepath.Join(dir, "encoder", name+".arg"))
	}
	more, _ := filepath.Glob(os.Getenv("ARGUS_STREAMS"))
	var v argusVerdict
	for _, file := range append(files, more...) {
		stream, name := content(t, file)
		theirs := printed(t, stream)
		for _, way := range ways {
			sent := stream
			for _, version := range way.versions {
				sent = again(t, sent, version, way.fields)
			}
			v.compare(way.name, name, printed(t, sent), theirs)
		}
	}
	v5, _ := filepath.Glob(filepath.Join(dir, "v5-argus5", "*.arg"))
	for _, file := range v5 {
		stream, name := content(t, file)
		text, _ := content(t, strings.TrimSuffix(file, ".arg")+".csv")
		theirs := raRows(t, text)
		for _, r := range theirs {
			delete(r, "type") // ra 3 does not know it
		}
		v.compare("v5-to-v3", name, printed(t, again(t, stream, argus.V3, false)), theirs)
		v.compare("v5-fields-to-v3", name, printed(t, again(t, stream, argus.V3, true)), theirs)
	}
	v.judge(t, "argus-again-differences.txt")
}

func content(t *testing.T, file string) (octets []byte, name string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b, strings.TrimSuffix(filepath.Base(file), ".arg")
}

// TestMergedRecords: what racluster has merged we write once more from its fields, and ra prints the same statistics.
func TestMergedRecords(t *testing.T) {
	dir := shared(t, "formats", "argus-vectors", "v3-argus3")
	files, _ := filepath.Glob(filepath.Join(dir, "*.arg"))
	statistics := func(file string) string {
		out, err := exec.Command(debian(t, "ra"), "-F", "/dev/null", "-n", "-u", "-L", "-1", "-c", ",", "-r", file,
			"-s", "stime,ltime,proto,trans,mean,min,max,sum,runtime,spkts,dpkts,sbytes,dbytes", "-", "not", "man").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	merged, ours := filepath.Join(t.TempDir(), "merged"), filepath.Join(t.TempDir(), "ours")
	args := append([]string{"-F", "/dev/null", "-m", "proto", "-w", merged, "-r"}, files...)
	if out, err := exec.Command(debian(t, "racluster"), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	stream, _ := content(t, merged)
	if err := os.WriteFile(ours, again(t, again(t, stream, argus.V5, true), argus.V3, true), 0o600); err != nil {
		t.Fatal(err)
	}
	want, got := statistics(merged), statistics(ours)
	if n := strings.Count(want, "\n"); n < 10 || !strings.Contains(want, "tcp,16,") || got != want {
		t.Errorf("%d records:\n got %s\nwant %s", n, got, want)
	}
}

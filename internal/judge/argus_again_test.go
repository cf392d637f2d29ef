package judge

import (
	"os"
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
		stream, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		theirs := printed(t, stream)
		for _, way := range ways {
			sent := stream
			for _, version := range way.versions {
				sent = again(t, sent, version, way.fields)
			}
			v.compare(way.name, strings.TrimSuffix(filepath.Base(file), ".arg"), printed(t, sent), theirs)
		}
	}
	v.judge(t, "argus-again-differences.txt")
}

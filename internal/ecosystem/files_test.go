//go:build linux

package ecosystem

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// corpusFile writes the flows of the corpus of captures to a file of version 3.
func corpusFile(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(captures); err != nil {
		t.Skip("the corpus of captures is not here")
	}
	file := filepath.Join(t.TempDir(), "corpus.arg")
	run(t, "argus-endpoint", "flows", "-r", captures, "-w", file, "--argus-version", "3")
	return file
}

// TestTraffic: every tool on what our reader wrote of an interface, in one file and in an archive of seconds.
func TestTraffic(t *testing.T) {
	l := newLab(t, "c", "a1", "a2")
	file, dir := l.path("traffic.arg"), l.path("archive")
	server := l.talker("a1", "serve", l.address("a1"))
	server.says("serving")
	one := l.start("a2", "argus-endpoint", "flows", "-i", "eth0", "--state", l.path("state"), "--flow-status-interval", "1", "-w", file, "--argus-version", "3")
	await.Event(l, 20*time.Second, "the capture has begun", func() bool {
		l.talker("a2", "ask", l.address("a1")).end(0)
		info, err := os.Stat(file)
		return err == nil && info.Size() > 500
	})
	l.talker("a2", "talk", l.address("a1")).end(0)
	one.end(syscall.SIGTERM)
	run(t, "argus-endpoint", "flows", "-r", file, "-w", filepath.Join(dir, "$srcid/%Y/%m/%d/argus.%Y.%m.%d.%H.%M.%S.gz"), "--rotate", "1s")
	filter := fmt.Sprintf("port %d", port)
	all(t, &source{name: "file of an interface", theirs: []string{"-r", file}, ours: []string{"-r", file}, filter: filter})
	all(t, &source{name: "archive of seconds, gzip", theirs: []string{"-R", dir}, ours: []string{"-r", dir}, filter: filter})
}

// TestCorpus: every tool on the flows of the corpus.
func TestCorpus(t *testing.T) {
	file := corpusFile(t)
	all(t, &source{name: "file of the corpus", theirs: []string{"-r", file}, ours: []string{"-r", file}, filter: "not man", mixed: true})
}

// TestArchive: the same flows in an archive of hours, of which each file is compressed.
func TestArchive(t *testing.T) {
	file, dir := corpusFile(t), t.TempDir()
	run(t, "argus-endpoint", "flows", "-r", file, "-w", filepath.Join(dir, "$srcid/%Y/%m/%d/argus.%Y.%m.%d.%H.%M.%S.gz"), "--rotate", "1h")
	all(t, &source{name: "archive of hours, gzip", theirs: []string{"-R", dir}, ours: []string{"-r", dir}, filter: "not man", mixed: true})
}

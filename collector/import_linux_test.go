package collector

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// TestImportOfAPipe, as of <(zcat FILE): it can be read but once, and the file is known again under another name.
func TestImportOfAPipe(t *testing.T) {
	place := Place{State: filepath.Join(t.TempDir(), "state")}
	content := flowFile(t, argus.V3, "192.0.2.7", 1, 9)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, zipped(t, content), 0) }()
	if d := importAll(t, place, pipe)[0]; d.New != 10 || d.Error != "" || d.File != pipe {
		t.Errorf("%+v", d)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if d := importAll(t, place, put(t, "a.arg", content))[0]; d.New != 0 || d.Records != 10 {
		t.Errorf("again: %+v", d)
	}
}

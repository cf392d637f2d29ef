package archive

import (
	"errors"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// TestNoRoom: what does not go into a file whole does not go there at all, and the user hears of it.
func TestNoRoom(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	b := records(t, argus.V5, 1, 3000, time.Second)
	for _, name := range []string{"x", "x.gz"} {
		name = filepath.Join(t.TempDir(), name)
		w := create(t, Config{Name: name})
		limit := was
		limit.Cur = 100_001
		if name[len(name)-1] == 'z' {
			limit.Cur = 10_001
		}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		var err error
		for r, rerr := range argus.Records(b) {
			if err = errors.Join(rerr, w.Write(r)); err != nil {
				break
			}
		}
		err = errors.Join(err, w.Close())
		if lerr := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); lerr != nil {
			t.Fatal(lerr)
		}
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("%s: %v", name, err)
		}
		f, err := Open(name)
		if err != nil {
			if errors.Is(err, syscall.ENOENT) {
				t.Error(err)
			}
			continue // nothing is in it
		}
		_ = f.Close()
		read(t, name) // whole records
	}
}

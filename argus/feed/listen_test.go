package feed

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A path at which something else than a socket is stays what it is; a socket that a run left behind makes room.
func TestListenLeavesFiles(t *testing.T) {
	dir := t.TempDir()
	file, folder, left := filepath.Join(dir, "file"), filepath.Join(dir, "folder"), filepath.Join(dir, "left")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder} {
		if l, err := Listen(t.Context(), path); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v, %v", path, l, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	old, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", left)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	if _, err := Listen(t.Context(), left); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a socket at which somebody listens: %v", err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), left)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

package agent

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestLocalSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), socketFile)
	if _, err := dialSocket(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody listens: %v", err)
	}
	l, err := listenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.WriteString(conn, conn.LocalAddr().Network()); _ = conn.Close() }()
		}
	}()
	conn, err := dialSocket(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); err != nil || string(b) != "unix" {
		t.Errorf("%q %v", b, err)
	}
	left, _ := os.ReadFile(path)
	words := strings.Fields(string(left))
	if len(words) == 3 {
		address, key := words[0], words[1]
		for _, wrong := range []string{strings.Repeat("A", len(key)), ""} {
			conn, err := net.Dial("tcp4", address)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, wrong)
			if wrong == "" {
				_ = conn.(*net.TCPConn).CloseWrite()
			}
			if b, _ := io.ReadAll(conn); len(b) > 0 {
				t.Errorf("without the key: %q", b)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file was left")
	}
	if err := os.WriteFile(path, left, 0o600); err != nil { // by a run that was cut off
		t.Fatal(err)
	}
	if _, err := dialSocket(t.Context(), path); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens any more: %v", err)
	}
	if len(words) != 3 {
		return
	}
	thief, err := net.Listen("tcp4", words[0])
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	go func() {
		conn, err := thief.Accept()
		if err != nil {
			return
		}
		key := make([]byte, len(words[1]))
		_, _ = io.ReadFull(conn, key)
		_, _ = io.WriteString(conn, string(key)+"all is well")
	}()
	if _, err := dialSocket(t.Context(), path); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("somebody else has taken the port: %v", err)
	}
}

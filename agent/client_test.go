package agent

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// A socket at which something else answers, such as an agent of the days when it was HTTP, is said to be that.
func TestOtherAgent(t *testing.T) {
	for _, says := range []string{"", "HTTP/1.1 400 Bad Request\r\n\r\n" + strings.Repeat("x", 200)} {
		state := t.TempDir()
		l, err := net.Listen("unix", filepath.Join(state, socketFile))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for c, err := l.Accept(); err == nil; c, err = l.Accept() {
				_, _ = c.Write([]byte(says))
				_ = c.Close()
			}
		}()
		if _, err := ReadStatus(t.Context(), state); err == nil || !strings.Contains(err.Error(), "another version") {
			t.Errorf("status: %v", err)
		}
		if _, err := OpenFlows(t.Context(), state); err == nil || !strings.Contains(err.Error(), "another version") {
			t.Errorf("flows: %v", err)
		}
	}
}

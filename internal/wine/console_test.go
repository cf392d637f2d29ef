//go:build linux

package wine

import (
	"strings"
	"testing"
)

func TestConsole(t *testing.T) {
	_, exe := Endpoint(t, "1.2.3")
	p := New(t)
	if out := p.Run(exe, "version"); !strings.HasPrefix(out, "argus-endpoint 1.2.3, ") || !strings.Contains(out, "windows/amd64") {
		t.Error(out)
	}
}

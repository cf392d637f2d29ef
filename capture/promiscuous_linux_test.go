package capture

import (
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// An interface is promiscuous while a source wants it, and by none that does not.
func TestPromiscuous(t *testing.T) {
	inNamespace(t)
	a, _ := veth(t)
	promiscuous := func() bool { return strings.Contains(netns.Run(t, "ip", "-d", "link", "show", "va"), "promiscuity 1") }
	open := func(o Options) Source {
		src, err := Open("va", a.Index, o)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	plain := open(Options{})
	if promiscuous() {
		t.Error("promiscuous without being asked")
	}
	all := open(Options{Promiscuous: true})
	if !promiscuous() {
		t.Error("not promiscuous")
	}
	all.Close()
	if promiscuous() {
		t.Error("promiscuous for ever")
	}
	plain.Close()
}

//go:build linux

package wine

import "testing"

func TestPlatform(t *testing.T) {
	p := New(t)
	t.Log(p.Run(tests(t, "platform"), "-test.v", "-test.run", "Interfaces|Notices|Lock|Identify"))
}

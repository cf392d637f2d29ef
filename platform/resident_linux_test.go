package platform

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
)

func TestProgramMaps(t *testing.T) {
	const text = `00400000-007e0000 r-xp 00000000 08:01 123 /usr/bin/argus-endpoint
007e0000-00c15000 r--p 003e0000 08:01 123 /usr/bin/argus-endpoint
00c15000-00c66000 rw-p 00815000 08:01 123 /usr/bin/argus-endpoint
00c66000-02cc3000 rw-p 00000000 00:00 0
7f00-7f10 r--p 00000000 08:01 9 /usr/lib/other
x-y r--p 0 0 0 /usr/bin/argus-endpoint
9-1 r--p 0 0 0 /usr/bin/argus-endpoint
`
	got := maps.Collect(programMaps(strings.NewReader(text), "/usr/bin/argus-endpoint"))
	if len(got) != 2 || got[0x400000] != 0x7e0000 || got[0x7e0000] != 0xc15000 {
		t.Errorf("%x", got)
	}
}

// The process lives on without its program in memory, and has less of it.
func TestReleaseProgram(t *testing.T) {
	resident := func() (kB int) {
		b, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Fatal(err)
		}
		var size, rss, shared int
		if _, err := fmt.Sscan(string(b), &size, &rss, &shared); err != nil {
			t.Fatal(err)
		}
		return shared * os.Getpagesize() >> 10
	}
	before := resident()
	ReleaseProgram()
	after := resident()
	t.Logf("measured: %d kB of files resident, then %d", before, after)
	if after >= before {
		t.Errorf("%d kB of files resident, then %d", before, after)
	}
}

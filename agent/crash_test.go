package agent

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The path is the part that can be switched off, wherever on the stack it is.
func TestBlame(t *testing.T) {
	const text = "panic: runtime error: index out of range [4]\n\ngoroutine 19 [running]:\n%FRAMES%\n\ngoroutine 1 [select]:\nmain()\n\t/x/capture/decode_gre.go:12 +0x1\n"
	for frames, want := range map[string]string{
		"capture.(*walk).gre()\n\t/x/capture/decode_gre.go:40 +0x1\nmain.main()\n\tmain.go:1": pathTunnels,
		"flow.(*userData).add()\n\t/x/flow/userdata.go:40 +0x1":                               pathUserData,
		"flow.(*Table).Add()\n\t/x/flow/table.go:40 +0x1":                                     pathProcess,
	} {
		if got := blameText(strings.Replace(text, "%FRAMES%", frames, 1)); got != want {
			t.Errorf("%s: %s, want %s", frames, got, want)
		}
	}
	for _, text := range []string{"", "\n", "\ngoroutine ", "\ngoroutine 1\n\n\n", strings.Repeat("\t", 99)} {
		if got := blameText(text); got != pathProcess {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// Three crashes in ten minutes switch a path off, for a day and over restarts, and no other path; two do not, nor three in
// half an hour, nor those of another version.
func TestThreeCrashesSwitchOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		var told []string
		open := func(version string, after bool) *crashes {
			c := openCrashes(root, version, after, func(x crash, _ string) { told = append(told, x.Path) })
			t.Cleanup(c.close)
			return c
		}
		all := Config{TunnelParsing: true, DNSTransactions: true, UserData: 8}
		c := open("v1", false)
		for range 3 {
			if c.add(pathUserData, "") {
				t.Error("three in half an hour switched it off")
			}
			time.Sleep(15 * time.Minute)
		}
		c.add(pathTunnels, "")
		c.add(pathUserData, "")
		c.add(pathTunnels, "")
		c = open("v1", false) // a restart in between
		if got := c.allowed(all); got.UserData != 8 || !got.TunnelParsing || len(told) != 0 {
			t.Errorf("%+v, told %v", got, told)
		}
		if !c.add(pathTunnels, "") || len(told) != 1 {
			t.Errorf("three in ten minutes did not switch it off: told %v", told)
		}
		if got := c.allowed(all); got.TunnelParsing || got.UserData != 8 || !got.DNSTransactions {
			t.Errorf("%+v", got)
		}
		if got := open("v1", false).allowed(all); got.TunnelParsing {
			t.Error("a restart switched it on again")
		}
		if got := open("v2", false).allowed(all); !got.TunnelParsing {
			t.Error("another version does not try again")
		}
		time.Sleep(25 * time.Hour)
		if got := open("v1", false).allowed(all); !got.TunnelParsing {
			t.Error("it is not tried again after a day")
		}
		for range 3 { // the kernel kills the agent
			c = open("v1", true)
		}
		if got := c.allowed(all); got.TunnelParsing || got.DNSTransactions || got.UserData != 0 {
			t.Errorf("after three kills: %+v", got)
		}
		for _, junk := range []string{"", "{", "null", `{"version":"v1","off":[{"path":""},{"path":"x","at":"2999-01-01T00:00:00Z"}]}`, strings.Repeat("[", 1<<17)} {
			if err := root.WriteFile(crashesFile, []byte(junk), 0o600); err != nil {
				t.Fatal(err)
			}
			if off := open("v1", false).off(); len(off) != 0 {
				t.Errorf("%.20q: %v", junk, off)
			}
		}
	})
}

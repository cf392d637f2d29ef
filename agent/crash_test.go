package agent

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/platform"
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
		allowed := func(c *crashes) Config { got, _ := c.allowed(all); return got }
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
		if got := allowed(c); got.UserData != 8 || !got.TunnelParsing || len(told) != 0 {
			t.Errorf("%+v, told %v", got, told)
		}
		if !c.add(pathTunnels, "") || len(told) != 1 {
			t.Errorf("three in ten minutes did not switch it off: told %v", told)
		}
		if got := allowed(c); got.TunnelParsing || got.UserData != 8 || !got.DNSTransactions {
			t.Errorf("%+v", got)
		}
		if got := allowed(open("v1", false)); got.TunnelParsing {
			t.Error("a restart switched it on again")
		}
		if got := allowed(open("v2", false)); !got.TunnelParsing {
			t.Error("another version does not try again")
		}
		time.Sleep(25 * time.Hour)
		if got := allowed(open("v1", false)); !got.TunnelParsing {
			t.Error("it is not tried again after a day")
		}
		dies := func(trace string) (got Config) {
			for range 5 {
				if err := root.WriteFile(traceFile, []byte(trace), 0o600); err != nil {
					t.Fatal(err)
				}
				c = open("v1", true)
			}
			return allowed(c)
		}
		for _, trace := range []string{"", "SIGQUIT: quit\nPC=0x1 m=0 sigcode=0\n\ngoroutine 7 [running]:\ncapture.(*walk).gre()\n\t/x/capture/decode_gre.go:40 +0x1\n"} {
			if got := dies(trace); !got.TunnelParsing || !got.DNSTransactions || got.UserData != 8 || len(c.off()) != 0 {
				t.Errorf("an end from outside (%q) switched off: %+v, %v", trace, got, c.off())
			}
		}
		if got := dies("fatal error: all goroutines are asleep - deadlock!\n"); got.TunnelParsing || got.DNSTransactions || got.UserData != 0 {
			t.Errorf("after three fatal errors: %+v", got)
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

// What is switched off is tried again after a day, without a restart of the agent: an interface, and a setting in a meter anew.
func TestWhatIsOffIsTriedAgain(t *testing.T) {
	for _, path := range []string{interfacePath + "eth0", pathTunnels} {
		synctest.Test(t, func(t *testing.T) {
			root, err := os.OpenRoot(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			c := openCrashes(root, "v1", false, func(crash, string) {})
			defer c.close()
			for range crashLimit {
				c.add(path, "")
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			began, tries := time.Now(), 0
			s := newSlot(platform.Interface{Name: "eth0"}, cancel, c)
			if err := s.run(ctx, func(*slot) (*meter, error) {
				tries++
				config, again := c.allowed(Config{TunnelParsing: true})
				if c.isOff(interfacePath + "eth0") {
					return nil, errOff
				}
				m := newTestMeter(silence(make(chan struct{}, 1)), func([]byte, int) error { return nil })
				if m.until = again; again.IsZero() && config.TunnelParsing {
					cancel()
				}
				return m, nil
			}, zap.NewNop()); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(began); tries != 2 || d < offFor || d > offFor+time.Minute {
				t.Errorf("%s was tried again %d times, the last one after %v", path, tries-1, d)
			}
			if len(c.off()) != 0 {
				t.Errorf("off: %v", c.off())
			}
		})
	}
}

// silence is a source of no frames.
type silence chan struct{}

func (s silence) Next(_ *capture.Frame, wait time.Duration) ([]byte, error) {
	select {
	case <-s:
	case <-time.After(wait):
	}
	return nil, capture.ErrTimeout
}

func (s silence) Interrupt()                    { s <- struct{}{} }
func (s silence) Stats() (capture.Stats, error) { return capture.Stats{}, nil }
func (s silence) Close() error                  { return nil }

// Three fatal errors of the process, of which the Go runtime leaves a trace, are blamed on it.
func TestFatalErrorsLeaveATrace(t *testing.T) {
	const folder = "ARGUS_TEST_DIES_IN"
	if dir := os.Getenv(folder); dir != "" {
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		openCrashes(root, "v1", true, func(crash, string) {})
		go panic("a defect")
		select {}
	}
	dir := t.TempDir()
	for range crashLimit {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFatalErrorsLeaveATrace$")
		cmd.Env = append(os.Environ(), folder+"="+dir)
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Fatalf("it lives: %s", out)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	c := openCrashes(root, "v1", true, func(crash, string) {})
	defer c.close()
	if !c.isOff(pathProcess) || !strings.Contains(c.before, "a defect") {
		t.Errorf("off: %v, the last of: %q", c.off(), c.before)
	}
}

//go:build linux

package hosts

import (
	"strings"
	"testing"
	"time"
)

// hasty makes the service deliver what it has at once, by a setting of the administrator's: a test waits for it.
func (h *host) hasty() {
	h.t.Helper()
	h.write("/etc/systemd/system/argus-endpoint.service.d/test.conf", "[Service]\nEnvironment=ARGUS_BATCH_INTERVAL=1\n")
}

// join installs the package with a token and waits until the collector hears of it.
func (h *host) join(s *site) {
	h.t.Helper()
	h.hasty()
	h.token(s.token())
	h.setup(debian.install, debian, after)
	s.awaitState(h, "up", 30*time.Second)
}

// TestTokenLater: without a token the agent meters into its spool and says so; when there is one, it delivers all of it.
func TestTokenLater(t *testing.T) {
	t.Parallel()
	s, h := newSite(t), boot(t, "later")
	h.hasty()
	h.setup(debian.install, debian, after)
	h.awaitMeter(2 * time.Second)
	filter, want := h.udp(200)
	h.awaitSpooled(200)
	h.await("status says what is missing", 20*time.Second, func() bool {
		return strings.Contains(h.run("argus-endpoint status"), "no collector is known: give an enrolment token or an address")
	})
	doctor, _ := h.try("argus-endpoint doctor")
	if !strings.Contains(doctor, "token") {
		t.Errorf("doctor does not speak of a token:\n%s", doctor)
	}
	h.token(s.token())
	began := time.Now()
	s.awaitState(h, "up", 30*time.Second)
	t.Logf("at the collector %v after the token was dropped", time.Since(began).Round(time.Millisecond))
	s.awaitFlows(filter, want, 30*time.Second)
	s.complete(h)
}

// TestReboots: what a host sends before, between and after its reboots is there, and the gaps tell of the time between.
func TestReboots(t *testing.T) {
	t.Parallel()
	s, h := newSite(t), boot(t, "reboots")
	h.join(s)
	sent := 0
	for range 2 {
		sent += 100
		h.udp(100)
		down := time.Now()
		h.reboot()
		h.awaitMeter(2 * time.Second)
		t.Logf("metering again %v after the reboot began", time.Since(down).Round(time.Millisecond))
	}
	h.udp(100)
	filter, want := sentTo(h, sent+100)
	s.awaitFlows(filter, want, 30*time.Second)
	s.complete(h)
	type gap struct{ Reason, Interface string }
	stopped := 0
	for _, g := range lines[gap](t, s.run("gaps", "--json", "--reason", "stopped")) {
		if g.Reason == "stopped" {
			stopped++
		}
	}
	if stopped != 2 {
		t.Errorf("gaps for %d reboots of 2:\n%s", stopped, s.run("gaps"))
	}
}

// TestImage: installed into an image, where no systemd runs, it starts with the first boot of the image.
func TestImage(t *testing.T) {
	t.Parallel()
	s, h := newSite(t), newHost(t, "image")
	h.hasty()
	h.token(s.token())
	h.setup(debian.install, debian, after)
	h.on()
	h.awaitMeter(2 * time.Second)
	h.serves(after)
	s.awaitState(h, "up", 70*time.Second)
	h.off()
	h.run("dpkg -P argus-endpoint")
	if left := h.run("find / -xdev -name '*argus-endpoint*' -not -path '/root/*' -not -path '*.service.d*' -not -path '/proc/*'; getent passwd argus-endpoint; true"); left != "" {
		t.Errorf("left in the image:\n%s", left)
	}
}

// token drops a token as an administrator does: root's alone.
func (h *host) token(token string) {
	h.t.Helper()
	h.run("mkdir -p /etc/argus-endpoint && umask 077 && echo %s >/etc/argus-endpoint/token", token)
}

// TestPackageOverBareInstall: who began with the bare program and goes on with the package stays the same host, with one service.
func TestPackageOverBareInstall(t *testing.T) {
	t.Parallel()
	s, h := newSite(t), boot(t, "moves")
	h.hasty()
	h.token(s.token())
	h.run("%s install", h.bare(before))
	s.awaitState(h, "up", 30*time.Second)
	h.udp(50)
	h.setup(debian.install, debian, after)
	h.awaitMeter(2 * time.Second)
	h.serves(after)
	if out, err := h.try("ls /usr/local/bin/argus-endpoint /etc/systemd/system/argus-endpoint.service"); err == nil {
		t.Errorf("there are two of them: %s", out)
	}
	filter, want := sentTo(h, 50)
	s.awaitFlows(filter, want, 90*time.Second)
	if told := s.complete(h); len(told.Epochs) != 1 {
		t.Errorf("it began anew: %+v", told.Epochs)
	}
}

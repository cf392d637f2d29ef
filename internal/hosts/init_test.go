//go:build linux

package hosts

import (
	"strings"
	"testing"
	"time"
)

// TestOtherInits: without systemd, OpenRC's and System V's scripts do the same, on hosts that boot with them.
func TestOtherInits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, packages string
		ends           string // what the last word of the boot looks like
	}{
		{"sysv", "sysvinit-core initscripts sysv-rc startpar insserv bootlogd", "runlevel | grep -q '[2-5]$'"},
		{"openrc", "sysvinit-core initscripts openrc libeinfo1 librc1 bootlogd", "rc-status -r | grep -q default && test -z \"$(ls /run/openrc/starting)\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lifeOf(t, c.name, c.packages, c.ends)
		})
	}
}

func lifeOf(t *testing.T, name, packages, ends string) {
	s, h := newSite(t), newHost(t, name)
	h.run("dpkg --purge --force-all systemd systemd-sysv libpam-systemd libnss-systemd; test ! -e /lib/systemd/systemd && dpkg -i --force-all $(for p in %s; do echo /debs/${p}_*.deb; done)", packages)
	up := func() {
		h.start()
		h.await("the end of the boot", 30*time.Second, func() bool { _, err := h.try(ends); return err == nil })
	}
	up()
	old, next := h.bare(before), h.bare(after)
	h.run("rm -r /root/*.deb")
	h.says(old+" install", "made it a service of "+name, "started it", "not enrolled: no collector is known")
	h.says(old+" install", "nothing to do")
	h.says("argus-endpoint status", name)
	h.unprivileged()

	pid := h.run("pidof argus-endpoint")
	h.run("kill -9 %s", strings.TrimSpace(pid))
	h.await("it is started again", 10*time.Second, func() bool { out, _ := h.try("pidof argus-endpoint"); return out != "" && out != pid })
	h.awaitMeter(5 * time.Second)
	h.says("/etc/init.d/argus-endpoint restart")
	h.awaitMeter(5 * time.Second)
	h.run("/etc/init.d/argus-endpoint stop")
	h.run("/etc/init.d/argus-endpoint stop") // stopped already
	h.fails("pidof argus-endpoint")
	h.fails("/etc/init.d/argus-endpoint status")
	h.run("/etc/init.d/argus-endpoint start")
	h.run("/etc/init.d/argus-endpoint status")

	h.token(s.token())
	h.await("it is enrolled by a token that came later", 90*time.Second, func() bool { return h.status().Uplink.State == "up" })
	h.says("stat -c '%U %a' /etc/argus-endpoint/token /run/argus-endpoint/token", "root 600\nargus-endpoint 400")
	h.says(next+" install", "replaced version "+before+" by "+after, "restarted it")
	h.unprivileged()

	h.write("/etc/argus-endpoint/argus-endpoint.conf", "SPOOL_SIZE=much\n")
	h.cut()
	up()
	h.awaitMeter(15 * time.Second)
	h.unprivileged()
	s.awaitState(h, "up", 90*time.Second)
	h.says("argus-endpoint status", "the configuration file is bad, the last good one is used")

	h.says(next+" uninstall --purge", "stopped the service", "removed the user")
	h.says(next+" uninstall --purge", "nothing to do")
	h.run("rm -r /root/" + before + " /root/" + after)
	for line := range strings.Lines(h.files()) { // the second boot has left its own
		if strings.Contains(line, "argus") {
			t.Errorf("%s: left: %s", h.name, strings.TrimSpace(line))
		}
	}
}

// unprivileged fails unless one program runs, as a user of its own that may only read packets.
func (h *host) unprivileged() {
	h.t.Helper()
	h.await("one program, as its user", 10*time.Second, func() bool {
		out, _ := h.try("for p in $(pidof argus-endpoint); do stat -c %U /proc/$p; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/$p/status; done")
		words := strings.Fields(out)
		return len(words) == 7 && words[0] == "argus-endpoint" && words[2] == "0000000000002000" && words[4] == words[2] && words[6] == "1"
	})
}

//go:build linux

package hosts

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bare puts the program of a version on the host, as someone who downloaded it has it, and returns its path.
func (h *host) bare(version string) string {
	h.t.Helper()
	dir := "/root/" + version
	h.run("dpkg -x %s %s", h.copy(pack("argus-endpoint", version, "deb"), "/root"), dir)
	return dir + "/usr/bin/argus-endpoint"
}

// fails runs what must not work, and looks for what it must say.
func (h *host) fails(line string, says ...string) {
	h.t.Helper()
	out, err := h.try(line)
	if err == nil {
		h.t.Errorf("%s: %s works: %s", h.name, line, out)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			h.t.Errorf("%s: %s: %q is not in: %s", h.name, line, s, out)
		}
	}
}

// says runs what must work, and looks for what it must say.
func (h *host) says(line string, says ...string) {
	h.t.Helper()
	out := h.run("%s", line)
	for _, s := range says {
		if !strings.Contains(out, s) {
			h.t.Errorf("%s: %s: %q is not in: %s", h.name, line, s, out)
		}
	}
}

const ownProgram = "/usr/local/bin/argus-endpoint"

// TestBareInstall: the program alone makes itself a service, enrols when a token comes, upgrades, and goes without a trace.
func TestBareInstall(t *testing.T) {
	t.Parallel()
	s, h := newSite(t), boot(t, "bare")
	was := h.files()
	old, next := h.bare(before), h.bare(after)
	h.run("rm -r /root/*.deb")

	began := time.Now()
	h.says(old+" install", "created the user", "copied the program, version "+before, "started it", "not enrolled: no collector is known")
	t.Logf("%s: installed and metering in %v", h.name, time.Since(began))
	h.serves(before)
	h.says(old+" install", "nothing to do: version "+before)
	h.says("argus-endpoint status", "systemd", "no collector")
	if out, _ := h.try("argus-endpoint doctor"); !strings.Contains(out, "ok    service") {
		t.Errorf("doctor does not tell of the service: %s", out)
	}
	h.fails("setpriv --reuid=65534 --regid=65534 --clear-groups argus-endpoint status", "root and by the group argus-endpoint")
	h.says("setpriv --reuid=65534 --regid=65534 --groups=argus-endpoint argus-endpoint status", "no collector")

	h.token(s.token())
	h.await("it is enrolled by a token that came later", 15*time.Second, func() bool { return h.status().Uplink.State == "up" })
	h.says("stat -c '%U %a' /etc/argus-endpoint/token /run/argus-endpoint/token", "root 600\nargus-endpoint 400")
	filter, want := h.udp(20)
	h.says(next+" install", "replaced version "+before+" by "+after, "restarted it", "enrolled: ")
	h.serves(after)
	s.awaitFlows(filter, want, 90*time.Second)
	h.fails(old+" install", "version "+after+" is installed", "--downgrade")
	h.serves(after)
	h.fails("setpriv --reuid=65534 --regid=65534 --clear-groups "+ownProgram+" install", "needs root")

	h.says(ownProgram+" uninstall", "removed "+ownProgram)
	h.says(next+" uninstall", "nothing to do")
	h.says("ls /var/lib/argus-endpoint /etc/argus-endpoint", "spool", "token")
	h.run("%s install", next)
	h.serves(after)
	h.says(next+" uninstall --purge", "removed /var/lib/argus-endpoint", "removed the user")
	h.run("rm -r /root/" + before + " /root/" + after)
	h.nothingLeft(was)
}

// TestBrokenOff: an installation that ends in the middle is brought to its end by the next one; neither the umask nor the path of
// whoever installs it changes what is made.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	h := boot(t, "broken")
	old, next := h.bare(before), h.bare(after)
	h.write("/etc/systemd/system/argus-endpoint.service.d/test.conf", "[Service]\nExecStartPre=/bin/sleep 1\n")
	h.run("umask 077; PATH=/usr/local/bin:/usr/bin:/bin %s install", old) // as su without - has them
	h.says("stat -c %a /etc/argus-endpoint "+ownProgram, "755\n755\n")
	h.run("{ %s install & echo $! >/root/pid; } | { read -r line; kill -9 $(cat /root/pid); }", next)
	h.says(next+" install", "started it")
	h.says(next+" install", "nothing to do")
	h.serves(after)

	h.run("mv %s /root/program && ln -s /root/program %s && touch /usr/local/bin/.argus-endpoint-1", ownProgram, ownProgram)
	h.says(next+" install", "replaced version "+after, "restarted it")
	h.says("find /usr/local/bin /run/argus-endpoint -name '*argus-endpoint*' -type f", ownProgram+"\n")
	h.fails("find /usr/local/bin /run/argus-endpoint -name '.*' -o -name 'unfinished*' | grep .")
}

// TestTokenFlag: one command, one value.
func TestTokenFlag(t *testing.T) {
	t.Parallel()
	s, h := newSite(t), boot(t, "flag")
	program := h.bare(before)
	h.fails(program+" install --token argus1.none", "token")
	h.fails("ls " + ownProgram)
	h.run("%s >/dev/null 2>&1 & echo $! >/root/pid", program)
	h.await("an agent in the foreground", 10*time.Second, func() bool { _, err := h.try(program + " status"); return err == nil })
	h.fails(program+" install", "the service does not start: ", "another agent, pid")
	h.run("kill $(cat /root/pid)")
	h.await("the service takes over", 15*time.Second, func() bool { _, err := h.try("systemctl is-active argus-endpoint"); return err == nil })
	h.says(fmt.Sprintf("echo %s | %s install --token-file -", s.token(), program), "wrote the enrolment token", "\nenrolled: ", s.at) // connecting, or delivering already
	s.awaitState(h, "up", 20*time.Second)
}

// TestStop: whatever the collector does, the service stops within five seconds.
func TestStop(t *testing.T) {
	t.Parallel()
	s, h := newSite(t), boot(t, "stop")
	h.token(s.token())
	h.run("%s install", h.bare(before))
	s.awaitState(h, "up", 20*time.Second)
	nothing := func() {}
	for _, c := range []struct {
		collector    string
		breaks, mend func()
	}{
		{"there", nothing, nothing},
		{"hung", func() { s.cmd.Process.Signal(syscall.SIGSTOP) }, func() { s.cmd.Process.Signal(syscall.SIGCONT) }},
		{
			"silent",
			func() {
				h.run("nft 'add table inet cut; add chain inet cut out { type filter hook output priority 0; }; add rule inet cut out meta l4proto tcp drop'")
			},
			func() { h.run("nft delete table inet cut") },
		},
		{"dead", s.kill, s.start},
	} {
		h.run("systemctl start argus-endpoint")
		h.await("delivering", 30*time.Second, func() bool { return h.status().Uplink.State == "up" })
		c.breaks()
		h.udp(50)
		began := time.Now()
		h.run("systemctl stop argus-endpoint")
		took := time.Since(began)
		t.Logf("the collector is %s: stopped in %v", c.collector, took.Round(10*time.Millisecond))
		if took > 5*time.Second {
			t.Errorf("the collector is %s: stopping takes %v", c.collector, took)
		}
		if out := h.run("systemctl show -P Result argus-endpoint"); strings.TrimSpace(out) != "success" {
			t.Errorf("the collector is %s: the service ends with %s", c.collector, out)
		}
		c.mend()
	}
}

// TestWatchdog: a service that answers is left alone, one that hangs or dies is started anew.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	h := boot(t, "watchdog")
	h.write("/etc/systemd/system/argus-endpoint.service.d/test.conf", "[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\n")
	h.run("%s install", h.bare(before))
	main := func() string { return strings.TrimSpace(h.run("systemctl show -P MainPID argus-endpoint")) }
	pid, fed := main(), ""
	for range 5 {
		h.await("the watchdog is fed", 5*time.Second, func() bool {
			now := h.run("systemctl show -P WatchdogTimestampMonotonic argus-endpoint")
			last := fed
			fed = now
			return now != last
		})
	}
	if now := main(); now != pid {
		t.Fatalf("a service that works was started anew: %s", h.run("journalctl -u argus-endpoint --no-pager -n 20"))
	}
	for _, kill := range []string{"STOP", "KILL"} {
		pid := main()
		h.run("kill -%s %s", kill, pid)
		took := h.await("started anew after "+kill, 20*time.Second, func() bool { now := main(); return now != "0" && now != pid })
		t.Logf("%s: started anew after %v", kill, took.Round(10*time.Millisecond))
		h.awaitMeter(5 * time.Second)
	}
	h.says("journalctl -u argus-endpoint --no-pager", "Watchdog timeout")
}

// TestPackagesOwnTheirs: what a package has brought is the package manager's to upgrade and to remove.
func TestPackagesOwnTheirs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		family
		says [2]string
	}{
		{debian, [2]string{"apt install ./argus-endpoint_VERSION.deb", "apt remove argus-endpoint"}},
		{redhat, [2]string{"dnf upgrade ./argus-endpoint-VERSION.rpm", "dnf remove argus-endpoint"}},
	} {
		h := boot(t, "owned-"+c.kind)
		h.setup(c.install, c.family, before)
		for i, command := range []string{"install", "uninstall --purge"} {
			h.fails("argus-endpoint "+command, "comes with the "+c.kind+" package", c.says[i])
		}
		h.serves(before)
		h.says("argus-endpoint status", "systemd, starts with the system, runs; /usr/bin/argus-endpoint "+before+" of a "+c.kind)
	}
}

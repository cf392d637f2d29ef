//go:build linux

package hosts

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The versions that `make hosts` has packages of.
const (
	before = "1.0.0"
	after  = "1.1.0"
)

// pack is the package of a program, of a version and a kind: deb or rpm.
func pack(program, version, kind string) string {
	return fmt.Sprintf("../../bin/_hosts/%s/%s_%s_amd64.%s", version, program, version, kind)
}

// family is how packages of a kind are handled.
type family struct{ kind, install, upgrade, downgrade, again, remove string }

var (
	debian = family{"deb", "dpkg -i", "dpkg -i", "dpkg -i", "dpkg -i", "dpkg -r"}
	redhat = family{"rpm", "rpm -i --nodeps", "rpm -U --nodeps", "rpm -U --nodeps --oldpackage", "rpm -U --nodeps --replacepkgs", "rpm -e"}
)

// setup runs a command of the family with a package.
func (h *host) setup(how string, f family, version string) string {
	h.t.Helper()
	return h.run("%s %s", how, h.copy(pack("argus-endpoint", version, f.kind), "/root"))
}

// status is the part of `argus-endpoint status --json` that is looked at.
type status struct {
	Interfaces []struct {
		Name     string
		Metering bool
	}
	Spool  struct{ Pending, Next, Durable uint64 }
	Uplink struct{ State, Why string }
}

// status asks the agent; it is empty while none answers.
func (h *host) status() (s status) {
	if out, err := h.try("argus-endpoint status --json 2>/dev/null"); err != nil || json.Unmarshal([]byte(out), &s) != nil {
		return status{}
	}
	return s
}

// awaitMeter waits until the agent meters the host's network.
func (h *host) awaitMeter(most time.Duration) time.Duration {
	h.t.Helper()
	return h.await("eth0 is metered", most, func() bool {
		for _, i := range h.status().Interfaces {
			if i.Name == "eth0" && i.Metering {
				return true
			}
		}
		return false
	})
}

// awaitSpooled waits until so many records wait for the collector.
func (h *host) awaitSpooled(records uint64) {
	h.t.Helper()
	h.await(fmt.Sprint(records, " records in the spool"), 60*time.Second, func() bool {
		s := h.status()
		return s.Spool.Pending >= records
	})
}

// serves fails unless the service is active, in a version, as a user of its own that may only read packets.
func (h *host) serves(version string) {
	h.t.Helper()
	if state := strings.TrimSpace(h.run("systemctl is-active argus-endpoint")); state != "active" {
		h.t.Errorf("%s: the service is %s", h.name, state)
	}
	if out := h.run("argus-endpoint version"); !strings.Contains(out, version) {
		h.t.Errorf("%s: %s, not %s", h.name, strings.TrimSpace(out), version)
	}
	out := h.run(`p=$(systemctl show -P MainPID argus-endpoint); ps -o user:20= -p $p; grep CapPrm /proc/$p/status`)
	if words := strings.Fields(out); len(words) != 3 || words[0] != "argus-endpoint" || words[2] != "0000000000002000" {
		h.t.Errorf("%s: it runs as %q", h.name, out)
	}
}

// files lists what is on the host's disk, without what the system itself writes while it runs.
func (h *host) files() string {
	h.t.Helper()
	return h.run(`find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /root -o -path /var/log/journal \
		-o -path '/var/lib/dpkg/*-old' -o -path /var/lib/systemd/random-seed -o -path '/var/lib/rpm/*' -o -path /var/cache/puppet -o -path /var/lib/puppet -o -path /etc/puppet -o -path '/var/tmp/systemd-private-*-systemd-*' \) -prune -o -print | sort
		find /run /tmp -name '*argus*'; (getent passwd; getent group) | grep argus; systemctl list-unit-files --no-legend '*argus*'; true`)
}

// nothingLeft fails if the host is not as it was.
func (h *host) nothingLeft(was string) {
	h.t.Helper()
	now := h.files()
	had := map[string]bool{}
	for line := range strings.Lines(was) {
		had[line] = true
	}
	for line := range strings.Lines(now) {
		if !had[line] {
			h.t.Errorf("%s: left: %s", h.name, strings.TrimSpace(line))
		}
		delete(had, line)
	}
	for line := range had {
		h.t.Errorf("%s: missing: %s", h.name, strings.TrimSpace(line))
	}
}

// TestDeb takes a package of Debian's family through its life on one host.
func TestDeb(t *testing.T) {
	l := begin(t, "deb", debian)
	l.installed()
	l.upgraded()
	l.downgraded()
	l.installedAgain()
	l.removed()
	l.h.run("dpkg -P argus-endpoint")
	l.h.nothingLeft(l.clean)
}

// TestRPM does the same with a package of the other family, and rpm.
func TestRPM(t *testing.T) {
	l := begin(t, "rpm", redhat)
	l.installed()
	l.upgraded()
	l.downgraded()
	l.installedAgain()
	l.removed()
	// rpm knows no purge: what is the administrator's to remove.
	l.h.run("rpm -e argus-endpoint && rm -r /etc/argus-endpoint /var/lib/argus-endpoint && userdel argus-endpoint")
	l.h.nothingLeft(l.clean)
}

// life is a package on a host that reports to a collector.
type life struct {
	*site
	h     *host
	f     family
	clean string // the files before
	sent  int    // datagrams so far
	epoch string // the identity of its spool
}

func begin(t *testing.T, name string, f family) *life {
	t.Helper()
	t.Parallel()
	l := &life{site: newSite(t), h: boot(t, name), f: f}
	if f == redhat {
		l.h.filesystem()
	}
	l.clean = l.h.files()
	return l
}

// filesystem makes the folders that Red Hat's package filesystem brings.
func (h *host) filesystem() {
	h.t.Helper()
	h.run("mkdir -p /usr/share/licenses /usr/share/fish/vendor_completions.d /usr/share/zsh/site-functions /usr/share/bash-completion/completions")
}

// send sends datagrams that the store must have, sooner or later.
func (l *life) send(n int) {
	l.h.t.Helper()
	l.h.udp(n)
	l.sent += n
}

// arrived waits until the store has all that was sent, and looks whether it has anything twice.
func (l *life) arrived() time.Duration {
	l.t.Helper()
	filter, want := sentTo(l.h, l.sent)
	took := l.awaitFlows(filter, want, 90*time.Second)
	told := l.complete(l.h)
	if len(told.Epochs) != 1 || l.epoch != "" && told.Epochs[0].Epoch != l.epoch {
		l.t.Fatalf("its spool was %s, and is %+v", l.epoch, told.Epochs)
	}
	l.epoch = told.Epochs[0].Epoch
	return took
}

// installed: a token that was there before, one file, and nothing else.
func (l *life) installed() {
	l.h.run("mkdir -p /etc/argus-endpoint && umask 077 && echo %s >/etc/argus-endpoint/token", l.token())
	began := time.Now()
	l.h.setup(l.f.install, l.f, before)
	whole := time.Since(began)
	metered := l.h.awaitMeter(2 * time.Second)
	if metered > 2*time.Second {
		l.t.Errorf("metering %v after it was installed", metered)
	}
	l.h.serves(before)
	l.t.Logf("installed in %v, metering %v later", whole.Round(time.Millisecond), metered.Round(time.Millisecond))
	l.awaitState(l.h, "up", 70*time.Second)
	l.send(1000)
	filter := l.h.tcp(1_000_000)
	took := l.arrived()
	l.h.await("the transfer in the store", 60*time.Second, func() bool { return l.flows(filter).sapp == 1_000_000 })
	l.t.Logf("flows in the store after %v: %+v, %+v", took.Round(time.Millisecond), l.flows("udp and dst port 9001"), l.flows(filter))
}

// upgraded: with thousands of records in the spool, and the collector away.
func (l *life) upgraded() {
	l.kill()
	l.send(3000)
	l.h.awaitSpooled(3000)
	began := time.Now()
	l.h.setup(l.f.upgrade, l.f, after)
	l.t.Logf("upgraded with %d records in the spool in %v", l.h.status().Spool.Pending, time.Since(began).Round(time.Millisecond))
	l.h.awaitMeter(2 * time.Second)
	l.h.serves(after)
	l.send(500)
	l.start()
	l.arrived()
}

// downgraded: an administrator who insists loses nothing, as arrived tells at the end.
func (l *life) downgraded() {
	l.h.setup(l.f.downgrade, l.f, before)
	l.h.awaitMeter(2 * time.Second)
	l.h.serves(before)
	l.send(100)
	l.h.setup(l.f.upgrade, l.f, after)
}

// installedAgain: the same version over itself, with a setting of the administrator's.
func (l *life) installedAgain() {
	l.h.run("echo ARGUS_BATCH_INTERVAL=1 >>/etc/argus-endpoint/argus-endpoint.conf")
	l.h.setup(l.f.again, l.f, after)
	l.h.awaitMeter(2 * time.Second)
	l.h.serves(after)
	if out := l.h.run("cat /etc/argus-endpoint/argus-endpoint.conf"); !strings.Contains(out, "ARGUS_BATCH_INTERVAL=1") {
		l.t.Error("the administrator's settings are gone")
	}
	l.send(100)
}

// removed: the state stays, and the next installation goes on with it.
func (l *life) removed() {
	l.h.run("%s argus-endpoint", l.f.remove)
	if out, err := l.h.try("systemctl is-active argus-endpoint; pgrep -x argus-endpoint"); err == nil {
		l.t.Errorf("after removal: %s", out)
	}
	l.h.run("test -d /var/lib/argus-endpoint/spool")
	l.awaitState(l.h, "stopped", 10*time.Second)
	l.h.setup(l.f.install, l.f, after)
	l.h.awaitMeter(2 * time.Second)
	l.send(100)
	l.arrived()
}

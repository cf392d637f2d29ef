//go:build linux

package hosts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestUpgradeAsItWas: an upgrade starts the service anew if it runs, and leaves alone what an administrator has stopped, disabled or masked.
func TestUpgradeAsItWas(t *testing.T) {
	for _, f := range []family{debian, redhat} {
		t.Run(f.kind, func(t *testing.T) {
			t.Parallel()
			h := boot(t, "was"+f.kind)
			if f == redhat {
				h.filesystem()
			}
			h.setup(f.install, f, before)
			h.is("active", "enabled")
			next := after
			for _, c := range []struct{ line, active, enabled string }{
				{"true", "active", "enabled"},
				{"systemctl stop argus-endpoint", "inactive", "enabled"},
				{"systemctl disable argus-endpoint", "inactive", "disabled"},
				{"systemctl start argus-endpoint", "active", "disabled"},
				{"systemctl stop argus-endpoint && systemctl mask argus-endpoint", "inactive", "masked"},
			} {
				h.run("%s", c.line)
				was, _ := h.try("systemctl show -P MainPID argus-endpoint")
				h.setup(f.downgrade, f, next)
				h.is(c.active, c.enabled)
				if now, _ := h.try("systemctl show -P MainPID argus-endpoint"); c.active == "active" && now == was {
					t.Errorf("after %q the old program runs on", c.line)
				}
				if next == after {
					next = before
				} else {
					next = after
				}
			}
			h.run("systemctl unmask argus-endpoint && systemctl enable argus-endpoint")
			h.run("%s argus-endpoint", f.remove)
			h.setup(f.install, f, after)
			h.is("active", "enabled")
		})
	}
}

// is fails unless the service is so.
func (h *host) is(active, enabled string) {
	h.t.Helper()
	for _, c := range [][2]string{{"active", active}, {"enabled", enabled}} {
		if out, _ := h.try("systemctl is-" + c[0] + " argus-endpoint"); strings.TrimSpace(out) != c[1] {
			h.t.Errorf("%s: %s, want %s", h.name, strings.TrimSpace(out), c[1])
		}
	}
}

// TestChroot: where no systemd runs, the packages of both programs enable their services, start nothing, and leave nothing.
func TestChroot(t *testing.T) {
	t.Parallel()
	for _, f := range []family{debian, redhat} {
		for _, program := range []string{"argus-endpoint", "argus-collector"} {
			h := newHost(t, "chroot-"+f.kind+program[6:9])
			if f == redhat {
				h.filesystem()
			}
			was := h.files()
			h.run("%s %s", f.install, h.copy(pack(program, before, f.kind), "/root"))
			h.run("%s %s", f.upgrade, h.copy(pack(program, after, f.kind), "/root"))
			h.run("test -L /etc/systemd/system/multi-user.target.wants/%s.service && getent passwd %s", program, program)
			roots, _ := filepath.Glob("/proc/[0-9]*/root")
			for _, root := range roots {
				if dir, _ := os.Readlink(root); dir == h.dir {
					t.Errorf("%s: a process runs there: %s", h.name, root)
				}
			}
			h.run("%s %s", f.remove, program)
			if f == debian {
				h.run("dpkg -P %s", program)
			} else {
				h.run("rm -rf /etc/%[1]s /var/lib/%[1]s; userdel %[1]s", program)
			}
			h.nothingLeft(was)
		}
	}
}

// TestPolicy: an administrator who forbids packages to start services (policy-rc.d) is obeyed.
func TestPolicy(t *testing.T) {
	t.Parallel()
	h := boot(t, "policy")
	h.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")
	h.run("chmod 755 /usr/sbin/policy-rc.d")
	h.setup(debian.install, debian, before)
	h.is("inactive", "enabled")
	h.run("rm /usr/sbin/policy-rc.d && systemctl start argus-endpoint")
	h.awaitMeter(5 * time.Second)
}

// TestPackageBringsToken: one file, or one with the token in the environment, is all that a host needs; the token is root's alone, and in
// nothing that runs.
func TestPackageBringsToken(t *testing.T) {
	t.Parallel()
	s, out := newSite(t), t.TempDir()
	token := s.token()
	s.run("package", "--token", token, "--from", "../../bin/_hosts/"+after, "--format", "deb,rpm", "--out", out)
	for _, c := range []struct {
		name, file, line string
		f                family
	}{
		{"given", pack("argus-endpoint", after, "deb"), "ARGUS_TOKEN=" + token + " dpkg -i %s", debian},
		{"bakeddeb", filepath.Join(out, "argus-endpoint_*.deb"), "dpkg -i %s", debian},
		{"bakedrpm", filepath.Join(out, "argus-endpoint_*.rpm"), "rpm -i --nodeps %s", redhat},
	} {
		h := boot(t, c.name)
		if c.f == redhat {
			h.filesystem()
		}
		files, err := filepath.Glob(c.file)
		if err != nil || len(files) != 1 {
			t.Fatal(c.file, files, err)
		}
		file := h.copy(files[0], "/root")
		h.run(c.line, file)
		s.awaitState(h, "up", 70*time.Second)
		if got := h.run("cd /etc/argus-endpoint && ls -l token && cat token"); !strings.HasPrefix(got, "-rw------- 1 root root ") || !strings.HasSuffix(got, "\n"+token+"\n") {
			t.Errorf("%s: %s", h.name, got)
		}
		if got := h.run("tr '\\0' '\\n' </proc/$(pgrep -x argus-endpoint)/environ"); strings.Contains(got, token) || !strings.Contains(got, "NOTIFY_SOCKET") {
			t.Errorf("%s: the service's environment: %s", h.name, got)
		}
		if c.name != "given" {
			h.run("echo newer >/etc/argus-endpoint/token")
			h.run("%s %s", c.f.again, file)
			if got := h.run("cat /etc/argus-endpoint/token"); got != "newer\n" {
				t.Errorf("%s: the administrator's token became %s", h.name, got)
			}
		}
	}
}

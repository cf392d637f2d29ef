//go:build linux

package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const fleetSize = 5

// fleet is a control machine, which is the bridge, and hosts that it reaches by ssh.
type fleet struct {
	*site
	hosts []*host
	dir   string
}

// newFleet boots the hosts and writes what Ansible needs to reach them.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{site: newSite(t), dir: t.TempDir()}
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(f.dir, "key")).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	inventory := "[endpoints]\n"
	for i := range fleetSize {
		h := newHost(t, fmt.Sprintf("fleet%d", i+1))
		h.run("install -d -m 0700 /root/.ssh")
		h.write("/root/.ssh/authorized_keys", read(t, filepath.Join(f.dir, "key.pub")))
		h.start()
		f.hosts = append(f.hosts, h)
		inventory += fmt.Sprintf("%s ansible_host=%s\n", h.name, h.address)
	}
	for _, h := range f.hosts {
		h.waitRunning()
	}
	if err := os.WriteFile(filepath.Join(f.dir, "inventory"), []byte(inventory), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// play runs the playbook that deploy/ansible brings, and returns its recap.
func (f *fleet) play(what string, vars ...string) string {
	f.t.Helper()
	source, err := filepath.Abs("../../bin/_hosts")
	if err != nil {
		f.t.Fatal(err)
	}
	args := []string{"-i", filepath.Join(f.dir, "inventory"), "--private-key", filepath.Join(f.dir, "key"), "site.yml"}
	for _, v := range vars {
		if !strings.HasPrefix(v, "--") {
			args = append(args, "-e")
		}
		args = append(args, strings.ReplaceAll(v, "SOURCE", source))
	}
	cmd := exec.Command("ansible-playbook", args...)
	cmd.Dir = "../../deploy/ansible"
	cmd.Env = append(os.Environ(), "HOME="+f.dir, "ANSIBLE_LOCAL_TEMP="+f.dir, "ANSIBLE_HOST_KEY_CHECKING=no", "ANSIBLE_PIPELINING=yes", "ANSIBLE_NOCOLOR=1",
		"ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3", "ANSIBLE_SSH_ARGS=-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=/dev/null", "ANSIBLE_SSH_CONTROL_PATH_DIR="+f.dir)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("ansible-playbook %v: %v\n%s", args, err, tail(string(out), 4000))
	}
	_, recap, _ := strings.Cut(string(out), "PLAY RECAP")
	f.t.Logf("%s, in %v:\n%s", what, time.Since(began).Round(time.Second), strings.Trim(recap, " *\n"))
	return recap
}

// changed returns what a recap says of how much was changed on each host.
func changed(recap string) (n []string) {
	for _, m := range regexp.MustCompile(`changed=(\d+)`).FindAllStringSubmatch(recap, -1) {
		n = append(n, m[1])
	}
	return n
}

// each fails unless the recap speaks of every host and ok holds for what was changed there.
func (f *fleet) each(recap, what string, ok func(changed string) bool) {
	f.t.Helper()
	all := changed(recap)
	if len(all) != len(f.hosts) {
		f.t.Errorf("%d hosts of %d", len(all), len(f.hosts))
	}
	for _, n := range all {
		if !ok(n) {
			f.t.Errorf("changed=%s: %s", n, what)
		}
	}
}

// TestFleet rolls five hosts out by Ansible: with the role that deploy/ansible brings and one value, the token.
func TestFleet(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	clean := map[*host]string{}
	for _, h := range f.hosts {
		clean[h] = h.files()
	}
	release := func(version string) []string {
		return []string{"argus_endpoint_source=SOURCE/" + version, "argus_endpoint_version=" + version}
	}
	token := "argus_endpoint_token=" + f.token()
	settings := `{"argus_endpoint_settings": {"ARGUS_BATCH_INTERVAL": "1"}}`

	if n := changed(f.play("check", append(release(before), token, settings, "--check", "--limit=fleet1")...)); len(n) != 1 || n[0] == "0" {
		t.Errorf("a check of a new host would change %v", n)
	}
	if out, err := f.hosts[0].try("command -v argus-endpoint"); err == nil {
		t.Errorf("a check has installed %s", out)
	}
	f.each(f.play("install", append(release(before), token, settings)...), "nothing was installed", func(n string) bool { return n != "0" })
	for _, h := range f.hosts {
		h.serves(before)
		f.awaitState(h, "up", 70*time.Second)
	}
	f.send(100)
	f.arrived(100)
	t.Logf("argus-collector hosts:\n%s", f.run("hosts"))
	f.each(f.play("again", append(release(before), token, settings)...), "there was nothing to do", func(n string) bool { return n == "0" })

	f.kill() // upgraded while the collector is away
	f.send(200)
	f.each(f.play("upgrade", append(release(after), token, settings)...), "nothing was upgraded", func(n string) bool { return n != "0" })
	f.start()
	for _, h := range f.hosts {
		h.serves(after)
	}
	f.arrived(300)
	for _, h := range f.hosts {
		h.await("its version at the collector", 90*time.Second, func() bool { return f.site.hosts()[h.name].Version == after })
	}
	f.each(f.play("remove", "argus_endpoint_state=absent"), "nothing was removed", func(n string) bool { return n != "0" })
	for _, h := range f.hosts {
		h.nothingLeft(clean[h])
		f.awaitState(h, "stopped", 10*time.Second)
	}
	if n := changed(f.play("remove again", "argus_endpoint_state=absent", "--limit=fleet1")); len(n) != 1 || n[0] != "0" {
		t.Errorf("the second removal changed %v", n)
	}
	t.Logf("argus-collector hosts:\n%s", f.run("hosts"))
}

// send sends datagrams from every host.
func (f *fleet) send(n int) {
	f.t.Helper()
	for _, h := range f.hosts {
		h.udp(n)
	}
}

// arrived waits until the store has so many datagrams of every host, and everything else, once.
func (f *fleet) arrived(n int) {
	f.t.Helper()
	for _, h := range f.hosts {
		filter, want := sentTo(h, n)
		f.awaitFlows(filter, want, 90*time.Second)
		f.complete(h)
	}
}

// TestRoleIsLinted: what ansible-lint says of the role, for the systems too that no test here has.
func TestRoleIsLinted(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"ansible-playbook --syntax-check -i localhost, site.yml", "ansible-lint --offline -q --nocolor -p site.yml roles"} {
		cmd := command(line)
		cmd.Dir = "../../deploy/ansible"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}

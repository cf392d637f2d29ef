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
	value string // the token
}

// newFleet boots the hosts and writes what Ansible needs to reach them.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{site: newSite(t), dir: t.TempDir()}
	f.value = f.token()
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(f.dir, "key")).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	inventory := []string{"[endpoints]"}
	for i := range fleetSize {
		h := newHost(t, fmt.Sprintf("fleet%d", i+1))
		h.run("install -d -m 0700 /root/.ssh")
		h.write("/root/.ssh/authorized_keys", read(t, filepath.Join(f.dir, "key.pub")))
		h.start()
		f.hosts = append(f.hosts, h)
		inventory = append(inventory, h.name+" ansible_host="+h.address)
	}
	for _, h := range f.hosts {
		h.waitRunning()
	}
	if err := os.WriteFile(filepath.Join(f.dir, "inventory"), []byte(strings.Join(inventory, "\n")+"\n"), 0o600); err != nil {
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

var changedHosts = regexp.MustCompile(`changed=(\d+)`)

// each fails unless a recap speaks of so many hosts, and ok holds for what was changed on each.
func (f *fleet) each(recap string, hosts int, what string, ok func(changed string) bool) {
	f.t.Helper()
	all := changedHosts.FindAllStringSubmatch(recap, -1)
	if len(all) != hosts {
		f.t.Errorf("%d hosts of %d", len(all), hosts)
	}
	for _, m := range all {
		if !ok(m[1]) {
			f.t.Errorf("%s: %s", m[0], what)
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
	some := func(n string) bool { return n != "0" }
	none := func(n string) bool { return n == "0" }
	vars := func(version string, more ...string) []string {
		return append(more, "argus_endpoint_source=SOURCE/"+version, "argus_endpoint_version="+version, "argus_endpoint_token="+f.value,
			`{"argus_endpoint_settings": {"ARGUS_BATCH_INTERVAL": "1"}}`)
	}
	f.each(f.play("check", vars(before, "--check", "--limit=fleet1")...), 1, "a check shows what would be done", some)
	if out, err := f.hosts[0].try("command -v argus-endpoint"); err == nil {
		t.Errorf("a check has installed %s", out)
	}
	f.each(f.play("install", vars(before)...), fleetSize, "nothing was installed", some)
	f.serve(before)
	f.send(100)
	f.arrived(100)
	t.Run("Windows", f.windows)
	f.each(f.play("again", vars(before)...), fleetSize, "there was nothing to do", none)

	f.kill() // upgraded while the collector is away
	f.send(200)
	f.each(f.play("upgrade", vars(after)...), fleetSize, "nothing was upgraded", some)
	f.start()
	f.arrived(300)
	f.serve(after)

	f.each(f.play("remove", "argus_endpoint_state=absent"), fleetSize, "nothing was removed", some)
	for _, h := range f.hosts {
		h.nothingLeft(clean[h])
		f.awaitState(h, "stopped", 10*time.Second)
	}
	f.each(f.play("remove again", "argus_endpoint_state=absent", "--limit=fleet1"), 1, "there was nothing to remove", none)
	t.Logf("argus-collector hosts:\n%s", f.run("hosts"))
}

// serve waits until every host is up at the collector, in a version.
func (f *fleet) serve(version string) {
	f.t.Helper()
	for _, h := range f.hosts {
		h.serves(version)
		h.await("up, as "+version, 90*time.Second, func() bool {
			now := f.site.hosts()[h.name]
			return now.State == "up" && now.Version == version
		})
	}
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

//go:build linux

package hosts

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// edit returns a file of deploy/ with what an administrator changes in it: pairs of old and new.
func edit(t *testing.T, file string, changes ...string) string {
	t.Helper()
	text := read(t, file)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s: no %q", file, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	return text
}

// TestCloudInit: a machine that is born with the user data of deploy/cloud-init enrols by itself.
func TestCloudInit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l, err := net.Listen("tcp", address(1)+":0")
	if err != nil {
		t.Fatal(err)
	}
	mirror := &http.Server{Handler: http.FileServer(http.Dir("../../bin/_hosts/" + after))}
	go mirror.Serve(l)
	t.Cleanup(func() { mirror.Close() })

	h := newHost(t, "born")
	h.hasty()
	h.run("rm /etc/cloud/cloud-init.disabled")
	h.write("/etc/cloud/cloud.cfg.d/test.cfg", "datasource_list: [NoCloud]\nnetwork: {config: disabled}\nssh_deletekeys: false\nlocale: false\n")
	h.write("/var/lib/cloud/seed/nocloud/meta-data", "instance-id: born\n")
	h.write("/var/lib/cloud/seed/nocloud/user-data", edit(t, "../../deploy/cloud-init/user-data.yaml",
		"argus1.TOKEN", s.token(), "version=1.1.0", "version="+after, "https://mirror.example.org/argus-endpoint", "http://"+l.Addr().String()))
	began := time.Now()
	h.start()
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := h.try("grep -i -A12 'warn\\|fail\\|trace' /var/log/cloud-init.log | tail -n 60; tail -n 20 /var/log/cloud-init-output.log")
			t.Log(log)
		}
	})
	h.await("the end of its first boot", 60*time.Second, func() bool {
		out, _ := h.try("cloud-init status")
		return strings.Contains(out, "done") || strings.Contains(out, "error")
	})
	if out := h.run("cloud-init status --long; true"); !strings.Contains(out, "status: done") {
		t.Error(out)
	}
	h.run("cloud-init schema --config-file /var/lib/cloud/seed/nocloud/user-data")
	h.awaitMeter(60 * time.Second)
	h.serves(after)
	s.awaitState(h, "up", 60*time.Second)
	t.Logf("up at the collector %v after it was switched on for the first time", time.Since(began).Round(100*time.Millisecond))
}

// TestPuppet applies the module of deploy/puppet: installs, does nothing, upgrades, removes, does nothing.
func TestPuppet(t *testing.T) {
	t.Parallel()
	s, h := newSite(t), boot(t, "puppet")
	if out, err := exec.Command("cp", "-r", "../../deploy/puppet", h.dir+"/root/modules").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, version := range []string{before, after} {
		h.must(os.MkdirAll(filepath.Join(h.dir, "root", version), 0o755))
		h.copy(pack("argus-endpoint", version, "deb"), "/root/"+version)
	}
	h.run("puppet parser validate $(find /root/modules -name '*.pp') && puppet epp validate $(find /root/modules -name '*.epp')")
	clean := h.files()
	token := s.token()
	apply := func(what string, code int, more string) {
		t.Helper()
		h.write("/root/site.pp", "class { 'argus_endpoint': "+more+" }\n")
		out, err := h.try("puppet apply --detailed-exitcodes --modulepath /root/modules /root/site.pp")
		if got := exitCode(err); got != code {
			t.Fatalf("%s: exit code %d, not %d\n%s", what, got, code, out)
		}
		if strings.Contains(out, token) {
			t.Errorf("%s: the token is shown:\n%s", what, out)
		}
	}
	with := func(version string) string {
		return "token => Sensitive('" + token + "'), source => '/root/" + version + "', version => '" + version + "', settings => { 'ARGUS_BATCH_INTERVAL' => 1 }"
	}
	const nothing, changes = 0, 2
	apply("install", changes, with(before))
	h.serves(before)
	s.awaitState(h, "up", 60*time.Second)
	apply("again", nothing, with(before))
	filter, want := h.udp(50)
	apply("upgrade", changes, with(after))
	h.serves(after)
	s.awaitFlows(filter, want, 90*time.Second)
	apply("remove", changes, "ensure => 'absent'")
	h.nothingLeft(clean)
	apply("remove again", nothing, "ensure => 'absent'")
}

// exitCode is that of a command that ended.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return -1
}

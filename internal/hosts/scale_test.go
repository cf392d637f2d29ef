//go:build linux

package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCollectorOfSeveral: the collector of docs/scale-out.md on three machines that boot, as deploy/ has it: NATS on each, two that receive
// behind haproxy, one that writes. One of the three is switched off, and nothing is missing.
func TestCollectorOfSeveral(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, "receive", "receive", "write")
	balance(t, nodes[0], nodes[1])
	for _, n := range nodes {
		n.await("the collector is ready", 60*time.Second, func() bool {
			out, _ := n.try("journalctl -b -u argus-collector")
			return strings.Contains(out, "collector is ready")
		})
	}
	h := boot(t, "behind")
	h.hasty()
	h.token(strings.TrimSpace(nodes[0].run("argus-collector token create 2>/dev/null")))
	h.setup(debian.install, debian, after)
	h.await("it is delivering", 60*time.Second, func() bool { return h.status().Uplink.State == "up" })
	arrived := func(n int) {
		t.Helper()
		nodes[2].await(fmt.Sprint(n, " flows in the store"), 90*time.Second, func() bool {
			out, err := nodes[2].try("argus-collector flows --json udp and dst port 9001 2>/dev/null")
			return err == nil && strings.Count(out, "\n") == n
		})
	}
	h.udp(100)
	arrived(100)
	began := time.Now()
	nodes[0].cut() // a receiver and a third of the cluster
	h.udp(100)
	arrived(200)
	t.Logf("all there %v after one machine of three was cut off", time.Since(began).Round(time.Second))
}

// cluster boots hosts that are a NATS server each, and have a role.
func cluster(t *testing.T, roles ...string) (nodes []*host) {
	t.Helper()
	names := "127.0.0.1 localhost\n"
	args := []string{t.TempDir()}
	for i := range roles {
		n := newHost(t, fmt.Sprint("n", i+1))
		nodes, names, args = append(nodes, n), names+n.address+" "+n.name+"\n", append(args, n.name)
	}
	if out, err := exec.Command("../../deploy/systemd/certificates.sh", args...).CombinedOutput(); err != nil {
		t.Fatalf("certificates: %v: %s", err, out)
	}
	for i, n := range nodes {
		n.write("/etc/hosts", names)
		n.nats(args[0])
		n.role(roles[i], args[0])
		n.start()
	}
	for _, n := range nodes {
		n.waitRunning()
	}
	return nodes
}

// nats makes a host one of the NATS servers, with the files of deploy/.
func (h *host) nats(certs string) {
	h.t.Helper()
	h.run("useradd --system --no-create-home nats")
	h.copy("../../bin/tools/nats-server", "/usr/local/bin")
	h.copy("../../deploy/systemd/nats-server.service", "/etc/systemd/system")
	h.write("/etc/nats/nats-server.conf", edit(h.t, "../../deploy/nats-server.conf", "server_name: n1", "server_name: "+h.name))
	for file, as := range map[string]string{"ca.pem": "ca.pem", h.name + ".pem": "server.pem", h.name + ".key": "server.key"} {
		h.write("/etc/nats/"+as, read(h.t, filepath.Join(certs, file)))
	}
	h.run("chown -R nats: /etc/nats && systemctl -q enable nats-server")
}

// role makes a host a part of the collector, with its package and a drop-in of deploy/.
func (h *host) role(role, certs string) {
	h.t.Helper()
	h.run("dpkg -i %s", h.copy(pack("argus-collector", after, "deb"), "/root"))
	h.write("/etc/systemd/system/argus-collector.service.d/role.conf", read(h.t, "../../deploy/systemd/"+role+".conf"))
	folder := "/etc/argus-collector/"
	settings := "ARGUS_NATS=tls://n1:4222,tls://n2:4222,tls://n3:4222\nARGUS_NATS_CA=" + folder + "ca.pem\nARGUS_NATS_CERT=" + folder + "role.pem\nARGUS_NATS_KEY=" + folder + "role.key\n"
	if role == "receive" {
		settings += "ARGUS_ADVERTISE=" + balancer + "\nARGUS_PROXY_PROTOCOL=" + address(1) + "/32\n"
	} else {
		settings += "ARGUS_STORE=/var/lib/argus-collector/store\nARGUS_COMMIT_INTERVAL=1s\n"
	}
	h.write(folder+"argus-collector.conf", settings)
	for file, as := range map[string]string{"ca.pem": "ca.pem", role + ".argus.pem": "role.pem", role + ".argus.key": "role.key"} {
		h.write(folder+as, read(h.t, filepath.Join(certs, file)))
	}
	h.run("chgrp argus-collector %srole.key && chmod 0640 %srole.key", folder, folder)
}

// balancer is where agents reach the receivers of several machines.
const balancer = "10.77.0.1:4999"

// balance runs haproxy on the bridge before two receivers.
func balance(t *testing.T, r1, r2 *host) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := edit(t, "../../deploy/haproxy.cfg", "bind :4561", "bind "+balancer, "maxconn 120000", "maxconn 1000",
		"r1.soc.example.net", r1.address, "r2.soc.example.net", r2.address)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := exec.Command("haproxy", "-db", "-f", file)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Process.Kill(); proxy.Wait() })
}

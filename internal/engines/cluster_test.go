//go:build linux

package engines

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// fleet is a collector of several processes as deploy/ describes it, on this machine: three nodes of NATS, two receivers behind
// haproxy, two writers.
type fleet struct {
	t         *testing.T
	dir       string
	bin       string
	nats      []string // URLs
	balancer  string   // host:port
	receivers []string
	procs     map[string]*process
}

// process is a program that is started again under the same name after it was killed.
type process struct {
	args []string
	cmd  *exec.Cmd
	log  *lines
	done chan struct{}
}

// lines is what a process has written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{t: t, dir: t.TempDir(), procs: map[string]*process{}}
	f.bin = f.build("argus-collector", "../../cmd/argus-collector")
	f.certificates()
	t.Cleanup(func() {
		for name := range f.procs {
			f.kill(name)
		}
	})
	var routes, ports []string
	for range 3 {
		routes, ports = append(routes, address(t)), append(ports, address(t))
	}
	for i, name := range []string{"n1", "n2", "n3"} {
		f.nats = append(f.nats, "tls://"+ports[i])
		f.write(name+".conf", change(t, "../../deploy/nats-server.conf",
			"server_name: n1", "server_name: "+name, "0.0.0.0:4222", ports[i], "0.0.0.0:6222", routes[i],
			"nats://n1:6222, nats://n2:6222, nats://n3:6222", "nats://"+strings.Join(routes, ", nats://"),
			"/var/lib/nats", filepath.Join(f.dir, name), "/etc/nats", f.dir))
		f.start(name, tools+"nats-server", "-c", filepath.Join(f.dir, name+".conf"))
	}
	f.balancer = address(t)
	for range 2 {
		f.receivers = append(f.receivers, address(t))
	}
	f.write("haproxy.cfg", change(t, "../../deploy/haproxy.cfg", "bind :4561", "bind "+f.balancer, "maxconn 120000", "maxconn 1000", // as many descriptors as a test may have
		"r1.soc.example.net:4561", f.receivers[0], "r2.soc.example.net:4561", f.receivers[1]))
	f.start("haproxy", "haproxy", "-db", "-f", filepath.Join(f.dir, "haproxy.cfg"))
	for i, name := range []string{"r1", "r2"} {
		f.start(name, append([]string{f.bin, "receive", "--listen", f.receivers[i], "--advertise", f.balancer, "--rate", "0",
			"--proxy-protocol", "127.0.0.0/8"}, f.as("receive")...)...)
	}
	for _, name := range []string{"w1", "w2"} {
		f.startWriter(name)
	}
	for _, name := range []string{"r1", "r2", "w1", "w2"} {
		f.saysSoon(name, "collector is ready", 60*time.Second)
	}
	return f
}

func (f *fleet) startWriter(name string) {
	f.start(name, append([]string{f.bin, "write", "--commit-interval", "1s", "--store", f.path("store")}, f.as("write")...)...)
}

func (f *fleet) path(name string) string { return filepath.Join(f.dir, name) }

// as returns the flags of a role at the cluster.
func (f *fleet) as(role string) []string {
	return []string{"--nats", strings.Join(f.nats, ","), "--nats-ca", f.path("ca.pem"), "--nats-cert", f.path(role + ".pem"), "--nats-key", f.path(role + ".key")}
}

func (f *fleet) build(name, pkg string) string {
	f.t.Helper()
	out := f.path(name)
	if text, err := exec.CommandContext(f.t.Context(), "go", "build", "-o", out, pkg).CombinedOutput(); err != nil {
		f.t.Fatalf("go build %s: %v\n%s", pkg, err, text)
	}
	return out
}

func (f *fleet) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// change reads a file of deploy/ and replaces what is of the place; every old text must be there.
func change(t *testing.T, file string, oldnew ...string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(string(b), oldnew[i]) {
			t.Fatalf("%s does not have %q", file, oldnew[i])
		}
	}
	return strings.NewReplacer(oldnew...).Replace(string(b))
}

// address returns a free address on loopback.
func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts a program, or, without args, the one that had this name before.
func (f *fleet) start(name string, args ...string) {
	f.t.Helper()
	if len(args) == 0 {
		args = f.procs[name].args
	}
	p := &process{args: args, cmd: exec.Command(args[0], args[1:]...), log: &lines{}, done: make(chan struct{})}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.procs[name] = p
	go func() {
		defer close(p.done)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.log.mu.Lock()
			p.log.text.WriteString(in.Text() + "\n")
			p.log.mu.Unlock()
		}
		_ = p.cmd.Wait() // killed, as intended
	}()
}

func (f *fleet) signal(name string, s syscall.Signal) {
	f.t.Helper()
	if err := f.procs[name].cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		f.t.Fatal(err)
	}
}

// kill ends a process without warning.
func (f *fleet) kill(name string) {
	f.t.Helper()
	f.signal(name, syscall.SIGKILL)
	<-f.procs[name].done
}

// stop ends a process as an operator does.
func (f *fleet) stop(name string) {
	f.t.Helper()
	f.signal(name, syscall.SIGTERM)
	<-f.procs[name].done
}

// saysSoon waits until a process has written a text.
func (f *fleet) saysSoon(name, text string, limit time.Duration) {
	f.t.Helper()
	f.until(name+" says "+text, limit, func() bool { return strings.Contains(f.procs[name].log.String(), text) })
}

// until waits for an event.
func (f *fleet) until(what string, limit time.Duration, happened func() bool) time.Duration {
	f.t.Helper()
	defer func() {
		if !f.t.Failed() {
			return
		}
		for name, p := range f.procs {
			text := p.log.String()
			f.t.Logf("--- %s\n%s", name, text[max(0, len(text)-1500):])
		}
	}()
	return await.Event(f.t, limit, what, happened)
}

// command runs argus-collector as a role and returns what it printed.
func (f *fleet) command(role string, args ...string) string {
	f.t.Helper()
	// Flags stand before arguments: those of the place come behind the words of the command.
	words := 0
	for words < len(args) && words < 2 && !strings.HasPrefix(args[words], "-") {
		words++
	}
	all := append(append(append([]string{}, args[:words]...), f.as(role)...), args[words:]...)
	all = append(all[:words], append([]string{"--store", f.path("store")}, all[words:]...)...)
	ctx, cancel := context.WithTimeout(f.t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, f.bin, all...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		f.t.Fatalf("argus-collector %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}

// tokenOf makes an enrolment token of the collector on a state folder.
func (f *fleet) tokenOf(state string) string {
	f.t.Helper()
	out, err := exec.CommandContext(f.t.Context(), f.bin, "token", "create", "--state", state).Output()
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// certificates makes a CA, and certificates for the servers and each role.
func (f *fleet) certificates() {
	f.t.Helper()
	caKey, ca := f.certificate("ca", nil, nil)
	for _, name := range []string{"server", "receive", "write"} {
		f.certificate(name, caKey, ca)
	}
}

func (f *fleet) certificate(name string, caKey *ecdsa.PrivateKey, ca *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	switch {
	case ca == nil:
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		ca, caKey = c, key
	case name == "server":
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	default:
		c.DNSNames = []string{name + ".argus"}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, caKey)
	if err != nil {
		f.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	f.write(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	if c, err = x509.ParseCertificate(der); err != nil {
		f.t.Fatal(err)
	}
	return key, c
}

//go:build linux

package hosts

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// zones are the search domains that the bridge's name server knows, each with the port of its collector.
var zones sync.Map

// nameServer answers on the bridge; for other domains it says that there is no such name.
func nameServer() error {
	c, err := net.ListenPacket("udp", address(1)+":53")
	if err != nil {
		return err
	}
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if a := answer(buf[:n]); a != nil {
				c.WriteTo(a, from)
			}
		}
	}()
	return nil
}

func answer(question []byte) []byte {
	var q dnsmessage.Message
	if q.Unpack(question) != nil || len(q.Questions) != 1 {
		return nil
	}
	asked := q.Questions[0]
	host, zone, _ := strings.Cut(asked.Name.String(), ".")
	service := host == "_argus-collector"
	if service {
		_, zone, _ = strings.Cut(zone, ".") // _tcp
	}
	a := dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, Authoritative: true}, Questions: q.Questions}
	var body dnsmessage.ResourceBody
	switch at, ok := zones.Load(zone); {
	case !ok || !service && host != "collector":
		a.RCode = dnsmessage.RCodeNameError
	case service && asked.Type == dnsmessage.TypeSRV:
		body = &dnsmessage.SRVResource{Priority: 10, Target: dnsmessage.MustNewName("collector." + zone), Port: at.(uint16)}
	case !service && asked.Type == dnsmessage.TypeA:
		body = &dnsmessage.AResource{A: [4]byte(net.ParseIP(address(1)).To4())}
	}
	if body != nil {
		a.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET, TTL: 60}, Body: body}}
	}
	b, _ := a.Pack()
	return b
}

// TestFoundByDNS: a host on which only the package was installed finds its collector by the SRV record of its domain, is approved
// there, and delivers what it has metered since its installation.
func TestFoundByDNS(t *testing.T) {
	t.Parallel()
	s, h := newSite(t, "collector.found.example"), boot(t, "found")
	_, port, _ := strings.Cut(s.at, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	zones.Store("found.example.", uint16(n))
	h.write("/etc/resolv.conf", fmt.Sprintf("nameserver %s\nsearch found.example\n", address(1)))
	h.hasty()
	h.setup(debian.install, debian, after)
	h.awaitMeter(2 * time.Second)
	filter, want := h.udp(100)
	s.awaitState(h, "pending", 30*time.Second)
	if h.status().Spool.Durable != 0 {
		t.Error("it delivered before it was approved")
	}
	s.run("hosts", "approve", s.hosts()[h.name].Fingerprint)
	approved := time.Now()
	s.awaitState(h, "up", 90*time.Second) // it asks about once a minute
	t.Logf("delivering %v after it was approved", time.Since(approved).Round(time.Second))
	s.awaitFlows(filter, want, 30*time.Second)
	s.complete(h)
}

// TestCollectorRestarts: a collector that is upgraded and rebooted has what its host sent meanwhile.
func TestCollectorRestarts(t *testing.T) {
	t.Parallel()
	c, h := boot(t, "collector"), boot(t, "reporting")
	began := time.Now()
	c.run("dpkg -i %s", c.copy(pack("argus-collector", before, "deb"), "/root"))
	c.await("a token", 10*time.Second, func() bool { _, err := c.try("argus-collector token list"); return err == nil })
	t.Logf("a collector %v after its installation began", time.Since(began).Round(time.Millisecond))
	h.hasty()
	h.token(strings.TrimSpace(c.run("argus-collector token create --address %s:4561 2>/dev/null", c.address)))
	h.setup(debian.install, debian, after)
	c.await("the host is up", 60*time.Second, func() bool { return strings.Contains(c.run("argus-collector hosts"), " up ") })

	arrived := func(n int) {
		t.Helper()
		c.await("the flows", 90*time.Second, func() bool {
			out, err := c.try("argus-collector flows --json udp and dst port 9001 2>/dev/null")
			return err == nil && strings.Count(out, "\n") == n
		})
	}
	h.udp(10)
	c.run("dpkg -i %s", c.copy(pack("argus-collector", after, "deb"), "/root"))
	arrived(10)
	c.off()
	h.udp(20)
	h.awaitSpooled(20)
	c.on()
	arrived(30)
}

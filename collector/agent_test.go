package collector

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

// agent is a hand-made sensor: it speaks the wire contract and nothing else.
type agent struct {
	t     testing.TB
	id    uuid.UUID
	epoch wire.Epoch
	next  uint64
	addr  string
	conf  *tls.Config
	http  *http.Client
	zip   *zstd.Encoder
}

// newAgent enrols with a token.
func newAgent(t testing.TB, text string) *agent {
	t.Helper()
	token, err := wire.ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, id: uuid.Must(uuid.NewV4()), epoch: wire.NewEpoch(), next: 1, addr: token.Collectors[0]}
	if a.zip, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(wire.MaxWindow)); err != nil {
		t.Fatal(err)
	}
	a.conf = &tls.Config{InsecureSkipVerify: true, VerifyConnection: pinned(token.CA, a.addr)}
	a.dial()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{wire.MonitorURI(a.id)}}, key)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(wire.EnrollRequest{Secret: token.Secret.String(), Monitor: a.id, Name: "made-by-hand", OS: "linux",
		CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	resp, answer := a.do(http.MethodPost, wire.PathEnroll, body, nil)
	var issued wire.EnrollResponse
	if resp.StatusCode != http.StatusOK || json.Unmarshal(answer, &issued) != nil {
		t.Fatalf("enrolment: %s %s", resp.Status, answer)
	}
	block, _ := pem.Decode([]byte(issued.Certificate))
	a.conf.Certificates = []tls.Certificate{{Certificate: [][]byte{block.Bytes}, PrivateKey: key}}
	a.dial()
	return a
}

// pinned accepts a chain that shows the authority that the token names and leads to it, for the name dialled.
func pinned(ca [sha256.Size]byte, addr string) func(tls.ConnectionState) error {
	return func(c tls.ConnectionState) error {
		for _, cert := range c.PeerCertificates {
			if sha256.Sum256(cert.Raw) == ca {
				roots := x509.NewCertPool()
				roots.AddCert(cert)
				return leadsTo(roots, c, addr)
			}
		}
		return errors.New("another collector")
	}
}

func leadsTo(roots *x509.CertPool, c tls.ConnectionState, addr string) error {
	between := x509.NewCertPool()
	for _, cert := range c.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	host, _, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = c.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between})
	}
	return err
}

// dial forgets the connection, as after a restart.
func (a *agent) dial() {
	if a.http != nil {
		a.http.CloseIdleConnections()
	}
	a.http = &http.Client{Transport: &http.Transport{TLSClientConfig: a.conf.Clone(), ForceAttemptHTTP2: true}}
	a.t.Cleanup(a.http.CloseIdleConnections)
}

func (a *agent) do(method, path string, body []byte, header http.Header) (*http.Response, []byte) {
	a.t.Helper()
	resp, answer, err := a.try(context.Background(), method, path, body, header)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp, answer
}

func (a *agent) try(ctx context.Context, method, path string, body []byte, header http.Header) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "https://"+a.addr+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(req.Header, header)
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp, answer, err
}

// batch is a batch ready to be posted, as often as needed.
type batch struct {
	first, last uint64
	body        []byte
	header      http.Header
}

// batch makes the next n records: UDP flows whose source port and packet count tell them apart.
func (a *agent) batch(n int) batch {
	a.t.Helper()
	enc := argus.Encoder{Monitor: a.id, Interface: "eth0"}
	head := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Sequence: uint32(a.next)})
	var b []byte
	for i := range n {
		f := flow.Record{ID: a.next + uint64(i), Start: 1.7e18, Cause: flow.CauseStart, End: flow.EndIdle, Initiator: flow.InitiatorGuessed}
		f.Family, f.Proto, f.SrcPort, f.DstPort = flow.FamilyIPv4, flow.ProtoUDP, uint16(a.next)+uint16(i), 53
		copy(f.Src[:], []byte{10, 0, 0, 1})
		copy(f.Dst[:], []byte{10, 0, 0, 2})
		f.Side[0] = flow.Side{Packets: a.next + uint64(i), Bytes: 100, IPBytes: 86, Payload: 58, First: 1.7e18, Last: 1.7e18 + 1e6, TTL: 64}
		b = enc.AppendFlow(b, &f)
	}
	if _, err := argus.Number(b, a.next); err != nil {
		a.t.Fatal(err)
	}
	out := batch{first: a.next, last: a.next + uint64(n) - 1, body: a.zip.EncodeAll(append(head, b...), nil)}
	a.next += uint64(n)
	out.header = http.Header{
		"Content-Type": {wire.ContentFlows}, "Content-Encoding": {wire.EncodingZstd},
		wire.HeaderEpoch: {a.epoch.String()}, wire.HeaderDropped: {"0"},
		wire.HeaderFirst: {strconv.FormatUint(out.first, 10)}, wire.HeaderLast: {strconv.FormatUint(out.last, 10)},
	}
	return out
}

// post sends a batch that must be taken, and returns the watermark of the answer.
func (a *agent) post(b batch) uint64 {
	a.t.Helper()
	resp, answer := a.do(http.MethodPost, wire.PathFlows, b.body, b.header)
	if resp.StatusCode != http.StatusNoContent {
		a.t.Fatalf("batch %d-%d: %s %s", b.first, b.last, resp.Status, answer)
	}
	return a.mark(resp)
}

// durable asks for the watermark.
func (a *agent) durable() uint64 {
	a.t.Helper()
	resp, answer := a.do(http.MethodGet, wire.PathDurable, nil, http.Header{wire.HeaderEpoch: {a.epoch.String()}})
	if resp.StatusCode != http.StatusNoContent {
		a.t.Fatalf("durable: %s %s", resp.Status, answer)
	}
	return a.mark(resp)
}

func (a *agent) mark(resp *http.Response) uint64 {
	a.t.Helper()
	m, err := wire.ParseWatermark(resp.Header.Get(wire.HeaderDurable))
	if err != nil || m.Epoch != a.epoch {
		a.t.Fatalf("%s: %q, %v", wire.HeaderDurable, resp.Header.Get(wire.HeaderDurable), err)
	}
	return m.Sequence
}

func (b batch) String() string { return fmt.Sprintf("%d-%d", b.first, b.last) }

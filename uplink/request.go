package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

const requestTimeout = 30 * time.Second // dial, handshake, body and answer together

// answer is what a collector said.
type answer struct {
	status int
	header http.Header
	body   []byte
	peer   []*x509.Certificate
}

// answerError is an answer that is not the one hoped for.
type answerError struct {
	path   string
	status int
	wait   time.Duration // Retry-After
	text   string
}

func (e *answerError) Error() string {
	s := fmt.Sprintf("collector answers %d %s to %s", e.status, http.StatusText(e.status), e.path)
	if e.text != "" {
		s += ": " + e.text
	}
	return s
}

// refused tells whether the collector does not accept this monitor.
func (e *answerError) refused() bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

func (a *answer) err(path string) error {
	e := &answerError{path: path, status: a.status, wait: retryAfter(a.header)}
	var said wire.ErrorResponse
	if json.Unmarshal(a.body, &said) == nil && said.Error != "" {
		if e.text = fmt.Sprintf("%.200q", said.Error); said.Advice != "" {
			e.text += fmt.Sprintf(" (%.200q)", said.Advice)
		}
	}
	return e
}

// sentBody is a request's body in a buffer that is used again. The transport may read from it, or close it while it reads,
// after the answer or an error: once taken back it gives nothing more.
type sentBody struct {
	mu   sync.Mutex
	left []byte
	cut  bool // taken back before all was read
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut {
		return 0, http.ErrBodyReadAfterClose // half a body must not look like a whole one
	}
	if len(b.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// Close takes the buffer back.
func (b *sentBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut, b.left = b.cut || len(b.left) > 0, nil
	return nil
}

// ask sends one request and reads the whole answer, of which it takes no more than wire.MaxJSON octets.
func (c *Client) ask(ctx context.Context, rt http.RoundTripper, method, path string, header http.Header, body []byte) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "https://"+c.address()+path, nil)
	if err != nil {
		return nil, err
	}
	if body != nil {
		sent := &sentBody{left: body}
		defer sent.Close()
		req.Body = sent // no GetBody: the transport must not repeat a post by itself
		req.ContentLength = int64(len(body))
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("User-Agent", "argus-endpoint/"+c.c.Version)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, c.explain(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxJSON))
	if err != nil {
		return nil, c.explain(err)
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, body: text}
	if resp.TLS != nil {
		a.peer = resp.TLS.PeerCertificates
	}
	return a, nil
}

// askJSON posts v and reads an EnrollResponse from a 200.
func (c *Client) askJSON(ctx context.Context, rt http.RoundTripper, path string, v any) (wire.EnrollResponse, *answer, error) {
	var out wire.EnrollResponse
	body, err := json.Marshal(v)
	if err != nil {
		return out, nil, err
	}
	a, err := c.ask(ctx, rt, http.MethodPost, path, http.Header{"Content-Type": {wire.ContentJSON}}, body)
	if err != nil {
		return out, nil, err
	}
	if a.status != http.StatusOK {
		return out, a, a.err(path)
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		return out, a, fmt.Errorf("collector's answer to %s is not what the contract says: %w", path, err)
	}
	return out, a, nil
}

// enroll asks for a certificate, with the token's secret if there is a token, else for an operator's approval.
func (c *Client) enroll(ctx context.Context) error {
	csr, err := c.id.request(c.c.Name)
	if err != nil {
		return err
	}
	c.describe()
	req := wire.EnrollRequest{Monitor: c.c.Monitor, Name: c.c.Name, OS: runtime.GOOS, Arch: runtime.GOARCH, Version: c.c.Version, CSR: csr}
	if c.token != nil {
		req.Secret = c.token.Secret.String()
	}
	rt, hangUp := c.connect(c.enrolling())
	defer hangUp()
	r, a, err := c.askJSON(ctx, rt, wire.PathEnroll, req)
	if err != nil {
		return err
	}
	return c.adopt(r, a)
}

// renew asks for a new certificate over a connection with the old one: a new connection, because the collector must prove itself by what it has
// now, and neither an old connection nor a resumed session shows that.
func (c *Client) renew(ctx context.Context) error {
	c.hangUp()
	c.sessions = tls.NewLRUClientSessionCache(1)
	csr, err := c.id.request(c.c.Name)
	if err != nil {
		return err
	}
	r, a, err := c.askJSON(ctx, c.transport(), wire.PathRenew, wire.RenewRequest{CSR: csr})
	if err != nil {
		return err
	}
	return c.adopt(r, a)
}

func (c *Client) adopt(r wire.EnrollResponse, a *answer) error {
	host, _, _ := net.SplitHostPort(c.address())
	if err := c.id.accept(r, a.peer, host); err != nil {
		return err
	}
	if err := c.id.write(hostFile, []byte(strings.Join(c.addresses, "\n")+"\n")); err != nil {
		return err
	}
	c.bundleDue = time.Time{}
	c.describe()
	c.sessions = tls.NewLRUClientSessionCache(1) // the old ones would go on with the old certificate
	c.hangUp()
	return nil
}

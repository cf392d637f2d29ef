package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// The statuses of a refusal, those of HTTP (package wire says what each means for an agent).
const (
	StatusPending      = http.StatusAccepted
	StatusUnauthorized = http.StatusUnauthorized
	StatusForbidden    = http.StatusForbidden
	StatusConflict     = http.StatusConflict
	StatusNonsense     = http.StatusUnprocessableEntity
	StatusFull         = http.StatusServiceUnavailable
)

// Refusal is the error of a request that was understood and is not granted.
type Refusal struct {
	Status int // one of the Status constants
	Reason string
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// HTTPStatus returns the status that tells an agent.
func (r *Refusal) HTTPStatus() int { return r.Status }

func refuse(status int, format string, args ...any) error {
	return &Refusal{status, fmt.Sprintf(format, args...)}
}

func revoked(id uuid.UUID) error {
	return refuse(StatusForbidden, "monitor %s is revoked here", id)
}

// request is a checked request for a certificate.
type request struct {
	id     uuid.UUID
	key    string // its hash
	public any
	facts  facts
}

// Enroll gives a monitor its first certificate, or the same key another one. The error is a *Refusal,
// except when the State fails.
func (a *Authority) Enroll(req *wire.EnrollRequest) (*wire.EnrollResponse, error) {
	r, err := parseRequest(req.CSR)
	if err != nil {
		return nil, err
	}
	if r.id != req.Monitor {
		return nil, refuse(StatusNonsense, "the CSR is for monitor %s and the request for %s", r.id, req.Monitor)
	}
	r.facts = facts{clean(req.Name), clean(req.OS), clean(req.Arch), clean(req.Version)}
	m, _, err := load[Monitor](a.state, monitorName(r.id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	known := err == nil
	switch {
	case m.Revoked:
		return nil, revoked(r.id)
	case m.Key == r.key: // enrolled before, or approved: proof of the key is enough
		return a.issue(r, nil)
	case m.Rejected == r.key:
		return nil, refuse(StatusForbidden, "the operator has turned down this key of monitor %s", r.id)
	case req.Secret == "":
		return nil, a.wait(r, known)
	}
	token, err := a.goodToken(req.Secret, r.key)
	if err != nil {
		return nil, err
	}
	if m.Key != "" {
		return nil, a.wait(r, true)
	}
	if token, err = a.useToken(token.ID, r.key); err != nil {
		return nil, err
	}
	return a.issue(r, &token)
}

// Renew gives the monitor that owns the certificates of a connection a new certificate for the same key, also for
// wire.RenewLate after the end of the old one.
func (a *Authority) Renew(peer []*x509.Certificate, req *wire.RenewRequest) (*wire.EnrollResponse, error) {
	id, err := a.verify(peer, wire.RenewLate)
	if err != nil {
		return nil, err
	}
	r, err := parseRequest(req.CSR)
	if err != nil {
		return nil, err
	}
	own, err := keyHash(peer[0].PublicKey)
	if err != nil || r.id != id || r.key != own {
		return nil, refuse(StatusNonsense, "a renewal is for the monitor and the key of the old certificate; enrol for another")
	}
	return a.issue(r, nil)
}

// issue signs a certificate for a monitor that may have one: because its key is known, or by a token that has been used for it.
// The monitor's record says so before the certificate goes out.
func (a *Authority) issue(r *request, token *TokenInfo) (*wire.EnrollResponse, error) {
	cas := a.authorities()
	_, err := update(a.state, monitorName(r.id), func(m *Monitor, exists bool) error {
		switch {
		case m.Revoked:
			return revoked(r.id)
		case m.Key == "" && token != nil:
			m.ID, m.Key, m.Pending, m.Labels = r.id, r.key, "", token.Labels
		case m.Key != r.key: // since Enroll or Renew looked
			return refuse(StatusConflict, "monitor %s has another key now: enrol again", r.id)
		}
		if r.facts != (facts{}) {
			m.facts(r.facts)
		}
		m.Issuer = cas.current().fingerprint()
		m.Issued = a.now().UTC()
		if m.Enrolled.IsZero() {
			m.Enrolled = m.Issued
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if token != nil {
		if err := a.state.Remove(pendingName(r.id)); err != nil { // it may have waited before it got a token
			return nil, err
		}
	}
	der, err := cas.current().sign(a.clientTemplate(r.id), r.public)
	if err != nil {
		return nil, err
	}
	return &wire.EnrollResponse{Certificate: string(encodeCertificate(der)), CA: string(cas.bundle)}, nil
}

func (a *Authority) clientTemplate(id uuid.UUID) *x509.Certificate {
	t := template(a.now(), ClientLife)
	t.Subject = pkix.Name{CommonName: id.String()}
	t.URIs = []*url.URL{wire.MonitorURI(id)}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return t
}

// parseRequest returns what a CSR asks for whose signature is right.
func parseRequest(text string) (*request, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, refuse(StatusNonsense, "no PEM certificate request")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, refuse(StatusNonsense, "certificate request: %v", err)
	}
	r := &request{public: csr.PublicKey}
	if r.key, err = keyHash(csr.PublicKey); err != nil { // before the signature: a stranger's large RSA key costs a tenth of a second there
		return nil, err
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, refuse(StatusNonsense, "certificate request: %v", err)
	}
	if r.id, err = wire.MonitorOf(csr.URIs); err != nil {
		return nil, refuse(StatusNonsense, "%v", err)
	}
	return r, nil
}

// maxFact bounds a fact that an agent claims, and a label, in octets.
const maxFact = 255

// clean makes a fact that an agent claims fit for an operator's screen: printable, at most maxFact octets.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > maxFact {
		s = strings.ToValidUTF8(s[:maxFact], "")
	}
	return s
}

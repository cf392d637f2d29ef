package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
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

func refuse(status int, reason string) error { return &Refusal{status, reason} }

// Enroll gives a monitor its first certificate, or the same key another one. The error is a *Refusal,
// except when the state folder fails.
func (a *Authority) Enroll(req *wire.EnrollRequest) (*wire.EnrollResponse, error) {
	csr, id, err := parseCSR(req.CSR)
	if err != nil {
		return nil, err
	}
	if id != req.Monitor {
		return nil, refuse(StatusNonsense, fmt.Sprintf("the CSR is for monitor %s and the request for %s", id, req.Monitor))
	}
	key, err := keyHash(csr.PublicKey)
	if err != nil {
		return nil, err
	}
	end, err := a.begin()
	if err != nil {
		return nil, err
	}
	defer end()
	m, err := a.monitor(id)
	known := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if m.Revoked {
		return nil, refuse(StatusForbidden, fmt.Sprintf("monitor %s is revoked here", id))
	}
	if m.Key == "" || m.Key == key { // a stranger changes nothing of a host that is enrolled
		m.ID, m.Name, m.OS, m.Arch, m.Version = id, clean(req.Name), clean(req.OS), clean(req.Arch), clean(req.Version)
	}
	if known && m.Key == key { // enrolled before, or approved: proof of the key is enough
		return a.issue(&m, csr.PublicKey)
	}
	if req.Secret != "" {
		token, err := a.goodToken(req.Secret)
		if err != nil {
			return nil, err
		}
		if m.Key == "" {
			token.Used++ // counted before the certificate goes out: a crash costs a use, not a guard
			if err := a.writeJSON(tokenFile(token.ID), token); err != nil {
				return nil, err
			}
			m.Key, m.Pending = key, ""
			return a.issue(&m, csr.PublicKey)
		}
	}
	return nil, a.wait(&m, key, known)
}

// wait keeps a key for approval and returns the refusal that says so.
func (a *Authority) wait(m *Monitor, key string, known bool) error {
	if !known {
		entries, err := fs.ReadDir(a.root.FS(), "monitors")
		if err != nil {
			return err
		}
		if len(entries) >= maxPending {
			return refuse(http.StatusServiceUnavailable, "too many monitors wait for approval: enrol with a token")
		}
	}
	if m.Pending != key {
		m.Pending = key
		if err := a.writeJSON(monitorFile(m.ID), m); err != nil {
			return err
		}
	}
	approve := fmt.Sprintf("approve it with: argus-collector hosts approve %s", m.ID)
	if m.Key == "" {
		return refuse(StatusPending, fmt.Sprintf("monitor %s waits for approval: %s", m.ID, approve))
	}
	return refuse(StatusConflict, fmt.Sprintf("monitor %s is enrolled with another key (a clone, or installed anew?): %s", m.ID, approve))
}

// Renew gives the monitor that owns the certificates of a connection a new certificate for the same key.
func (a *Authority) Renew(peer []*x509.Certificate, req *wire.RenewRequest) (*wire.EnrollResponse, error) {
	id, err := a.Verify(peer)
	if err != nil {
		return nil, err
	}
	csr, asked, err := parseCSR(req.CSR)
	if err != nil {
		return nil, err
	}
	key, err := keyHash(csr.PublicKey)
	if err != nil {
		return nil, err
	}
	end, err := a.begin()
	if err != nil {
		return nil, err
	}
	defer end()
	m, err := a.monitor(id)
	if err != nil {
		return nil, err
	}
	if m.Revoked { // since Verify looked
		return nil, refuse(StatusForbidden, fmt.Sprintf("monitor %s is revoked here", id))
	}
	if asked != id || key != m.Key {
		return nil, refuse(StatusNonsense, "a renewal is for the monitor and the key of the old certificate; enrol for another")
	}
	return a.issue(&m, csr.PublicKey)
}

// issue signs a certificate for m and records it. The caller has called begin.
func (a *Authority) issue(m *Monitor, public any) (*wire.EnrollResponse, error) {
	t := template(a.now(), ClientLife)
	t.Subject = pkix.Name{CommonName: m.ID.String()}
	t.URIs = []*url.URL{wire.MonitorURI(m.ID)}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := a.sign(t, public)
	if err != nil {
		return nil, err
	}
	m.Issued = a.now().UTC()
	if m.Enrolled.IsZero() {
		m.Enrolled = m.Issued
	}
	if err := a.writeJSON(monitorFile(m.ID), m); err != nil {
		return nil, err
	}
	a.mu.Lock()
	delete(a.verified, m.ID)
	a.mu.Unlock()
	return &wire.EnrollResponse{Certificate: string(encodeCertificate(der)), CA: string(encodeCertificate(a.cert.Raw))}, nil
}

// Verify returns the monitor of a connection's certificates, or a *Refusal that says what is wrong with them.
func (a *Authority) Verify(peer []*x509.Certificate) (uuid.UUID, error) {
	if len(peer) == 0 {
		return uuid.Nil, refuse(StatusUnauthorized, "no client certificate: enrol first")
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	now := a.now()
	_, err := peer[0].Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return uuid.Nil, refuse(StatusUnauthorized, fmt.Sprintf("client certificate is good from %s to %s and the collector's clock says %s",
			peer[0].NotBefore.Format(timeFormat), peer[0].NotAfter.Format(timeFormat), now.UTC().Format(timeFormat)))
	}
	if err != nil {
		return uuid.Nil, refuse(StatusUnauthorized, "client certificate is not of this collector: enrol again")
	}
	id, err := wire.MonitorOf(peer[0].URIs)
	if err != nil {
		return uuid.Nil, refuse(StatusForbidden, err.Error())
	}
	m, err := a.cached(id)
	if errors.Is(err, fs.ErrNotExist) {
		return uuid.Nil, refuse(StatusUnauthorized, fmt.Sprintf("monitor %s is not known here: enrol again", id))
	}
	if err != nil {
		return uuid.Nil, err
	}
	if m.Revoked {
		return uuid.Nil, refuse(StatusForbidden, fmt.Sprintf("monitor %s is revoked here", id))
	}
	if key, err := keyHash(peer[0].PublicKey); err != nil || key != m.Key {
		return uuid.Nil, refuse(StatusForbidden, fmt.Sprintf("monitor %s has another key now: enrol again", id))
	}
	return id, nil
}

const timeFormat = "2006-01-02T15:04:05Z07:00"

// parseCSR returns a CSR whose signature is right and the monitor that it names.
func parseCSR(text string) (*x509.CertificateRequest, uuid.UUID, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, uuid.Nil, refuse(StatusNonsense, "no PEM certificate request")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, uuid.Nil, refuse(StatusNonsense, "certificate request: "+err.Error())
	}
	id, err := wire.MonitorOf(csr.URIs)
	if err != nil {
		return nil, uuid.Nil, refuse(StatusNonsense, err.Error())
	}
	return csr, id, nil
}

// keyHash returns the hexadecimal SHA-256 of a public key of a kind that monitors may have.
func keyHash(public any) (string, error) {
	ec, isEC := public.(*ecdsa.PublicKey)
	if _, isEd := public.(ed25519.PublicKey); !isEd && (!isEC || ec.Curve != elliptic.P256()) {
		return "", refuse(StatusNonsense, "a monitor's key is P-256 or Ed25519")
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", refuse(StatusNonsense, err.Error())
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// clean makes a fact that an agent claims fit for an operator's screen: printable, at most 255 octets.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > 255 {
		s = strings.ToValidUTF8(s[:255], "")
	}
	return s
}

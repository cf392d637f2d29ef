package wire

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/gofrs/uuid/v5"
)

// Fingerprint is what both ends show of a key (the DER of its SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7) or of a certificate (its
// DER), so that people can compare them: the SHA-256 in 64 lower-case hexadecimal digits.
func Fingerprint(der []byte) string {
	h := sha256.Sum256(der)
	return hex.EncodeToString(h[:])
}

// EnrollRequest asks for a certificate, as JSON. Monitor must be the CSR's MonitorURI; the other facts are for the operator.
// Without a Secret the monitor asks to be approved by hand.
type EnrollRequest struct {
	Secret  string    `json:"secret,omitempty"` // Secret.String
	Monitor uuid.UUID `json:"monitor"`
	Name    string    `json:"name"` // host name
	OS      string    `json:"os"`   // GOOS
	Arch    string    `json:"arch"` // GOARCH
	Version string    `json:"version"`
	CSR     string    `json:"csr"` // PEM, "CERTIFICATE REQUEST"
}

// RenewRequest asks for a new certificate of the monitor whose certificate the connection carries.
type RenewRequest struct {
	CSR string `json:"csr"` // PEM
}

// EnrollResponse carries a certificate, after enrolment or renewal.
type EnrollResponse struct {
	Certificate string `json:"certificate"` // PEM: the leaf first, then intermediates
	CA          string `json:"ca"`          // PEM: every CA certificate to trust a collector by (two during a rotation)
}

// ErrorResponse says what is wrong and what to do about it.
type ErrorResponse struct {
	Error  string `json:"error"`
	Advice string `json:"advice,omitempty"`
}

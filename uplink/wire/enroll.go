package wire

import "github.com/gofrs/uuid/v5"

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

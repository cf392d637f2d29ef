package wire

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
)

// The paths of a collector.
const (
	PathFlows   = "/v1/flows"
	PathDurable = "/v1/durable"
	PathEnroll  = "/v1/enroll"
	PathRenew   = "/v1/renew"
)

// The headers of a batch and of its answer, in canonical form.
const (
	HeaderEpoch   = "Argus-Epoch"   // Epoch.String
	HeaderFirst   = "Argus-First"   // decimal sequence of the first record after the START
	HeaderLast    = "Argus-Last"    // decimal sequence of the last record
	HeaderDropped = "Argus-Dropped" // decimal count of sequences before First that never come
	HeaderDurable = "Argus-Durable" // Watermark.String, in answers
	HeaderCA      = "Argus-Ca"      // hexadecimal SHA-256 of EnrollResponse.CA as it would be given now, in answers 204
)

// The content types and the encoding of bodies.
const (
	ContentFlows = "application/vnd.argus.v5"
	ContentJSON  = "application/json"
	EncodingZstd = "zstd"
)

// The limits that a collector enforces and an agent stays below.
const (
	MaxCompressed   = 1 << 20  // octets of a batch's body as sent
	MaxDecompressed = 8 << 20  // octets of it decompressed
	MaxWindow       = 1 << 20  // octets of the zstd window
	MaxRecord       = 4 << 10  // octets of one Argus record
	MaxLabel        = 1016     // octets of a record's label
	MaxBatchRecords = 1 << 16  // records of a batch
	MaxJSON         = 64 << 10 // octets of an enrolment request or response
)

// RenewLate is for how long after its end a certificate can still be renewed: a laptop that was off all summer comes back by itself.
const RenewLate = 90 * 24 * time.Hour

// PollInterval is how often an agent at most asks for PathDurable: half the store's commit interval.
const PollInterval = 15 * time.Second

// Epoch names one life of a spool: random, never 0, new when the spool is created, cloned or in doubt.
type Epoch uint64

// NewEpoch returns a random epoch.
func NewEpoch() Epoch {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails since Go 1.24
		if e := Epoch(binary.BigEndian.Uint64(b[:])); e != 0 {
			return e
		}
	}
}

// String returns 16 lower-case hexadecimal digits.
func (e Epoch) String() string { return fmt.Sprintf("%016x", uint64(e)) }

// ParseEpoch reads what String wrote and nothing else.
func ParseEpoch(s string) (Epoch, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 || n == 0 || strings.ToLower(s) != s {
		return 0, fmt.Errorf("epoch %.40q is not 16 lower-case hexadecimal digits other than all 0", s)
	}
	return Epoch(n), nil
}

// Watermark says that every record of Epoch up to and including Sequence is in the store (or known to be lost).
// Sequence 0: nothing is.
type Watermark struct {
	Epoch    Epoch
	Sequence uint64
}

// String returns "<epoch>-<sequence>", the sequence in decimal.
func (w Watermark) String() string {
	return w.Epoch.String() + "-" + strconv.FormatUint(w.Sequence, 10)
}

// ParseWatermark reads what String wrote and nothing else.
func ParseWatermark(s string) (Watermark, error) {
	epoch, seq, ok := strings.Cut(s, "-")
	if !ok {
		return Watermark{}, fmt.Errorf("watermark %.60q is not <epoch>-<sequence>", s)
	}
	e, err := ParseEpoch(epoch)
	if err != nil {
		return Watermark{}, err
	}
	n, err := ParseSequence(seq)
	if err != nil {
		return Watermark{}, err
	}
	return Watermark{e, n}, nil
}

// ParseSequence reads a decimal sequence or count without sign or leading zeros.
func ParseSequence(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("sequence %.40q is not a plain decimal number of 64 bits", s)
	}
	return n, nil
}

// MonitorURI returns argus://monitor/<uuid>, the SAN by which a certificate names its monitor.
func MonitorURI(id uuid.UUID) *url.URL {
	return &url.URL{Scheme: "argus", Host: "monitor", Path: "/" + id.String()}
}

// MonitorOf returns the monitor that the URIs of a certificate or a CSR name: exactly one of them must be a MonitorURI.
func MonitorOf(uris []*url.URL) (uuid.UUID, error) {
	found := uuid.Nil
	for _, u := range uris {
		id, err := uuid.FromString(strings.TrimPrefix(u.Path, "/"))
		if err != nil || id.IsNil() || MonitorURI(id).String() != u.String() {
			continue
		}
		if !found.IsNil() {
			return uuid.Nil, errors.New("certificate names more than one monitor: it must have one URI argus://monitor/<uuid>")
		}
		found = id
	}
	if found.IsNil() {
		return uuid.Nil, errors.New("certificate names no monitor: it must have the URI argus://monitor/<uuid>")
	}
	return found, nil
}

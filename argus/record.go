package argus

import (
	"bytes"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Kind tells which part of a Record is filled.
type Kind uint8

// The kinds of records.
const (
	KindFlow       Kind = 1 + iota // Flow and Label
	KindManagement                 // Management
	KindEvent                      // Event
	KindOther                      // only the header and what a transport DSR says
)

// Has tells which optional parts of a record were there: a zero may be a value or an absence.
type Has uint16

// The optional parts of a record.
const (
	HasSrc        Has = 1 << iota // the source's IP attributes
	HasDst                        // the destination's
	HasTCP                        // Flow.TCP.Status
	HasTCPOptions                 // Flow.TCP.Options: a first packet or performance DSR
	HasTCPPerf                    // Flow.TCP whole: a performance DSR
	_                             // once HasMultiMAC: stored rows have it
	HasExtension                  // our extension: Flow has nothing missing
	HasSequence                   // Sequence, of any kind of record
	HasHash                       // Hash and HashIndex
	HasNetFlow                    // the record was made of a NetFlow record
	HasConverted                  // of a record of another format
	HasLocality                   // Added.Locality
)

// Record is what anyone wrote, decoded. It is borrowed until the next step of the reader that lends it.
type Record struct {
	Kind      Kind
	Version   Version
	Cause     flow.Cause
	Monitor   ID      // which sensor; the zero ID when the record does not say
	Interface [4]byte // NUL padded; see InterfaceName
	Sequence  uint32  // of the sensor; it wraps
	Has       Has
	ICMP      byte     // an ICMP message spoke of this flow: U unreachable, R redirect, T time exceeded, I other; 0 none
	Gap       [2]int32 // TCP: octets of each side's data that were not seen; below 0 holes of an earlier record were filled
	Hash      uint32   // of the tuple, as the sensor reckons it (section 2.14)
	HashIndex uint32   // its place in the sensor's table
	Skipped   int      // DSRs known but not kept
	Unknown   int      // DSRs not understood, or damaged

	Flow       flow.Record
	Added      Added
	Label      []byte // without padding
	Management Management
	Event      Event
	Raw        []byte // the whole record as it stood in the stream
}

// Extension tells whether our extension DSR was present.
func (r *Record) Extension() bool { return r.Has&HasExtension != 0 }

// Attributes tells whether the IP attributes of a side were there (section 2.9).
func (r *Record) Attributes(side int) bool { return r.Has&(HasSrc<<side) != 0 }

// InterfaceName returns the name of the interface without padding: at most four bytes, whatever they are.
func (r *Record) InterfaceName() []byte {
	name, _, _ := bytes.Cut(r.Interface[:], []byte{0})
	return name
}

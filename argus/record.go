package argus

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/gofrs/uuid/v5"

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
	Label      []byte // without padding
	Management Management
	Event      Event
	Raw        []byte // the whole record as it stood in the stream
}

// Extension tells whether our extension DSR was present.
func (r *Record) Extension() bool { return r.Has&HasExtension != 0 }

// InterfaceName returns the name of the interface without padding: at most four bytes, whatever they are.
func (r *Record) InterfaceName() []byte {
	name, _, _ := bytes.Cut(r.Interface[:], []byte{0})
	return name
}

// ID is the identity of a sensor: a UUID, an address, a number or a short string (section 2.1).
type ID struct {
	Kind  uint8 // qualifier of the transport DSR without the interface bit; 0 = none
	Bytes [16]byte
}

func (id *ID) set(kind uint8, b []byte) {
	*id = ID{Kind: kind}
	if n := id.len(); n <= len(b) {
		copy(id.Bytes[:], b[:n])
	} else {
		id.Kind = 0
	}
}

// len returns how many bytes of an identity count.
func (id *ID) len() int {
	switch id.Kind {
	case idIPv4, idInt, idString:
		return 4
	case idIPv6, idUUID:
		return 16
	case 0x03: // Ethernet
		return 8
	}
	return 0
}

// UUID returns the identity when it is a UUID.
func (id *ID) UUID() (u uuid.UUID, ok bool) { return id.Bytes, id.Kind == idUUID }

// AppendText appends the identity as ra prints it. The error is always nil.
func (id ID) AppendText(b []byte) ([]byte, error) {
	switch id.Kind {
	case idIPv4:
		b = netip.AddrFrom4([4]byte(id.Bytes[:4])).AppendTo(b)
	case idIPv6:
		b = netip.AddrFrom16(id.Bytes).AppendTo(b)
	case idInt:
		b = strconv.AppendUint(b, uint64(be.Uint32(id.Bytes[:])), 10)
	case idString:
		text, _, _ := bytes.Cut(id.Bytes[:4], []byte{0})
		b = append(b, text...)
	case idUUID:
		const digits = "0123456789abcdef"
		for i, v := range id.Bytes {
			if i == 4 || i == 6 || i == 8 || i == 10 {
				b = append(b, '-')
			}
			b = append(b, digits[v>>4], digits[v&15])
		}
	}
	return b, nil
}

// String returns the identity as ra prints it, "" for none.
func (id ID) String() string {
	b, _ := id.AppendText(nil)
	return string(b)
}

package argus

import "encoding/binary"

// Version is the low nibble of every record header. It cannot be changed inside a stream of ours.
type Version uint8

// The record versions. A v3 stream is what Debian's 3.0.8 clients read; they refuse v5.
const (
	V3 Version = 3
	V5 Version = 5
)

// Record types: the high nibble of the first header byte (section 1.1).
const (
	typeFlow       = 0x10
	typeNetFlow    = 0x30
	typeEvent      = 0x40
	typeAnyFlow    = 0x50
	typeManagement = 0x80
)

// The marks of a START management record (section 1.3).
const (
	cookieV3 = 0xe5712dcb
	cookieV5 = 0xe57150cb
	marLen   = 128 // bytes
)

// DSR types (section 2).
const (
	dsrTransport  = 0x01
	dsrFlow       = 0x02
	dsrTime       = 0x03
	dsrHash       = 0x07
	dsrMetric     = 0x10
	dsrPacketSize = 0x12
	dsrEncaps     = 0x20
	dsrAS         = 0x32
	dsrNet        = 0x30
	dsrICMP       = 0x34
	dsrVLAN       = 0x40
	dsrGRE        = 0x41
	dsrMAC        = 0x42
	dsrVXLAN      = 0x43
	dsrMPLS       = 0x44
	dsrGeneve     = 0x45
	dsrJitter     = 0x46
	dsrIPAttr     = 0x48
	dsrUserData   = 0x50
	dsrBehaviour  = 0x54
	dsrScore      = 0x55
	dsrAggregate  = 0x60
	dsrCorrelate  = 0x62
	dsrCountry    = 0x64
	dsrLabel      = 0x66
	dsrGeo        = 0x68
	dsrLocal      = 0x6a
	dsrExtension  = 0x7e // ours: docs/argus-extension.md
)

// The marks of our extension DSR: its layout, and its owner, which is another one up to layout 2, so that readers who know no
// later layout pass over it.
const (
	extLayout = 3 // what we write; we read 1 and 2 too, and whatever later ones have in common with it
	extOwner  = 0xaf
	extWords  = 3 // of the fixed part before the parts and the numbers
)

// The numbers of our extension that are 0 in most records, by their bits in its set.
const (
	numberStart       = 0
	numberNanoseconds = 1
	numberKey         = 2
	numberIPBytes     = 3 // of the source; the destination's three follow
	numberPayload     = 4
	numberAck         = 5
)

// packed is the subtype bit of user data that is compressed with zlib.
const packed = 8

const (
	maxLabel = 1016  // bytes a label DSR can carry (section 2.13)
	maxData  = 65528 // bytes of user data that readers take (section 2.11)
)

// Kinds of a sensor's identity (section 2.1).
const (
	idIPv4     = 0x01
	idIPv6     = 0x02
	idEthernet = 0x03
	idInt      = 0x20
	idString   = 0x21
	idUUID     = 0x22

	withInterface = 0x10 // beside the kind: the interface's name follows
)

var be = binary.BigEndian

// Network DSR subtypes (section 2.6); those above UDP are of type Guess.
const (
	netTCPInit   = 3
	netTCPStatus = 4
	netTCPPerf   = 5
	netARP       = 0x10
	netICMP      = 0x34
	netESP       = 0x38
	netFragment  = 0x45
)

// closeRecord writes the length of the record that begins at start.
func closeRecord(b []byte, start int) []byte {
	be.PutUint16(b[start+2:], uint16((len(b)-start)/4))
	return b
}

// pad adds zero bytes up to the next word of the record that begins at start.
func pad(b []byte, start int) []byte {
	for (len(b)-start)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

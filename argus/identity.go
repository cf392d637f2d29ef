package argus

import (
	"bytes"
	"crypto/sha256"
	"net/netip"
	"strconv"

	"github.com/gofrs/uuid/v5"
)

// ID is the identity of a sensor: a UUID, an address, a number or a short string (section 2.1).
type ID struct {
	Kind  uint8 // qualifier of the transport DSR without the interface bit; 0 = none
	Bytes [16]byte
}

func (id *ID) set(kind uint8, b []byte) {
	*id = ID{Kind: kind}
	if n := id.len(); n > 0 && n <= len(b) {
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
	case idEthernet:
		return 8
	}
	return 0
}

// UUID returns the identity when it is a UUID.
func (id *ID) UUID() (u uuid.UUID, ok bool) { return id.Bytes, id.Kind == idUUID }

// heldID begins the UUIDs that hold an identity of 4 octets (RFC 9562 section 5.8, version 8): "argus", its kind at 7 and
// the octets at 12.
var heldID = uuid.UUID{'a', 'r', 'g', 'u', 's', 0, 0x80, 0, 0x80}

const (
	heldKind   = 7
	heldOctets = 12
)

// Host returns the UUID under which a sensor is kept: a UUID is itself, 4 octets are held in one from which HostID gets them
// back, an IPv6 or Ethernet address is hashed into one, and no identity is the nil UUID.
func (id ID) Host() (u uuid.UUID) {
	switch n := id.len(); {
	case id.Kind == idUUID:
		return id.Bytes
	case n == 4:
		u = heldID
		u[heldKind] = id.Kind
		copy(u[heldOctets:], id.Bytes[:4])
	case n > 0:
		sum := sha256.Sum256(id.Bytes[:n])
		u = uuid.UUID(sum[:16])
		u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	}
	return u
}

// HostID returns the identity that the UUID of a host stands for: the 4 octets that it holds, none for the nil UUID, else
// the UUID itself. Addresses of more octets are not found again.
func HostID(u uuid.UUID) ID {
	if u.IsNil() {
		return ID{}
	}
	id := ID{Kind: u[heldKind]}
	held := u
	held[heldKind] = 0
	clear(held[heldOctets:])
	if held == heldID && id.len() == 4 {
		copy(id.Bytes[:], u[heldOctets:])
		return id
	}
	return ID{idUUID, u}
}

// MonitorV3 returns the 32-bit id that stands for a host in a v3 stream, which has no room for a UUID: the octets that Host
// put into it, else the 32-bit FNV-1a hash of its 16 bytes. Readers print it as an IPv4 address.
func MonitorV3(u uuid.UUID) uint32 {
	if id := HostID(u); id.len() == 4 {
		return be.Uint32(id.Bytes[:])
	}
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for _, octet := range u {
		h = (h ^ uint32(octet)) * prime
	}
	return h
}

// inV3 returns the identity of 4 octets that stands for id in a v3 stream.
func (id ID) inV3() ID {
	if id.Kind == idUUID {
		id = HostID(id.Bytes)
	}
	switch id.len() {
	case 4:
		return id
	case 0:
		return ID{}
	}
	short := ID{Kind: idIPv4}
	be.PutUint32(short.Bytes[:], MonitorV3(id.Host()))
	return short
}

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

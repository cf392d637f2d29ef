package capture

import (
	"math/bits"
	"time"
)

// pcapngIF is an interface of a section (draft-ietf-opsawg-pcapng section 4.2).
type pcapngIF struct {
	link    LinkType
	snapLen uint32
	units   uint64 // of time in a second
	offset  int64  // seconds
}

// addInterface reads an interface description block.
func (p *pcapng) addInterface(s *fileSource, body []byte) error {
	if len(body) < 8 {
		return s.damaged("an interface description of %d octets", len(body)+12)
	}
	if len(p.interfaces) == maxInterfaces {
		return s.damaged("more than %d interfaces", maxInterfaces)
	}
	in := pcapngIF{link: LinkType(p.order.u16(body)), snapLen: p.order.u32(body[4:]), units: 1e6}
	for b := body[8:]; len(b) >= 4; {
		code, n := p.order.u16(b), int(p.order.u16(b[2:]))
		if code == 0 {
			break
		}
		if len(b) < 4+n {
			return s.damaged("an option of %d octets in an interface description", n)
		}
		switch v := b[4 : 4+n]; {
		case code == 9 && n == 1: // if_tsresol
			if in.units = unitsPerSecond(v[0]); in.units == 0 {
				return s.damaged("a time resolution of %#x", v[0])
			}
		case code == 14 && n == 8: // if_tsoffset
			in.offset = int64(p.order.u64(v))
		}
		b = b[min(4+(n+3)&^3, len(b)):]
	}
	p.interfaces = append(p.interfaces, in)
	return nil
}

// unitsPerSecond decodes if_tsresol: a power of ten, or of two with the upper bit. It is 0 when 64 bits do not hold it.
func unitsPerSecond(resol uint8) uint64 {
	n := resol &^ 0x80
	if resol&0x80 != 0 {
		if n > 63 {
			return 0
		}
		return 1 << n
	}
	if n > 19 {
		return 0
	}
	units := uint64(1)
	for range n {
		units *= 10
	}
	return units
}

// time converts a time stamp of the interface.
func (in *pcapngIF) time(stamp uint64) time.Time {
	var sec, nsec uint64
	switch in.units {
	case 1e6:
		sec, nsec = stamp/1e6, stamp%1e6*1000
	case 1e9:
		sec, nsec = stamp/1e9, stamp%1e9
	default:
		sec = stamp / in.units
		hi, lo := bits.Mul64(stamp%in.units, 1e9)
		nsec, _ = bits.Div64(hi, lo, in.units)
	}
	return time.Unix(int64(sec)+in.offset, int64(nsec)).UTC()
}

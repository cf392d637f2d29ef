package argus

import "github.com/argus-endpoint/argus-endpoint/flow"

// The marks of our extension DSR up to layout 2, which older agents write.
const (
	ext2Owner    = 0xae
	ext2Words    = 13 // of the fixed part
	ext2TCPWords = 2  // more of them, for TCP
)

func isLayout2(b []byte) bool {
	return (b[1] == 1 || b[1] == 2) && b[2] == ext2Owner && len(b) >= 4*ext2Words
}

// layout2 reads the layouts 1 and 2 of our extension, b being the whole DSR.
func (r *Record) layout2(b []byte) {
	f, d := &r.Flow, b[4:]
	f.ID = be.Uint64(d)
	f.Start = int64(be.Uint64(d[8:]))
	f.Side[0].IPBytes, f.Side[1].IPBytes = be.Uint64(d[16:]), be.Uint64(d[24:])
	var ns [6]int64
	for i := range ns {
		ns[i] = int64(be.Uint64(d[32:]) >> (10 * i) & 0x3ff)
	}
	addNanoseconds(f, &ns)
	f.End, f.Initiator = flow.End(d[40]), flow.Initiator(d[41]&0x3f)
	f.EstimatedSegments = d[41]&0x80 != 0
	if d[41]&0x40 != 0 {
		f.TCP.Status &^= flow.TCPSawSYN
	}
	if rest := be.Uint16(d[44:]); b[1] > 1 || f.Family == flow.FamilyIPv6 && f.Proto == flow.ProtoICMPv6 {
		r.keyRest(rest)
	}
	f.EtherType = be.Uint16(d[46:])
	d = d[48:]
	if f.IsTCP() {
		f.TCP.Side[0].Flags, f.TCP.Side[1].Flags = b[46], b[47]
		if len(d) < 4*ext2TCPWords {
			return
		}
		if r.Has&HasTCPPerf != 0 {
			f.TCP.Side[0].Payload, f.TCP.Side[1].Payload = be.Uint32(d), be.Uint32(d[4:])
		}
		d = d[4*ext2TCPWords:]
	}
	if b[1] > 1 {
		r.parts(d)
	}
}

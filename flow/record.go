package flow

import "bytes"

// Cause tells why a record was made. The values are those of the Argus record header (section 1.1).
type Cause uint8

// The causes that a table gives.
const (
	CauseStart   Cause = 0x10 // the first record of a flow, whatever else happened to it since
	CauseStatus  Cause = 0x20 // a later record
	CauseStop    Cause = 0x30 // a later record, the flow's last: its tuple was taken by a new connection
	CauseTimeout Cause = 0x40 // a later record, the flow's last: idle, or evicted from a full table
)

// End tells whether and why a record is the last of its flow. The values are those of IPFIX
// flowEndReason (IANA information element 136); 0 means that the flow goes on.
type End uint8

// The reasons for a flow's end.
const (
	EndNone      End = 0
	EndIdle      End = 1 // idle timeout
	EndDetected  End = 3 // the protocol closed it: FIN both ways, RST, or the tuple was reused
	EndForced    End = 4 // the table was flushed: end of file, interface gone, agent stopped
	EndResources End = 5 // evicted from a full table
	EndAsleep    End = 6 // the host slept; not one of IPFIX, where it is a forced end
)

// Initiator tells how the source of a record was chosen.
type Initiator uint8

// The ways to know who began a flow, best first but for the order of the numbers: they are stored, and stay what they are.
const (
	InitiatorSeen     Initiator = 1 // a request proves it: a TCP SYN, an ICMP or ARP request
	InitiatorAnswer   Initiator = 2 // an answer proves it: a SYN/ACK without its SYN, so the other side began
	InitiatorListener Initiator = 4 // this host listens on the TCP port of the other end; or does not on the source's, an ephemeral one
	InitiatorPort     Initiator = 5 // of the TCP ports only the other end's is a server's
	InitiatorGuessed  Initiator = 3 // the sender of the first packet seen
)

// TCP status bits of a record, as the Argus network DSR numbers them (section 5.5).
const (
	TCPSawSYN        = 0x1
	TCPSawSYNACK     = 0x2
	TCPEstablished   = 0x4
	TCPSawFIN        = 0x8
	TCPSawFINACK     = 0x10
	TCPClosed        = 0x20
	TCPCloseWait     = 0x40
	TCPPortReuse     = 0x80
	TCPSrcRetransmit = 0x100
	TCPDstRetransmit = 0x200
	TCPSrcWindowShut = 0x400
	TCPDstWindowShut = 0x800
	TCPSrcReset      = 0x1000
	TCPDstReset      = 0x2000
	TCPSrcECNMarked  = 0x4000 // the source told of congestion: ECE outside a SYN (RFC 3168 section 6.1)
	TCPDstECNMarked  = 0x8000
	TCPSrcOutOfOrder = 0x10000
	TCPDstOutOfOrder = 0x20000
	TCPSrcDuplicate  = 0x40000
	TCPDstDuplicate  = 0x80000
	TCPSrcGap        = 0x400000
	TCPDstGap        = 0x800000
)

// Histogram is eight counts scaled to 0..15, the first one in the highest four bits.
type Histogram uint32

// Intervals are the times between consecutive packets of one side. The time before the record's first packet counts
// too, if the packet before it is less than two status intervals away (as with Argus).
type Intervals struct {
	N                      uint32    // how many; without any the rest is 0
	Min, Mean, StdDev, Max float32   // microseconds; StdDev of the population
	Bins                   Histogram // below 10 us, 100 us, 1 ms, 10 ms, 100 ms, 1 s, 10 s, and longer
}

// Side is what one direction of a flow did in the interval of one record.
type Side struct {
	Packets uint64 // on the wire; a GSO super-frame counts its segments
	Bytes   uint64 // frame octets, Packet.FrameLen
	IPBytes uint64 // Packet.IPLen
	Payload uint64 // Packet.PayloadLen

	First, Last int64 // capture times of the interval's first and last packet, ns since 1970; 0 without packets

	TTL, TOS  uint8  // of the last packet
	Fragments bool   // fragments were seen
	HasVLAN   bool   // VLAN is set
	HasMPLS   bool   // MPLS is set
	IPID      uint16 // of the last packet
	VLAN      uint16 // TCI of the last packet's innermost tag
	MPLS      uint32 // label stack entry of the last packet
	IPOptions uint32 // OR of all packets of the interval
	Encaps    Encaps // OR of all packets of the interval

	MinSize, MaxSize uint16    // frame octets of the smallest and largest packet, of a super-frame's segments each; 65535 stands for more
	Sizes            Histogram // frame octets: bin min(max(floor(log2(octets-40))-4, 0), 7) (Argus record format, section 2.5)

	Active Intervals // of a TCP connection while its data moves, and of every other flow
	Idle   Intervals // of a TCP connection while it rests

	Data []byte // the first Config.UserData octets of payload; borrowed like the record
}

// TCPSide is what one direction of a TCP connection has shown: Base, Payload and the counters after it and Interval in
// the interval of the record, the rest so far. A segment captured twice (the same IP identification at once, as on the
// ports of a bridge) counts as a packet, but not as sent again. A RST far outside the window (RFC 5961 section 3) stands
// in Flags and the history, but sets no status bit and ends nothing.
type TCPSide struct {
	Base    uint32 // in the first record the initial sequence number (seen mid-stream: the first one seen less 1), later Next of the record before, a FIN not counted
	Next    uint32 // the highest sequence number seen, plus one
	Ack     uint32 // the highest acknowledgement number this side sent
	Payload uint32 // payload octets that were new, modulo 2^32: not those of retransmitted segments
	Retrans uint32 // segments sent again: with data seen before, or that fill a hole later than a round trip after it was left

	OutOfOrder uint32 // segments that filled a hole within a round trip (of the handshake, else 3 ms)
	Duplicates uint32 // acknowledgements that said nothing new (RFC 5681 section 2)
	Gap        uint32 // octets that the other side acknowledged and nobody saw
	Turns      uint32 // acknowledgements that moved the other side's window
	InFlight   uint32 // sequence numbers sent and not acknowledged, at the end of the interval
	Keystrokes uint32 // small segments after a rest that the other side echoed: a hand that types (tcp_keystroke.go)

	Window   uint16 // the last one, unscaled
	MSS      uint16 // option value, 0 when not seen
	Shift    uint8  // window scale option
	Flags    uint8  // OR of the header flags of the whole flow
	Interval uint8  // OR of the header flags of the interval
}

// TCP is the connection state that a record of a TCP flow carries.
type TCP struct {
	Status  uint32 // TCP status bits
	Options uint32 // TCPOption bits of both SYNs
	SynAck  int64  // SYN to SYN/ACK, ns; 0 when not both were seen
	AckDat  int64  // SYN/ACK to the first ACK, ns
	Side    [2]TCPSide
}

// Record is what a flow did since its last record. A Table lends it for one step of an iteration; nobody keeps it.
type Record struct {
	Key                      // Src is the initiator
	ID                uint64 // the flow's identity, the same on all its records
	Start             int64  // the flow's first packet, ns since 1970: equal to the first record's earliest First
	Cause             Cause
	End               End
	Initiator         Initiator
	EstimatedSegments bool // some packet count comes from payload / MSS, not from the kernel
	HasMAC            bool
	SrcMAC, DstMAC    [6]byte // the first one seen of each end, oriented like Key; zero where the link header has none
	EtherType         uint16
	MultiMAC          bool    // other hardware addresses came later
	Side              [2]Side // [0] from Src to Dst, [1] back
	TCP               TCP     // valid when Key.IsTCP

	History   History    // of the whole flow, TCP and UDP
	Tunnel    Tunnel     // of the first packet that came out of one; none when its Encaps is 0
	ICMP      ICMPReport // the last error message since the record before that spoke of this flow; none when its From is zero
	Responder [6]byte    // ARP: the hardware address that answered; zero when nobody did
	ESP       ESP        // valid when Proto is ProtoESP
}

// History tells in Zeek's letters what happened in a flow, in order (docs.zeek.org, conn.log history): s SYN, h SYN/ACK,
// a ACK without data, d data, f FIN, r RST, t data that came again or out of order, g gap, w zero window, i FIN with RST,
// q SYN with FIN or RST, ^ turned round: the destination's was the first packet; upper case for the source. a, d, i and q
// come once a side; s, h, f and r again with another sequence number; t, g and w the 1st, 10th, 100th ... time.
// Zeek's c (wrong checksum) is none of ours. NUL padded; what does not fit is left out.
type History [24]byte

// String returns the letters.
func (h *History) String() string {
	letters, _, _ := bytes.Cut(h[:], []byte{0})
	return string(letters)
}

// ICMPReport is what an ICMP error message said of a flow.
type ICMPReport struct {
	Type, Code uint8
	Family     Family   // of From and To
	From, To   [16]byte // the message's own source and destination
	Gateway    [4]byte  // of a redirect
}

// ESP is the sequence of a security association (RFC 4303 section 3.3.3): its flow has one direction.
type ESP struct {
	Last uint32 // the highest sequence number
	Lost uint32 // numbers skipped in the interval of the record
}

// Span returns the times of the first and the last packet of the record's interval, ns since 1970.
func (r *Record) Span() (first, last int64) {
	s, d := &r.Side[0], &r.Side[1]
	switch {
	case d.Packets == 0:
		return s.First, s.Last
	case s.Packets == 0:
		return d.First, d.Last
	}
	return min(s.First, d.First), max(s.Last, d.Last)
}

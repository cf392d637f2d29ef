package flow

// Packet is the summary of one frame: what a decoder reads from its headers and what the table needs.
// One Packet is reused for every frame; a decoder sets every field each time (Reset does it cheaply).
type Packet struct {
	Key        // the tuple as this packet carries it: Src is its sender
	Time int64 // capture time, nanoseconds since 1970-01-01 UTC

	FrameLen   uint32 // octets on the wire with the link header, without FCS (pcap's "len"; a VLAN tag counts)
	IPLen      uint32 // IP header and payload as the IP header says, or the rest of the frame when it says 0 (super-frame, jumbogram); 0 when not IP
	PayloadLen uint32 // octets behind the header of TCP, UDP, SCTP, DCCP or UDP-Lite; of other IP protocols all behind the IP header; the ARP packet; of other frames the whole frame
	Segments   uint32 // packets on the wire that this frame stands for: 1, more for a GSO super-frame

	SrcMAC, DstMAC [6]byte // of the link header, zero when it has none
	EtherType      uint16  // of the innermost link header, 0 when it has none
	VLAN           uint16  // TCI of the innermost 802.1Q tag, valid with HasVLAN
	MPLS           uint32  // the top label stack entry (RFC 3032), valid with HasMPLS
	Encaps         Encaps  // the headers that stand around the IP header
	Has            Has

	TTL, TOS  uint8  // IPv4 TTL and TOS, IPv6 hop limit and traffic class
	IPID      uint16 // IPv4 identification
	IPOptions uint32 // IPOption bits of an IPv4 header
	FragID    uint32 // identification of a fragment, valid with HasFragment

	TCP    TCPHeader // valid when Key.IsTCP and not a later fragment
	ESPSeq uint32    // ESP sequence number (RFC 4303 section 2.2)
	Sender [6]byte   // ARP: the sender's hardware address

	Tunnel *Tunnel // what the packet came out of, nil outside a tunnel; the decoder's, borrowed like Payload
	Quote  *Quote  // what an ICMP error message quotes, else nil; the decoder's, borrowed like Payload

	Payload []byte // the captured part of the transport payload; borrowed, valid until the source's next frame
}

// Tunnel is the outermost encapsulation around a packet whose inner addresses are its key.
type Tunnel struct {
	Key    Key    // the outer flow, oriented like the packet or the record
	Encaps Encaps // one bit: EncapsGRE, EncapsIPIP, EncapsIPv6, EncapsTeredo, EncapsVXLAN, EncapsL2TP, EncapsGeneve or EncapsGTP
	ID     uint32 // VXLAN and Geneve: VNI; GRE: key; ERSPAN: session; GTP-U: TEID; L2TP: tunnel<<16 | session (v3: session); else 0
	Flags  uint16 // GRE: flags and version (RFC 2784 section 2)
	Proto  uint16 // GRE and Geneve: protocol type
}

// Quote is the packet that an ICMP error message speaks of (RFC 792, RFC 4443): its flow is marked.
type Quote struct {
	Key     Key     // as the quoted packet carried it
	Gateway [4]byte // of an ICMP redirect
}

// TCPHeader is the part of a TCP header that flow metering needs (RFC 9293 section 3.1).
type TCPHeader struct {
	Seq, Ack    uint32
	Window      uint16 // as in the header, not scaled
	Flags       uint8  // FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128
	WindowShift uint8  // the window scale option, valid with TCPWindowScale in Options
	MSS         uint16 // the maximum segment size option, valid with TCPMSS in Options
	Options     uint32 // TCPOption bits
}

// The TCP header flags.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// TCP options seen, as the Argus network DSR numbers them (section 2.6).
const (
	TCPMSS         = 0x00100000
	TCPWindowScale = 0x00200000
	TCPSACKOK      = 0x00400000
	TCPSACK        = 0x00800000
	TCPEcho        = 0x01000000
	TCPEchoReply   = 0x02000000
	TCPTimestamp   = 0x04000000
	TCPCC          = 0x08000000
	TCPCCNew       = 0x10000000
	TCPCCEcho      = 0x20000000
	TCPSrcECN      = 0x40000000
	TCPDstECN      = 0x80000000
)

// IPv4 options seen, as the Argus IP attribute DSR numbers them (section 2.9).
const (
	IPOptRecordRoute = 0x01
	IPOptTimestamp   = 0x02
	IPOptSecurity    = 0x04
	IPOptLooseRoute  = 0x08
	IPOptSATNet      = 0x10
	IPOptStrictRoute = 0x20
	IPOptRouterAlert = 0x40
)

// Encaps is the set of headers around a packet, as the Argus encapsulation DSR numbers them (section 2.12).
type Encaps uint32

// The encapsulations that a sensor meets.
const (
	EncapsMPLS     Encaps = 0x1
	EncapsEthernet Encaps = 0x2
	EncapsVLAN     Encaps = 0x4
	EncapsLLC      Encaps = 0x8
	EncapsPPP      Encaps = 0x10
	EncapsISL      Encaps = 0x20
	EncapsGRE      Encaps = 0x40
	EncapsAH       Encaps = 0x80
	EncapsIPIP     Encaps = 0x100
	EncapsIPv6     Encaps = 0x200
	EncapsSLL      Encaps = 0x2000
	EncapsWLAN     Encaps = 0x20000
	EncapsTeredo   Encaps = 0x400000
	EncapsVXLAN    Encaps = 0x4000000
	EncapsL2TP     Encaps = 0x8000000
	EncapsGeneve   Encaps = 0x10000000
	EncapsGTP      Encaps = 0x20000000 // not one of Argus's
)

// Has tells which optional parts of a Packet are set.
type Has uint16

// The optional parts of a packet.
const (
	HasMAC           Has = 1 << iota
	HasVLAN              // at least one 802.1Q tag
	HasMPLS              // at least one label
	HasFragment          // an IP fragment; FragID is set
	HasLaterFragment     // a fragment that is not the first: no transport header, ports unknown
	HasSegments          // Segments comes from the kernel's GSO size and is no estimate
)

// Reset clears p for the next frame.
func (p *Packet) Reset() {
	*p = Packet{} // a literal with a value in it would be built elsewhere and copied
	p.Segments = 1
}

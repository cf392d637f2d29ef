package capture

// Reason says what is wrong with a frame; Decoded says nothing is. A frame with a reason is still metered
// at the layer that was sound: flow.Packet.Family is FamilyNone only when there was none.
type Reason uint8

// The reasons, in the order of the layers.
const (
	Decoded         Reason = iota
	SnapLength             // the capture length, not the packet, ends inside a header
	LinkUnknown            // no decoder for this link type
	LinkShort              // the frame ends inside its link header
	LinkFormat             // the link header contradicts itself or names no known network protocol
	VLANDepth              // more than 8 VLAN tags
	MPLSDepth              // more than 16 labels
	ARPFormat              // an ARP packet whose lengths do not fit
	IPVersion              // neither version 4 nor 6 where IP should stand, or not the one announced
	IPShort                // the frame ends inside the IP header
	IPHeaderLength         // an IPv4 header length below 20
	IPLength               // an IPv4 total length below the header length, or one that exceeds the frame
	IPOptions              // an IPv4 option of length 0 or beyond the header
	IPChecksum             // a wrong IPv4 header checksum
	IPFragment             // a fragment that reaches beyond 65535 octets
	IPExtension            // an IPv6 extension header beyond the packet
	IPExtensions           // more than 16 IPv6 extension headers
	TunnelFormat           // a tunnel header that the packet ends inside of, or that contradicts itself
	TunnelDepth            // more than 8 tunnels in each other
	TransportShort         // the packet ends inside its transport header
	TransportLength        // a TCP data offset below 5 or beyond the packet, a UDP length below 8 or beyond the packet
	TCPOptions             // a TCP option of length 0 or beyond the header
	reasons
)

var reasonNames = [reasons]string{
	Decoded: "decoded", SnapLength: "header cut by the snap length", LinkUnknown: "unknown link type",
	LinkShort: "short link header", LinkFormat: "malformed link header", VLANDepth: "too many VLAN tags",
	MPLSDepth: "too many MPLS labels", ARPFormat: "malformed ARP", IPVersion: "wrong IP version",
	IPShort: "short IP header", IPHeaderLength: "IPv4 header length below 20", IPLength: "impossible IP length",
	IPOptions: "malformed IPv4 options", IPChecksum: "wrong IPv4 header checksum", IPFragment: "fragment beyond 65535 octets",
	IPExtension: "malformed IPv6 extension header", IPExtensions: "too many IPv6 extension headers",
	TunnelFormat: "malformed tunnel header", TunnelDepth: "too many tunnels in each other",
	TransportShort: "short transport header", TransportLength: "impossible transport length",
	TCPOptions: "malformed TCP options",
}

// String returns a few words for messages and counters.
func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return "unknown reason"
}

// Counts holds how many frames a Decoder has seen of each Reason, Decoded among them: their sum is all frames.
type Counts [reasons]uint64

package capture

// LinkType says how a frame begins, by its LINKTYPE number (tcpdump.org, link-layer header types).
type LinkType uint16

// The link types that Decoder knows.
const (
	LinkNull        LinkType = 0   // BSD loopback, address family in the byte order of the capturing host
	LinkEthernet    LinkType = 1   // IEEE 802.3
	LinkARCNET      LinkType = 7   // ARCNET as BSD delivers it
	LinkPPP         LinkType = 9   // PPP, with or without address and control octets
	LinkFDDI        LinkType = 10  // FDDI
	LinkRawBSD      LinkType = 12  // IPv4 or IPv6, as some systems wrote it
	LinkRawOpenBSD  LinkType = 14  // IPv4 or IPv6, as OpenBSD wrote it
	LinkPPPSerial   LinkType = 50  // PPP in HDLC-like framing, or Cisco HDLC
	LinkPPPEther    LinkType = 51  // PPPoE without the Ethernet header
	LinkRaw         LinkType = 101 // IPv4 or IPv6
	LinkCiscoHDLC   LinkType = 104 // Cisco HDLC
	LinkWLAN        LinkType = 105 // IEEE 802.11
	LinkFrameRelay  LinkType = 107 // Frame Relay (RFC 2427)
	LinkLoop        LinkType = 108 // OpenBSD loopback, address family in network byte order
	LinkSLL         LinkType = 113 // Linux "any" device
	LinkRadiotap    LinkType = 127 // IEEE 802.11 behind a radiotap header
	LinkARCNETLinux LinkType = 129 // ARCNET as Linux delivers it
	LinkIPv4        LinkType = 228
	LinkIPv6        LinkType = 229
	LinkNFLOG       LinkType = 239 // Linux netfilter log
	LinkSLL2        LinkType = 276 // Linux "any" device, version 2
)

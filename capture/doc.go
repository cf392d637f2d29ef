// Package capture takes frames off an interface or out of a capture file and summarises each without allocating.
//
// A Source lends the octets of one frame at a time; a Decoder turns them into a flow.Packet:
//
//	for {
//		data, err := src.Next(&frame, time.Second)
//		if errors.Is(err, capture.ErrTimeout) { ... look at the clock ...; continue }
//		if err != nil { return err }
//		dec.Decode(data, &frame, &packet)
//		if packet.Family != flow.FamilyNone { table.Add(&packet) }
//	}
//
// The live source of Linux is a TPACKET_V3 ring of our own, small until a block of it was full within 100 ms, large until
// none has been for a minute. On Windows frames come by Npcap, by Windows' own capture driver and a trace session, or by raw
// sockets (docs/capture.md), through a bounded queue. File sources read pcap and pcapng.
// Neither trusts a length that a packet, a file or a ring states.
//
// # Tunnels
//
// Unless Decoder.KeepOuter is set the flow is that of the innermost IP packet, through up to eight tunnels: GRE, PPTP,
// ERSPAN, IP in IP, 6in4, VXLAN, VXLAN-GPE, Geneve, GTP-U, Teredo and L2TP. IP attributes, lengths and payload are then those of the
// inner packet, the octets of the frame and the hardware addresses those of the wire; Packet.Tunnel describes the
// outermost tunnel. What is not IP in a tunnel (ARP, spanning tree, control messages) belongs to the tunnel's own flow.
// A UDP port alone is no tunnel: what does not look like the tunnel's header is the payload of a UDP flow. When the
// packet of a tunnel is itself in fragments, the first one has the inner headers and is counted inside, the others
// are counted to the tunnel.
//
// # Checksums
//
// The header checksum of IPv4 is verified where the header was captured whole, it is not 0 and was not left to the
// hardware; a packet with a wrong one is counted as such and metered all the same. Those of TCP and UDP are not: a sensor
// captures only the beginning of the payload.
//
// # Super-frames
//
// With segmentation offload one frame stands for many packets. On Linux from 6.2 the kernel tells the size of their
// payload (PACKET_VNET_HDR), and Packet.Segments is how many were on the wire. The octets are those of the frame as it was
// captured: the headers that the hardware repeats in each segment are not in it. What that kernel interface cannot
// describe, bundles of SCTP messages and super-frames of the removed UDP fragmentation offload, the kernel counts as dropped.
package capture

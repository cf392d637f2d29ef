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
// The live source of Linux is a TPACKET_V3 ring of our own; file sources read pcap and pcapng.
// Neither trusts a length that a packet, a file or a ring states.
package capture

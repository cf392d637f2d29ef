package fields

import (
	"bytes"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// endpoint is the state in which one side of a connection was left, as Zeek tells them apart.
type endpoint uint8

const (
	inactive    endpoint = iota // it sent nothing, or the connection's begin was not seen
	synSent                     // a SYN, not answered
	synAckSent                  // a SYN/ACK to a SYN that was not seen
	established                 // both SYNs were seen
	finished                    // it sent a FIN
	reset                       // it sent a RST before any FIN
)

// ConnState returns Zeek's conn_state of a flow (docs.zeek.org, conn.log; the table of what decides stands in the tests).
// It tells of the flow up to the record r: of a whole flow ask its last record, or all of them merged. It is "" where Zeek
// has no connection, as of ARP, and for records without our extension, which do not tell the order of what happened.
func ConnState(r *argus.Record) string {
	f := &r.Flow
	switch {
	case !isIP(&f.Key) || !r.Extension():
		return ""
	case f.IsTCP():
		return tcpConnState(f)
	case f.Proto != flow.ProtoUDP:
		return "OTH"
	case f.Side[0].Packets > 0 && f.Side[1].Packets > 0:
		return "SF"
	case f.Side[0].Packets > 0:
		return "S0"
	}
	return "SHR"
}

func tcpConnState(f *flow.Record) string {
	orig, resp := endpointState(f, 0), endpointState(f, 1)
	switch {
	case resp == reset:
		return resetByResponder(f, orig)
	case orig == reset:
		return resetByOriginator(f, resp)
	case orig == finished && resp == finished:
		return "SF"
	case orig == finished && resp == inactive:
		return "SH"
	case orig == finished:
		return "S2"
	case resp == finished && orig == inactive:
		return "SHR"
	case resp == finished:
		return "S3"
	case orig == synSent && f.TCP.Side[1].Flags == 0:
		return "S0"
	case orig == established && resp == established:
		return "S1"
	}
	return "OTH"
}

func resetByResponder(f *flow.Record, orig endpoint) string {
	empty := f.TCP.Side[0].Payload == 0 && f.TCP.Side[1].Payload == 0
	switch {
	case orig == synSent || orig == synAckSent || orig == reset && empty:
		return "REJ"
	case orig == inactive:
		return "RSTRH"
	}
	return "RSTR"
}

func resetByOriginator(f *flow.Record, resp endpoint) string {
	if resp != inactive {
		return "RSTO"
	}
	before, _, _ := bytes.Cut(f.History[:], []byte{'R'})
	before = bytes.TrimPrefix(before, []byte{'^'})
	if bytes.HasPrefix(before, []byte{'S'}) && !bytes.ContainsAny(before, "HAFGIQ") {
		return "RSTOS0"
	}
	return "OTH"
}

// endpointState reads the state of one side. A RST after its own FIN changes nothing: the side had finished.
func endpointState(f *flow.Record, side int) endpoint {
	const handshake = flow.TCPSawSYN | flow.TCPSawSYNACK
	s, status := &f.TCP.Side[side], f.TCP.Status
	fin := bytes.IndexByte(f.History[:], "Ff"[side])
	rst := bytes.IndexByte(f.History[:], "Rr"[side])
	switch {
	case status&(flow.TCPSrcReset<<side) != 0 && (fin < 0 || rst >= 0 && rst < fin):
		return reset
	case fin >= 0:
		return finished
	case s.Flags == 0:
		return inactive
	case status&handshake == handshake, status&flow.TCPSawSYNACK != 0 && status&flow.TCPEstablished != 0:
		return established
	case s.Flags&(flow.SYN|flow.ACK) == flow.SYN|flow.ACK && status&flow.TCPSawSYN == 0:
		return synAckSent
	case s.Flags&flow.SYN != 0:
		return synSent
	}
	return inactive
}

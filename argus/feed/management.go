package feed

import (
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// manName is the interface name by which readers call management records.
const manName = "man0"

// management appends a record in which the server speaks of itself to a client; m has what is known of that client.
func (s *Server) management(b []byte, cause flow.Cause, m argus.Management) []byte {
	now := time.Now()
	if s.config.Management != nil {
		more := s.config.Management()
		m.LocalNet, m.NetMask, m.LinkType, m.LinkStatus = more.LocalNet, more.NetMask, more.LinkType, more.LinkStatus
		if m.Start == 0 {
			m.Start = more.Start
		}
		m.Interfaces, m.FlowInterval, m.SrcData, m.DstData = more.Interfaces, more.FlowInterval, more.SrcData, more.DstData
	}
	if m.Start == 0 {
		m.Start = s.began.UnixNano()
	}
	if m.LinkType == 0 {
		m.LinkType = 1 // Ethernet: readers print link addresses by it
	}
	m.Cause, m.Now, m.Clients = cause, now.UnixNano(), uint32(s.streams.Load())
	m.Interval = uint16(min(s.config.Interval/time.Second, 1<<16-1))
	enc := argus.Encoder{Version: s.config.Version, Monitor: s.config.Monitor, Interface: manName}
	return enc.AppendManagement(b, &m)
}

// The reasons of an ERROR record, in the option bits of its header (argus.md section 1.1).
const (
	causeError  = 0x80
	errorDenied = 1
	errorFull   = 2
)

// stopComplete is our own option bit of a STOP record: a replay was all that there is. A sensor that only ends does not set it.
const stopComplete = 1

// isComplete tells whether a record says so.
func isComplete(r []byte) bool { return isManagement(r) && r[1] == byte(flow.CauseStop)|stopComplete }

// refusal returns a START record that is none: it tells a client why there is nothing for it.
func (s *Server) refusal(why byte) []byte {
	return s.management(nil, causeError, argus.Management{Option: why})
}

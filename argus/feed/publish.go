package feed

import (
	"bytes"
	"encoding/binary"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Publish gives whole records to every client. They are borrowed, and nobody is waited for. START records are left out: each client
// had one of this server's own.
func (s *Server) Publish(records []byte) {
	if !s.Listened() {
		return
	}
	block, status := s.prepare(records)
	if len(block) == 0 {
		return
	}
	end := s.log.append(block, status)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		if end-c.at.Load() > uint64(s.config.Buffer) {
			delete(s.clients, c)
			c.slow()
		}
	}
}

// Listened tells whether anybody gets what is published now: else it need not be made.
func (s *Server) Listened() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients) > 0
}

// prepare returns the records in a copy of their own and in the server's version, and whether a status record of its monitor is there.
func (s *Server) prepare(records []byte) (block []byte, status bool) {
	n, same := uint64(0), true
	for at := 0; at < len(records); n++ {
		size := recordSize(records[at:])
		if size == 0 {
			s.damaged.Add(uint64(len(records) - at))
			records = records[:at]
			break
		}
		r := records[at : at+size]
		same = same && r[0]&0x0f == byte(s.config.Version) && !isStart(r)
		status = status || isManagement(r) && bytes.Equal(r[0x6c:0x7c], s.config.Monitor[:])
		at += size
	}
	s.records.Add(n)
	if same {
		return bytes.Clone(records), status
	}
	return s.translate(records), status
}

// translate returns the records without the START records, in the server's version.
func (s *Server) translate(records []byte) []byte {
	out := make([]byte, 0, len(records))
	enc := argus.Encoder{Version: s.config.Version}
	for r, err := range argus.Records(records) {
		if err != nil {
			break
		}
		switch {
		case isStart(r.Raw):
		case r.Version == s.config.Version:
			out = append(out, r.Raw...)
		default:
			out = enc.AppendRecord(out, r)
		}
	}
	return out
}

// recordSize returns the octets of the record that b begins with, 0 when it is none, or not whole.
func recordSize(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	n := int(binary.BigEndian.Uint16(b[2:])) * 4
	if v := argus.Version(b[0] & 0x0f); n > len(b) || v != argus.V3 && v != argus.V5 {
		return 0
	}
	return n
}

// marSize is the length of a management record, octets.
const marSize = 128

func isManagement(r []byte) bool { return r[0]&0xf0 == 0x80 && len(r) >= marSize }

func isStart(r []byte) bool { return isManagement(r) && r[1]&0xf0 == byte(flow.CauseStart) }

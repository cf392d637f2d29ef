package argus

import "fmt"

// marSequence is the place of the sequence number in a management record (section 1.3).
const marSequence = 0x14

// Number gives the records of a buffer consecutive sequence numbers, from first on (its low 32 bits), and
// returns how many records there are. The number goes into the transport DSR, which must be a record's first,
// as an Encoder writes it, or into a management record's own place. On an error the records before it are numbered.
func Number(records []byte, first uint64) (n int, err error) {
	for at := 0; at < len(records); n++ {
		length, err := recordLen(records[at:])
		if err != nil {
			return n, formatError(at, err)
		}
		b := records[at : at+length]
		where, err := sequenceAt(b)
		if err != nil {
			return n, formatError(at, err)
		}
		be.PutUint32(b[where:], uint32(first+uint64(n)))
		at += length
	}
	return n, nil
}

// sequenceAt returns where the sequence number of a record stands.
func sequenceAt(b []byte) (int, error) {
	if b[0]&0xf0 == typeManagement {
		if len(b) < marSequence+4 {
			return 0, fmt.Errorf("management record of %d bytes has no sequence number", len(b))
		}
		return marSequence, nil
	}
	if len(b) < 8 || b[4] != dsrTransport || b[5]&2 == 0 || b[7] < 3 || 4+int(b[7])*4 > len(b) {
		return 0, fmt.Errorf("record does not begin with a transport DSR that has a sequence number")
	}
	return int(b[7]) * 4, nil
}

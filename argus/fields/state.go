package fields

import (
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

func appendState(b []byte, r *argus.Record, _ int) []byte { return append(b, r.State()...) }

func appendDirection(b []byte, r *argus.Record, _ int) []byte { return append(b, direction(r)...) }

// direction draws who spoke, three characters wide: the middle is ? when a TCP flow's begin was not seen.
func direction(r *argus.Record) string {
	f := &r.Flow
	src, dst := f.Side[0].Packets > 0, f.Side[1].Packets > 0
	unsure := f.IsTCP() && f.TCP.Status&(flow.TCPSawSYN|flow.TCPSawSYNACK) == 0
	switch {
	case f.Family == flow.FamilyARP || f.Family == flow.FamilyRARP:
		return "who"
	case f.IsTCP() && !unsure:
		return " ->"
	case unsure && src && dst:
		return "<?>"
	case unsure && dst:
		return "<? "
	case unsure && src:
		return " ?>"
	case src && dst:
		return "<->"
	case dst:
		return "<- "
	case src:
		return " ->"
	}
	return ""
}

// appendFlags appends the eight flag columns of ra (section 5.5), and the number of other sensors that saw the flow.
func appendFlags(b []byte, r *argus.Record, _ int) []byte {
	f := &r.Flow
	s, d := &f.Side[0], &f.Side[1]
	status := f.TCP.Status
	cols := [8]byte{' ', ' ', ' ', lossFlag(r), ' ', ' ', ' ', ' '}
	switch union := s.Encaps | d.Encaps; {
	case f.MultiMAC:
		cols[1] = 'M'
	case bits.OnesCount32(uint32(union)) > 1:
		cols[1] = '*'
	case union != 0:
		if i := bits.TrailingZeros32(uint32(union)); i < len(encapsLetters) {
			cols[1] = encapsLetters[i]
		}
	case f.HasMAC:
		cols[1] = 'e'
	}
	if r.Has&(argus.HasNetFlow|argus.HasConverted) != 0 {
		cols[0] = 'N'
	}
	if r.ICMP != 0 {
		cols[2] = r.ICMP
	}
	cols[4] = either(status, flow.TCPSrcWindowShut, flow.TCPDstWindowShut, "SD@")
	cols[5] = either(status, flow.TCPSrcECNMarked, flow.TCPDstECNMarked, "xtE")
	switch {
	case s.Fragments || d.Fragments:
		cols[6] = 'F'
	case r.Added.Fragment != 0:
		cols[6] = r.Added.Fragment
	}
	cols[7] = optionFlag(s.IPOptions | d.IPOptions)
	b = append(b, cols[:]...)
	if n := r.Added.Correlate.Count; n > 0 {
		b = append(b, '0'+byte(min(n, 9)))
	}
	return b
}

// either returns the first letter for the source's bit, the second for the destination's, the third for both.
func either(status, src, dst uint32, letters string) byte {
	switch {
	case status&src != 0 && status&dst != 0:
		return letters[2]
	case status&src != 0:
		return letters[0]
	case status&dst != 0:
		return letters[1]
	}
	return ' '
}

// lossFlag returns the worst of what TCP shows: retransmission, gap, disorder, reuse of the ports.
func lossFlag(r *argus.Record) byte {
	status := r.Flow.TCP.Status
	if letter := either(status, flow.TCPSrcRetransmit, flow.TCPDstRetransmit, "sd*"); letter != ' ' {
		return letter
	}
	if r.Has&argus.HasTCPPerf != 0 && (r.Gap[0] > 0 || r.Gap[1] > 0) {
		return 'g'
	}
	if letter := either(status, flow.TCPSrcOutOfOrder, flow.TCPDstOutOfOrder, "ir&"); letter != ' ' {
		return letter
	}
	if status&flow.TCPPortReuse != 0 {
		return 'R'
	}
	return ' '
}

// ipOptionLetters are ra's, by the bits of section 2.9.
const ipOptionLetters = "RT+LDSAU"

func optionFlag(options uint32) byte {
	switch {
	case options == 0:
		return ' '
	case options&(options-1) != 0:
		return 'O'
	}
	if i := bits.TrailingZeros32(options); i < len(ipOptionLetters) {
		return ipOptionLetters[i]
	}
	return 'O'
}

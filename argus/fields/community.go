package fields

import (
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/identify"
)

// appendCommunityID appends the Community ID, seed 0, of the flow's own addresses: inside a tunnel those within.
func appendCommunityID(b []byte, r *argus.Record, _ int) []byte {
	k := &r.Flow.Key
	if !isIP(k) {
		return b
	}
	sport, dport := k.SrcPort, k.DstPort
	if k.Proto == flow.ProtoICMP || k.Proto == flow.ProtoICMPv6 {
		sport, dport = k.Type>>8, k.Type&0xff
	}
	return identify.AppendCommunityID(b, 0, k.SrcAddr(), k.DstAddr(), k.Proto, sport, dport)
}

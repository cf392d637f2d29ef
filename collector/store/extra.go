package store

import (
	"bytes"
	"encoding/json"
	"net/netip"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// extra is what few records have: the column of that name holds it as JSON.
type extra struct {
	Tunnel    *tunnel     `json:"tunnel,omitempty"`
	ICMP      *icmpReport `json:"icmp,omitempty"`
	Responder string      `json:"resp,omitempty"`
	ESP       uint32      `json:"esp,omitempty"` // the highest sequence number
	Index     *uint32     `json:"ind,omitempty"` // of the hash, when it is not its lower half
}

type tunnel struct {
	Encaps   flow.Encaps `json:"enc"` // Argus bit
	Proto    uint8       `json:"proto,omitempty"`
	Src      string      `json:"saddr,omitempty"`
	SrcPort  uint16      `json:"sport,omitempty"`
	Dst      string      `json:"daddr,omitempty"`
	DstPort  uint16      `json:"dport,omitempty"`
	Type     uint16      `json:"type,omitempty"`
	ID       uint32      `json:"id,omitempty"`
	Flags    uint16      `json:"flags,omitempty"`
	Protocol uint16      `json:"etype,omitempty"`
}

type icmpReport struct {
	Type    uint8  `json:"type"`
	Code    uint8  `json:"code"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Gateway string `json:"gateway,omitempty"`
}

// fillExtra stores what few records have.
func (row *Row) fillExtra(r *argus.Record, names *names) {
	f := &r.Flow
	row.Hash = r.Hash
	row.SData, row.DData = bytes.Clone(f.Side[0].Data), bytes.Clone(f.Side[1].Data)
	e := extra{ESP: f.ESP.Last}
	if r.HashIndex != r.Hash&0xffff {
		e.Index = new(r.HashIndex)
	}
	if t := &f.Tunnel; *t != (flow.Tunnel{}) {
		k := &t.Key
		e.Tunnel = &tunnel{t.Encaps, k.Proto, names.address(k.Family, &k.Src), k.SrcPort, names.address(k.Family, &k.Dst), k.DstPort, k.Type, t.ID, t.Flags, t.Proto}
	}
	if m := &f.ICMP; *m != (flow.ICMPReport{}) {
		e.ICMP = &icmpReport{Type: m.Type, Code: m.Code, From: names.address(m.Family, &m.From), To: names.address(m.Family, &m.To)}
		if m.Gateway != [4]byte{} {
			e.ICMP.Gateway = netip.AddrFrom4(m.Gateway).String()
		}
	}
	if f.Responder != [6]byte{} {
		e.Responder = names.mac(f.Responder)
	}
	if e != (extra{}) {
		b, _ := json.Marshal(e) // cannot fail: texts and numbers
		row.Extra = names.text(b)
	}
}

// extra gives back what fillExtra was given. What is no JSON of ours is nothing.
func (row *Row) extra(r *argus.Record) {
	f := &r.Flow
	r.Hash, r.HashIndex = row.Hash, row.Hash&0xffff
	f.Side[0].Data, f.Side[1].Data = data(row.SData), data(row.DData)
	var e extra
	if row.Extra == "" || json.Unmarshal([]byte(row.Extra), &e) != nil {
		return
	}
	f.ESP.Last = e.ESP
	if e.Index != nil {
		r.HashIndex = *e.Index
	}
	if t := e.Tunnel; t != nil {
		f.Tunnel = flow.Tunnel{Encaps: t.Encaps, ID: t.ID, Flags: t.Flags, Proto: t.Protocol}
		k := &f.Tunnel.Key
		*k = flow.Key{Proto: t.Proto, SrcPort: t.SrcPort, DstPort: t.DstPort, Type: t.Type}
		k.Family = parseIPs(t.Src, t.Dst, &k.Src, &k.Dst)
	}
	if m := e.ICMP; m != nil {
		f.ICMP = flow.ICMPReport{Type: m.Type, Code: m.Code}
		f.ICMP.Family = parseIPs(m.From, m.To, &f.ICMP.From, &f.ICMP.To)
		if a, err := netip.ParseAddr(m.Gateway); err == nil && a.Is4() {
			f.ICMP.Gateway = a.As4()
		}
	}
	parseMAC(e.Responder, f.Responder[:])
}

// parseIPs fills a and b with two addresses of the family that it returns, or neither.
func parseIPs(from, to string, a, b *[16]byte) flow.Family {
	x, err1 := netip.ParseAddr(from)
	y, err2 := netip.ParseAddr(to)
	if err1 != nil || err2 != nil || x.BitLen() != y.BitLen() {
		return flow.FamilyNone
	}
	copy(a[:], x.AsSlice())
	copy(b[:], y.AsSlice())
	if x.Is4() {
		return flow.FamilyIPv4
	}
	return flow.FamilyIPv6
}

func data(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}

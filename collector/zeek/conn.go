package zeek

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// The fields of conn.log that are read, and those that scripts of Zeek's distribution add to it.
const (
	ts = iota
	uid
	origHost
	origPort
	respHost
	respPort
	proto
	service
	duration
	origBytes
	respBytes
	connState
	missedBytes
	history
	origPackets
	origIPBytes
	respPackets
	respIPBytes
	tunnelParents
	ipProto
	vlan
	innerVLAN
	origMAC
	respMAC
	fieldCount
)

var names = [fieldCount]string{"ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration", "orig_bytes", "resp_bytes",
	"conn_state", "missed_bytes", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes", "tunnel_parents", "ip_proto", "vlan",
	"inner_vlan", "orig_l2_addr", "resp_l2_addr"}

func fieldNamed(name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}

// columns are the texts of a line; empty: it does not say.
type columns [fieldCount]string

var errNoConnection = errors.New("it does not have the fields ts, id.orig_h, id.orig_p, id.resp_h, id.resp_p and proto of a connection")

// conn fills out with what c says.
func (c *columns) conn(out *Conn) error {
	out.Flow, out.Label = flow.Record{Cause: flow.CauseStart}, c.label(out.Label[:0])
	for _, i := range []int{ts, origHost, origPort, respHost, respPort, proto} {
		if c[i] == "" {
			return errNoConnection
		}
	}
	f := &out.Flow
	for _, step := range []func(*flow.Record) error{c.key, c.counts, c.times, c.link} {
		if err := step(f); err != nil {
			return err
		}
	}
	copy(f.History[:], c[history])
	f.ID = c.identity(f.Start)
	f.Initiator = flow.InitiatorGuessed
	if f.IsTCP() {
		c.tcp(f)
	}
	return nil
}

// label keeps what names the connection in Zeek's other logs, and what has no place in a record; conn_state too, which a record tells in
// its own way where a side reset what it had finished.
func (c *columns) label(b []byte) []byte {
	var pairs []argus.Pair
	for _, i := range []int{uid, service, connState, tunnelParents, missedBytes} {
		if c[i] != "" && (i != missedBytes || c[i] != "0") {
			pairs = append(pairs, argus.Pair{Key: names[i], Value: c[i]})
		}
	}
	return argus.AppendLabel(b, pairs...)
}

// identity names the flow by Zeek's uid, in the form of ours: what tells it apart, below the time of its begin.
func (c *columns) identity(start int64) uint64 {
	h := fnv.New64a()
	for _, i := range []int{uid, ts, origHost, origPort, respHost, respPort, proto} {
		h.Write([]byte(c[i]))
		h.Write([]byte{0})
		if i == uid && c[i] != "" {
			break
		}
	}
	sum := h.Sum64()
	return uint64(start)>>36<<32 | sum>>32 ^ sum&math.MaxUint32
}

// key takes the tuple. Zeek has the type and the code of ICMP for ports; of a request with an answer the answer's type for the code.
func (c *columns) key(f *flow.Record) error {
	src, err1 := netip.ParseAddr(c[origHost])
	dst, err2 := netip.ParseAddr(c[respHost])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	src, dst = src.Unmap().WithZone(""), dst.Unmap().WithZone("")
	if src.Is4() != dst.Is4() {
		return fmt.Errorf("addresses %s and %s are of two families", src, dst)
	}
	f.Family = flow.FamilyIPv6
	if src.Is4() {
		f.Family = flow.FamilyIPv4
	}
	copy(f.Src[:], src.AsSlice())
	copy(f.Dst[:], dst.AsSlice())
	return c.ports(f)
}

// ports takes the protocol and what it has for ports.
func (c *columns) ports(f *flow.Record) error {
	sport, err1 := strconv.ParseUint(c[origPort], 10, 16)
	dport, err2 := strconv.ParseUint(c[respPort], 10, 16)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	switch c[proto] {
	case "tcp":
		f.Proto = flow.ProtoTCP
	case "udp":
		f.Proto = flow.ProtoUDP
	case "icmp":
		f.Proto = flow.ProtoICMP
		if f.Family == flow.FamilyIPv6 {
			f.Proto = flow.ProtoICMPv6
		}
		f.Type = icmpType(f.Family, sport, dport)
		return nil
	default:
		number, err := strconv.ParseUint(orZero(c[ipProto]), 10, 8)
		f.Proto = uint8(number)
		return err
	}
	f.SrcPort, f.DstPort = uint16(sport), uint16(dport)
	return nil
}

// answers are the types of ICMP that answer others (RFC 792, RFC 950, RFC 1256, RFC 4443, RFC 4861, RFC 2710, RFC 4620, RFC 6275).
var answers = map[flow.Family]map[uint64]uint64{
	flow.FamilyIPv4: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
	flow.FamilyIPv6: {128: 129, 129: 128, 130: 131, 131: 130, 133: 134, 134: 133, 135: 136, 136: 135, 139: 140, 140: 139, 144: 145, 145: 144},
}

func icmpType(family flow.Family, kind, code uint64) uint16 {
	if answer, has := answers[family][kind]; has && answer == code {
		code = 0
	}
	return uint16(kind&0xff)<<8 | uint16(code&0xff)
}

// counts takes packets and octets. Zeek does not count frames: a record's octets of frames are those of IP.
func (c *columns) counts(f *flow.Record) error {
	for i, at := range [2][3]int{{origPackets, origIPBytes, origBytes}, {respPackets, respIPBytes, respBytes}} {
		s := &f.Side[i]
		for n, to := range []*uint64{&s.Packets, &s.IPBytes, &s.Payload} {
			v, err := strconv.ParseUint(orZero(c[at[n]]), 10, 63)
			if err != nil {
				return fmt.Errorf("%s: %w", names[at[n]], err)
			}
			*to = v
		}
		s.Bytes = s.IPBytes
	}
	return nil
}

// times spreads the connection's begin and duration over its sides: Zeek has no others.
func (c *columns) times(f *flow.Record) error {
	begin, err := parseTime(c[ts])
	if err != nil {
		return fmt.Errorf("ts: %w", err)
	}
	lasted, err := parseSeconds(orZero(c[duration]))
	if err != nil || lasted < 0 || lasted > math.MaxInt64-max(begin, 0) {
		return fmt.Errorf("duration %.40q is none", c[duration])
	}
	end := begin + lasted
	f.Start = begin
	s, d := &f.Side[0], &f.Side[1]
	if s.Packets > 0 || d.Packets == 0 {
		s.First, s.Last = begin, end
	}
	if s.Packets == 1 {
		s.Last = begin
	}
	if d.Packets > 0 {
		d.First, d.Last = begin, end
	}
	if d.Packets == 1 && s.Packets > 0 {
		d.First = end
	}
	return nil
}

// link takes what is known of the link: hardware addresses and tags, when Zeek was told to log them.
func (c *columns) link(f *flow.Record) error {
	for _, i := range []int{vlan, innerVLAN} { // the innermost counts
		if c[i] == "" {
			continue
		}
		tag, err := strconv.ParseUint(c[i], 10, 12)
		if err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
		for n := range f.Side {
			f.Side[n].VLAN, f.Side[n].HasVLAN = uint16(tag), true
		}
	}
	for i, to := range map[int]*[6]byte{origMAC: &f.SrcMAC, respMAC: &f.DstMAC} {
		if mac, err := net.ParseMAC(c[i]); err == nil && len(mac) == 6 {
			copy(to[:], mac)
			f.HasMAC = true
			f.EtherType = etherTypes[f.Family]
		}
	}
	return nil
}

var etherTypes = map[flow.Family]uint16{flow.FamilyIPv4: 0x0800, flow.FamilyIPv6: 0x86dd}

func orZero(text string) string {
	if text == "" {
		return "0"
	}
	return text
}

// parseTime reads seconds since 1970, milliseconds as numbers that are too large for seconds, or ISO 8601: Zeek has all three for JSON.
func parseTime(text string) (int64, error) {
	if strings.Contains(text, "T") {
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || t.Year() < 1970 || t.Year() > 2105 {
			return 0, fmt.Errorf("time %.40q is not one from 1970 to 2105", text)
		}
		return t.UnixNano(), nil
	}
	whole, _, _ := strings.Cut(text, ".")
	if len(whole) >= 12 && len(whole) <= 13 {
		ms, err := strconv.ParseUint(whole, 10, 63)
		return int64(ms) * 1e6, err
	}
	ns, err := parseSeconds(text)
	if err == nil && (ns < 0 || ns >= 1<<32*1e9) {
		err = fmt.Errorf("time %.40q is not one from 1970 to 2105", text)
	}
	return ns, err
}

// parseSeconds reads a decimal number of seconds without loss, down to nanoseconds; one with an exponent as well as a float can.
func parseSeconds(text string) (int64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	sec, err1 := strconv.ParseInt(whole, 10, 34)
	ns, err2 := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	if err1 == nil && err2 == nil {
		if strings.HasPrefix(whole, "-") {
			return sec*1e9 - int64(ns), nil
		}
		return sec*1e9 + int64(ns), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(v) > 1<<33 || math.IsNaN(v) {
		return 0, fmt.Errorf("%.40q is no number of seconds", text)
	}
	return int64(math.Round(v * 1e9)), nil
}

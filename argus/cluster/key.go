package cluster

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Key says what the records that are merged have in common, as racluster -m does. The zero Key is the whole flow: of
// records with our extension the sensor and the flow's number, of others the sensor, its interface and the tuple.
type Key struct {
	parts        []part
	src, dst     int // leading bits of the addresses that count; 0: all
	matrix, rmon bool
}

// part is one word of a key. What it appends has a length of its own, so that a whole key is unambiguous.
type part struct {
	append func(b []byte, r *argus.Record, bits int) []byte
	bits   int
}

var be = binary.BigEndian

// words are those that a key may have, in the order in which they are told.
var words = [...]struct {
	name   string
	append func(b []byte, r *argus.Record, bits int) []byte
}{
	{"none", func(b []byte, _ *argus.Record, _ int) []byte { return b }},
	{"srcid", func(b []byte, r *argus.Record, _ int) []byte {
		return append(append(b, r.Monitor.Kind), r.Monitor.Bytes[:]...)
	}},
	{"inf", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Interface[:]...) }},
	{"smac", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Flow.SrcMAC[:]...) }},
	{"dmac", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Flow.DstMAC[:]...) }},
	{"soui", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Flow.SrcMAC[:3]...) }},
	{"doui", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Flow.DstMAC[:3]...) }},
	{"smpls", func(b []byte, r *argus.Record, _ int) []byte { return appendMPLS(b, &r.Flow.Side[0]) }},
	{"dmpls", func(b []byte, r *argus.Record, _ int) []byte { return appendMPLS(b, &r.Flow.Side[1]) }},
	{"svlan", func(b []byte, r *argus.Record, _ int) []byte { return appendVLAN(b, &r.Flow.Side[0]) }},
	{"dvlan", func(b []byte, r *argus.Record, _ int) []byte { return appendVLAN(b, &r.Flow.Side[1]) }},
	{"saddr", appendSource},
	{"daddr", appendDestination},
	{"proto", func(b []byte, r *argus.Record, _ int) []byte { return appendProto(b, &r.Flow.Key) }},
	{"sport", func(b []byte, r *argus.Record, _ int) []byte { return appendPort(b, &r.Flow.Key, 0) }},
	{"dport", func(b []byte, r *argus.Record, _ int) []byte { return appendPort(b, &r.Flow.Key, 1) }},
	{"stos", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Flow.Side[0].TOS) }},
	{"dtos", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Flow.Side[1].TOS) }},
	{"sttl", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Flow.Side[0].TTL) }},
	{"dttl", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Flow.Side[1].TTL) }},
	{"stcpb", func(b []byte, r *argus.Record, _ int) []byte { return be.AppendUint32(b, r.Flow.TCP.Side[0].Base) }},
	{"dtcpb", func(b []byte, r *argus.Record, _ int) []byte { return be.AppendUint32(b, r.Flow.TCP.Side[1].Base) }},
	{"inode", func(b []byte, r *argus.Record, n int) []byte {
		return appendAddress(b, r.Flow.ICMP.Family, r.Flow.ICMP.From, n)
	}},
	{"sco", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Added.Country[0][:]...) }},
	{"dco", func(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Added.Country[1][:]...) }},
	{"sas", func(b []byte, r *argus.Record, _ int) []byte { return be.AppendUint32(b, r.Added.AS[0]) }},
	{"das", func(b []byte, r *argus.Record, _ int) []byte { return be.AppendUint32(b, r.Added.AS[1]) }},
	{"ias", func(b []byte, r *argus.Record, _ int) []byte { return be.AppendUint32(b, r.Added.AS[2]) }},
	{"matrix", nil}, // both addresses, the lower one first
	{"rmon", nil},   // every record in both directions
}

// ParseKey reads the words of racluster -m, separated by commas or spaces: none, srcid, inf, smac, dmac, soui, doui, smpls,
// dmpls, svlan, dvlan, saddr, daddr, matrix, proto, sport, dport, stos, dtos, sttl, dttl, stcpb, dtcpb, inode, sco, dco, sas,
// das, ias, and rmon of its -M. After saddr, daddr, matrix and inode may stand /LENGTH, of an IPv4 address also /MASK. A port
// implies its protocol. No words are the whole flow.
func ParseKey(spec string) (Key, error) {
	var k Key
	names := make([]string, len(words))
	for i := range words {
		names[i] = words[i].name
	}
	for _, item := range strings.FieldsFunc(spec, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		name, mask, masked := strings.Cut(item, "/")
		i := slices.Index(names, name)
		if i < 0 {
			return Key{}, fmt.Errorf("no key %q: known are %s", name, strings.Join(names, ", "))
		}
		n := 0
		if masked {
			var err error
			if n, err = parseMask(name, mask); err != nil {
				return Key{}, fmt.Errorf("key %q: %w", item, err)
			}
		}
		k.add(i, n)
	}
	if k.rmon && k.matrix {
		return Key{}, fmt.Errorf("key %q: rmon takes each record in both directions, matrix in one", spec)
	}
	if k.rmon && len(k.parts) == 0 {
		return Key{}, fmt.Errorf("key %q: rmon needs another word beside it, such as saddr", spec)
	}
	return k, nil
}

// add adds the word with that number.
func (k *Key) add(i, n int) {
	switch words[i].name {
	case "rmon":
		k.rmon = true
		return
	case "matrix":
		k.matrix, k.src, k.dst = true, n, n
		k.parts = append(k.parts, part{appendSource, n}, part{appendDestination, n})
		return
	case "saddr":
		k.src = n
	case "daddr":
		k.dst = n
	}
	k.parts = append(k.parts, part{words[i].append, n})
}

// parseMask returns how many leading bits of an address count.
func parseMask(name, mask string) (int, error) {
	if name != "saddr" && name != "daddr" && name != "matrix" && name != "inode" {
		return 0, fmt.Errorf("only addresses have a prefix")
	}
	if a, err := netip.ParseAddr(mask); err == nil && a.Is4() {
		octets := a.As4()
		m := be.Uint32(octets[:])
		if n := bits.LeadingZeros32(^m); n > 0 && m == ^uint32(0)<<(32-n) {
			return n, nil
		}
		return 0, fmt.Errorf("%s is no netmask, such as 255.255.255.0", mask)
	}
	n, err := strconv.Atoi(mask)
	if err != nil || n < 1 || n > 128 {
		return 0, fmt.Errorf("%q is neither a prefix length from 1 to 128 nor a netmask", mask)
	}
	return n, nil
}

func (k *Key) isFlow() bool { return len(k.parts) == 0 }

// appendTo appends what the records of a merged one have in common.
func (k *Key) appendTo(b []byte, r *argus.Record) []byte {
	if k.isFlow() {
		return appendFlow(b, r, &r.Flow.Key)
	}
	for _, p := range k.parts {
		b = p.append(b, r, p.bits)
	}
	return b
}

// mask leaves of the addresses what counts.
func (k *Key) mask(key *flow.Key) {
	maskAddress(&key.Src, key.Family, k.src)
	maskAddress(&key.Dst, key.Family, k.dst)
}

// appendFlow appends the identity of the flow that r is a record of, with that tuple.
func appendFlow(b []byte, r *argus.Record, k *flow.Key) []byte {
	b = append(append(b, r.Monitor.Kind), r.Monitor.Bytes[:]...)
	if r.Extension() {
		return be.AppendUint64(b, r.Flow.ID)
	}
	b = append(append(append(b, r.Interface[:]...), k.Src[:]...), k.Dst[:]...)
	b = append(be.AppendUint16(b, k.SrcPort), k.Proto, byte(k.Family))
	if k.Proto != flow.ProtoICMP && k.Proto != flow.ProtoICMPv6 { // of theirs the sequence number is not, as with racluster
		b = be.AppendUint16(b, k.DstPort)
	}
	if k.Family == flow.FamilyARP || k.Family == flow.FamilyRARP {
		return b // the operation is not part of the identity
	}
	return be.AppendUint16(b, k.Type)
}

func appendSource(b []byte, r *argus.Record, n int) []byte {
	return appendAddress(b, r.Flow.Family, r.Flow.Src, n)
}

func appendDestination(b []byte, r *argus.Record, n int) []byte {
	return appendAddress(b, r.Flow.Family, r.Flow.Dst, n)
}

// appendAddress appends the first n bits of an address, all with 0. Only those of the internet have a prefix.
func appendAddress(b []byte, family flow.Family, a [16]byte, n int) []byte {
	maskAddress(&a, family, n)
	return append(append(b, byte(family)), a[:]...)
}

func maskAddress(a *[16]byte, family flow.Family, n int) {
	if n == 0 || n >= 8*width(family) {
		return
	}
	clear(a[(n+7)/8:])
	if n%8 != 0 {
		a[n/8] &= ^byte(0) << (8 - n%8)
	}
}

// width is the octets of an address that has a prefix, 0 of others: as with racluster those of ARP have none.
func width(family flow.Family) int {
	switch family {
	case flow.FamilyIPv4:
		return 4
	case flow.FamilyIPv6:
		return 16
	}
	return 0
}

// appendProto appends the protocol: of IP its number, of other frames the ethertype.
func appendProto(b []byte, k *flow.Key) []byte {
	switch k.Family {
	case flow.FamilyIPv4, flow.FamilyIPv6:
		return append(b, 4, k.Proto, 0, 0)
	case flow.FamilyEthernet:
		return be.AppendUint16(append(b, byte(k.Family), 0), k.Type)
	}
	return append(b, byte(k.Family), 0, 0, 0)
}

// appendPort appends a port with its protocol. Of ICMP the type with the code and the identifier stand for the ports, as with
// racluster.
func appendPort(b []byte, k *flow.Key, side int) []byte {
	b = appendProto(b, k)
	switch {
	case k.Proto == flow.ProtoICMP || k.Proto == flow.ProtoICMPv6:
		if side == 0 {
			return be.AppendUint16(b, k.Type)
		}
		return be.AppendUint16(b, k.SrcPort)
	case side == 0:
		return be.AppendUint16(b, k.SrcPort)
	}
	return be.AppendUint16(b, k.DstPort)
}

func appendMPLS(b []byte, s *flow.Side) []byte {
	if !s.HasMPLS {
		return append(b, 0xff, 0xff, 0xff, 0xff)
	}
	return be.AppendUint32(b, s.MPLS>>12)
}

func appendVLAN(b []byte, s *flow.Side) []byte {
	if !s.HasVLAN {
		return append(b, 0xff, 0xff)
	}
	return be.AppendUint16(b, s.VLAN&0xfff)
}

// backward tells whether the destination is the lower address.
func backward(k *flow.Key) bool { return bytes.Compare(k.Src[:], k.Dst[:]) > 0 }

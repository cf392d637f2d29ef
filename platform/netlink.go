package platform

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"syscall"
)

// The wire format of rtnetlink(7) and netlink(7): everything is in the machine's byte order and padded to 4 octets.
// Only the parsing stands here, so that it is tested and fuzzed on every system.

const (
	nlHeaderLen   = 16
	nlAttrLen     = 4
	ifInfoLen     = 16 // struct ifinfomsg
	ifAddrLen     = 8  // struct ifaddrmsg
	genlHeaderLen = 4  // struct genlmsghdr

	nlError = 2
	nlDone  = 3
	nlIntr  = 0x10 // NLM_F_DUMP_INTR: the dump is inconsistent

	rtmNewLink = 16
	rtmNewAddr = 20

	sockDiagByFamily = 20
	inetDiagLen      = 72 // struct inet_diag_msg
	tcpListen        = 10

	iflaAddress  = 1
	iflaName     = 3
	iflaMTU      = 4
	iflaLink     = 5
	iflaMaster   = 10
	iflaLinkInfo = 18
	iflaStats64  = 23
	iflaLinkNS   = 37
	iflaInfoKind = 1

	ifaAddress = 1
	ifaLocal   = 2

	ctrlFamilyID     = 1 // CTRL_ATTR_FAMILY_ID
	nl80211AttrIndex = 3 // NL80211_ATTR_IFINDEX

	flagUp      = 0x1
	flagRunning = 0x40

	afInet, afInet6 = 2, 10
	nlAlign         = 4
	nlTypeMask      = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
)

var errNetlink = errors.New("malformed netlink message")

// errInterrupted tells that the kernel's tables changed during a dump.
var errInterrupted = errors.New("netlink dump interrupted by a change")

type nlMessage struct {
	kind  uint16
	flags uint16
	seq   uint32
	body  []byte
}

// nlMessages walks the messages of one datagram. It ends at the first that does not fit, with an error.
func nlMessages(b []byte) iter.Seq2[nlMessage, error] {
	return func(yield func(nlMessage, error) bool) {
		for len(b) > 0 {
			if len(b) < nlHeaderLen {
				yield(nlMessage{}, errNetlink)
				return
			}
			n := binary.NativeEndian.Uint32(b)
			if n < nlHeaderLen || uint64(n) > uint64(len(b)) {
				yield(nlMessage{}, errNetlink)
				return
			}
			m := nlMessage{
				kind:  binary.NativeEndian.Uint16(b[4:]),
				flags: binary.NativeEndian.Uint16(b[6:]),
				seq:   binary.NativeEndian.Uint32(b[8:]),
				body:  b[nlHeaderLen:n],
			}
			if !yield(m, nil) {
				return
			}
			b = b[min(padded(int(n)), len(b)):]
		}
	}
}

// nlAttrs walks attributes; it stops silently at one that does not fit.
func nlAttrs(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= nlAttrLen {
			n := int(binary.NativeEndian.Uint16(b))
			if n < nlAttrLen || n > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:])&nlTypeMask, b[nlAttrLen:n]) {
				return
			}
			b = b[min(padded(n), len(b)):]
		}
	}
}

func padded(n int) int { return (n + nlAlign - 1) &^ (nlAlign - 1) }

// parseDump calls each for every message of a dump's datagram that answers seq, and tells whether the dump ends here.
func parseDump(b []byte, seq uint32, each func(nlMessage)) (done bool, err error) {
	for m, err := range nlMessages(b) {
		switch {
		case err != nil:
			return true, err
		case m.seq != seq:
			continue
		case m.flags&nlIntr != 0:
			return true, errInterrupted
		case m.kind == nlDone:
			return true, nil
		case m.kind == nlError:
			return true, parseError(m.body)
		}
		each(m)
	}
	return false, nil
}

func parseError(b []byte) error {
	if len(b) < 4 {
		return errNetlink
	}
	if code := int32(binary.NativeEndian.Uint32(b)); code < 0 && code > -4096 {
		return fmt.Errorf("netlink: %w", syscall.Errno(-code))
	}
	return nil
}

// parseLink reads an RTM_NEWLINK message.
func parseLink(m nlMessage) (in Interface, ok bool) {
	if m.kind != rtmNewLink || len(m.body) < ifInfoLen {
		return in, false
	}
	hardware := binary.NativeEndian.Uint16(m.body[2:])
	in.Index = int(int32(binary.NativeEndian.Uint32(m.body[4:])))
	flags := binary.NativeEndian.Uint32(m.body[8:])
	in.Up, in.Running = flags&flagUp != 0, flags&flagRunning != 0
	var kind string
	foreign := false
	for t, v := range nlAttrs(m.body[ifInfoLen:]) {
		switch t {
		case iflaName:
			in.Name = cString(v)
		case iflaAddress:
			if len(v) == 6 {
				in.MAC = net.HardwareAddr(bytes.Clone(v))
			}
		case iflaMTU:
			in.MTU = int(nlUint32(v))
		case iflaLink:
			in.Parent = int(nlUint32(v))
		case iflaMaster:
			in.Master = int(nlUint32(v))
		case iflaLinkNS:
			foreign = true
		case iflaLinkInfo:
			for t, v := range nlAttrs(v) {
				if t == iflaInfoKind {
					kind = cString(v)
				}
			}
		}
	}
	in.Kind = kindOf(hardware, kind)
	if foreign || in.Kind == "veth" || in.Parent == in.Index {
		in.Parent = 0 // the other end of a pair, or an interface of another namespace
	}
	return in, in.Index > 0 && in.Name != ""
}

// kindOf names what a link is, by IFLA_INFO_KIND where there is one, else by its ARPHRD type (if_arp.h).
func kindOf(hardware uint16, kind string) string {
	switch kind {
	case "":
		return hardwareKind(hardware)
	case "team":
		return "bond"
	case "gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan", "ipip", "ip6tnl", "sit", "vti", "vti6",
		"vxlan", "geneve", "wireguard", "xfrm", "bareudp", "gtp", "amt":
		return "tunnel"
	}
	return kind
}

func hardwareKind(hardware uint16) string {
	switch hardware {
	case 1:
		return "ethernet"
	case 772:
		return "loopback"
	case 512:
		return "ppp"
	case 768, 769, 776, 777, 778, 823:
		return "tunnel" // IPIP, IP6IP6, SIT, IPDDP, IPGRE, IP6GRE
	case 801, 802, 803:
		return "wifi"
	case 824:
		return "nlmon"
	case 280:
		return "can"
	case 65534:
		return "tun"
	}
	return fmt.Sprintf("arphrd-%d", hardware)
}

// parseAddr reads an RTM_NEWADDR message.
func parseAddr(m nlMessage) (index int, p netip.Prefix, ok bool) {
	if m.kind != rtmNewAddr || len(m.body) < ifAddrLen {
		return 0, p, false
	}
	family, bits := m.body[0], int(m.body[1])
	index = int(nlUint32(m.body[4:]))
	var addr netip.Addr
	for t, v := range nlAttrs(m.body[ifAddrLen:]) {
		if t != ifaLocal && (t != ifaAddress || addr.IsValid()) {
			continue // IFA_LOCAL is the interface's own, IFA_ADDRESS the peer's on a point-to-point link
		}
		a, isAddr := netip.AddrFromSlice(v)
		if isAddr && (family == afInet && a.Is4() || family == afInet6 && a.Is6()) {
			addr = a
		}
	}
	p = netip.PrefixFrom(addr, bits)
	return index, p, p.IsValid()
}

// parseFamily reads the family number of a CTRL_CMD_NEWFAMILY answer (linux/genetlink.h).
func parseFamily(m nlMessage) (id uint16, ok bool) {
	for t, v := range genlAttrs(m) {
		if t == ctrlFamilyID && len(v) >= 2 {
			return binary.NativeEndian.Uint16(v), true
		}
	}
	return 0, false
}

// parseWireless reads the interface index of an NL80211_CMD_NEW_INTERFACE message.
func parseWireless(m nlMessage) (index int, ok bool) {
	for t, v := range genlAttrs(m) {
		if t == nl80211AttrIndex {
			return int(nlUint32(v)), true
		}
	}
	return 0, false
}

// parseListener reads a socket that a dump of listening ones tells of (struct inet_diag_msg, linux/inet_diag.h).
func parseListener(m nlMessage) (l Listener, ok bool) {
	if m.kind != sockDiagByFamily || len(m.body) < inetDiagLen || m.body[1] != tcpListen {
		return l, false
	}
	addr := netip.AddrFrom4([4]byte(m.body[8:]))
	if m.body[0] == afInet6 {
		addr = netip.AddrFrom16([16]byte(m.body[8:]))
	}
	l.Addr = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(m.body[4:]))
	l.UID, l.Inode = binary.NativeEndian.Uint32(m.body[64:]), uint64(binary.NativeEndian.Uint32(m.body[68:]))
	return l, true
}

func genlAttrs(m nlMessage) iter.Seq2[uint16, []byte] {
	return nlAttrs(m.body[min(genlHeaderLen, len(m.body)):])
}

func nlUint32(v []byte) uint32 {
	if len(v) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(v)
}

func cString(v []byte) string {
	if i := bytes.IndexByte(v, 0); i >= 0 {
		v = v[:i]
	}
	return string(v)
}

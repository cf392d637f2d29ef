package platform

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"sort"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Adapters that GetAdaptersAddresses has: those that IP is bound to. The ports of a team, of a network bridge and of a virtual
// switch are not among them: the adapter that stands for all of them is.
const adapterFlags = windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_SKIP_DNS_SERVER

// maxAdapters bounds the system's answer, octets.
const maxAdapters = 16 << 20

// Of ipifcons.h, beside those that package windows has.
const (
	ifTypePropVirtual = 53 // what VPNs of the user's (WireGuard, OpenVPN) call theirs
	ifTypeWWAN        = 243
	ifTypeWWAN2       = 244
)

func interfaces() ([]Interface, error) {
	first, err := adapters(adapterFlags)
	if err != nil {
		return nil, err
	}
	var list []Interface
	for a := range first {
		list = append(list, adapter(a))
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Index < list[j].Index })
	return list, nil
}

// adapters yields what GetAdaptersAddresses tells.
func adapters(flags uint32) (iter.Seq[*windows.IpAdapterAddresses], error) {
	size := uint32(15 << 10) // which the documentation advises to begin with
	for size <= maxAdapters {
		buf := make([]uint64, size/8+1) // aligned
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, first, &size)
		switch {
		case errors.Is(err, windows.ERROR_NO_DATA):
			first = nil
		case errors.Is(err, windows.ERROR_BUFFER_OVERFLOW):
			continue
		case err != nil:
			return nil, fmt.Errorf("GetAdaptersAddresses: %w", err)
		}
		return func(yield func(*windows.IpAdapterAddresses) bool) {
			for a := first; a != nil && yield(a); a = a.Next {
			}
		}, nil
	}
	return nil, fmt.Errorf("GetAdaptersAddresses: the answer has more than %d octets", maxAdapters)
}

func adapter(a *windows.IpAdapterAddresses) Interface {
	in := Interface{
		Index: adapterIndex(a), Name: windows.UTF16PtrToString(a.FriendlyName), Kind: adapterKind(a.IfType), MTU: int(a.Mtu),
		Up: a.OperStatus == windows.IfOperStatusUp, Running: a.OperStatus == windows.IfOperStatusUp,
	}
	if in.Name == "" {
		in.Name = windows.BytePtrToString(a.AdapterName)
	}
	if a.Mtu == ^uint32(0) { // the loopback has no bound
		in.MTU = 0
	}
	if n := min(int(a.PhysicalAddressLength), len(a.PhysicalAddress)); n > 0 && in.Kind != "loopback" {
		in.MAC = net.HardwareAddr(slices.Clone(a.PhysicalAddress[:n]))
	}
	for u := a.FirstUnicastAddress; u != nil; u = u.Next {
		if u.Address.Sockaddr == nil {
			continue
		}
		if addr, ok := netip.AddrFromSlice(u.Address.IP()); ok {
			in.Addrs = append(in.Addrs, netip.PrefixFrom(addr, min(int(u.OnLinkPrefixLength), addr.BitLen())))
		}
	}
	return in
}

// adapterIndex is that of IPv4, which is the same for IPv6 where both are there.
func adapterIndex(a *windows.IpAdapterAddresses) int {
	if a.IfIndex != 0 {
		return int(a.IfIndex)
	}
	return int(a.Ipv6IfIndex)
}

// adapterKind names the IANA's ifType.
func adapterKind(ifType uint32) string {
	switch ifType {
	case windows.IF_TYPE_ETHERNET_CSMACD:
		return "ethernet"
	case windows.IF_TYPE_IEEE80211:
		return "wifi"
	case windows.IF_TYPE_SOFTWARE_LOOPBACK:
		return "loopback"
	case windows.IF_TYPE_TUNNEL:
		return "tunnel"
	case windows.IF_TYPE_PPP:
		return "ppp"
	case ifTypePropVirtual:
		return "tun"
	case ifTypeWWAN, ifTypeWWAN2:
		return "wwan"
	}
	return fmt.Sprintf("ifType %d", ifType)
}

package capture

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"
)

// open takes the first of the ways to capture that works.
func open(name string, index int, o Options) (Source, error) {
	a, err := findAdapter(index)
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	return firstOf([]way{{"npcap", openNpcap}, {"ndis-etw", openNDIS}, {"rcvall", openRcvall}}, name, a, o)
}

// findAdapter asks the system for an interface by its index.
func findAdapter(index int) (*adapter, error) {
	const flags = windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_SKIP_DNS_SERVER
	var buf []uint64 // aligned as the list needs it
	size := uint32(16 << 10)
	for {
		buf = make([]uint64, size/8+1)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, first, &size)
		switch {
		case errors.Is(err, windows.ERROR_BUFFER_OVERFLOW) && size < 1<<24:
			continue
		case err != nil:
			return nil, fmt.Errorf("list the adapters: %w", err)
		}
		for in := first; in != nil; in = in.Next {
			if int(in.IfIndex) == index || in.IfIndex == 0 && int(in.Ipv6IfIndex) == index {
				return adapterOf(in, index)
			}
		}
		return nil, fmt.Errorf("interface index %d: %w", index, ErrInterfaceDown)
	}
}

func adapterOf(in *windows.IpAdapterAddresses, index int) (*adapter, error) {
	if in.OperStatus != windows.IfOperStatusUp {
		return nil, ErrInterfaceDown
	}
	a := &adapter{index: index, guid: windows.BytePtrToString(in.AdapterName), loopback: in.IfType == windows.IF_TYPE_SOFTWARE_LOOPBACK}
	for u := in.FirstUnicastAddress; u != nil; u = u.Next {
		if ip, ok := netip.AddrFromSlice(u.Address.IP()); ok {
			a.addrs = append(a.addrs, ip.Unmap())
		}
	}
	return a, nil
}

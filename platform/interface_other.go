//go:build !linux && !windows && !darwin

package platform

import (
	"net"
	"net/netip"
)

func interfaces() ([]Interface, error) {
	found, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	list := make([]Interface, 0, len(found))
	for _, f := range found {
		in := Interface{
			Index: f.Index, Name: f.Name, Kind: "ethernet", MAC: f.HardwareAddr, MTU: f.MTU,
			Up: f.Flags&net.FlagUp != 0, Running: f.Flags&net.FlagRunning != 0,
		}
		switch {
		case f.Flags&net.FlagLoopback != 0:
			in.Kind = "loopback"
		case f.Flags&net.FlagPointToPoint != 0:
			in.Kind = "tunnel"
		}
		addrs, _ := f.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				in.Addrs = append(in.Addrs, p)
			}
		}
		list = append(list, in)
	}
	return list, nil
}

package platform

import (
	"fmt"
	"net"
	"net/netip"
)

// Interface is one network interface of this host (of this network namespace).
type Interface struct {
	Index   int
	Name    string
	Kind    string // "ethernet", "wifi", "loopback", "bridge", "bond", "vlan", "veth", "tun", "tunnel", "ppp", or the system's own word
	MAC     net.HardwareAddr
	MTU     int
	Up      bool // switched on
	Running bool // has a carrier too
	Addrs   []netip.Prefix

	Master int // index of the bridge, bond or VRF that it is a port of; 0 for none
	Parent int // index of the interface below it in this namespace (VLAN, macvlan, tunnel); 0 for none

	// Meter tells whether a sensor of the whole host captures here, so that every frame is seen once;
	// Reason says why not.
	Meter  bool
	Reason string
}

// Interfaces lists the interfaces, by index, and chooses those to meter: the roots. A bridge or bond stands for its ports,
// the parent of a VLAN shows the frames with their tag; a tunnel and the interface that carries it are different flows, both metered.
// On macOS the ports stand for their bridge or bond.
func Interfaces() ([]Interface, error) {
	list, err := interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	choose(list)
	return list, nil
}

// choose sets Meter and Reason, unless the system gave a reason.
func choose(list []Interface) {
	byIndex := make(map[int]*Interface, len(list))
	for i := range list {
		byIndex[list[i].Index] = &list[i]
	}
	for i := range list {
		in := &list[i]
		if in.Reason == "" {
			in.Reason = whyNot(in, byIndex[in.Master], byIndex[in.Parent])
		}
		in.Meter = in.Reason == ""
	}
}

func whyNot(in, master, parent *Interface) string {
	switch in.Kind {
	case "vrf":
		return "a VRF: its ports are metered"
	case "openvswitch":
		return "the switch's own device: its ports are metered"
	case "ifb", "nlmon", "can", "vcan", "vxcan":
		return in.Kind + " carries no network traffic of its own"
	}
	if !in.Up {
		return "down"
	}
	if master != nil && master.Kind != "vrf" && master.Kind != "openvswitch" {
		return "port of " + master.Name
	}
	if parent != nil {
		switch in.Kind {
		case "vlan":
			return "VLAN of " + parent.Name + ": its parent shows the tag"
		case "macvlan", "macvtap", "ipvlan", "ipvtap":
			return in.Kind + " of " + parent.Name + ": its parent shows its frames"
		}
	}
	return ""
}

package platform

import "encoding/binary"

// Traffic is what the system itself counts of an interface since it was made: what went through the driver, which is not what a
// capture sees (docs/status-record.md).
type Traffic struct {
	RxPackets uint64 `json:"rx_packets"`
	TxPackets uint64 `json:"tx_packets"`
	RxBytes   uint64 `json:"rx_bytes"`
	TxBytes   uint64 `json:"tx_bytes"`
	RxDropped uint64 `json:"rx_dropped,omitempty"`
	TxDropped uint64 `json:"tx_dropped,omitempty"`
}

// ReadTraffic returns the counters of every interface by its index: on Linux those of rtnetlink(7), IFLA_STATS64, on Windows those
// of GetIfEntry2, on macOS those of the sysctl NET_RT_IFLIST2. Elsewhere the error wraps errors.ErrUnsupported.
func ReadTraffic() (map[int]Traffic, error) { return readTraffic() }

// Add adds what was counted between two readings. A counter that went back began anew in between.
func (t *Traffic) Add(before, now Traffic) {
	add := func(to *uint64, before, now uint64) {
		if now < before {
			before = 0
		}
		*to += now - before
	}
	add(&t.RxPackets, before.RxPackets, now.RxPackets)
	add(&t.TxPackets, before.TxPackets, now.TxPackets)
	add(&t.RxBytes, before.RxBytes, now.RxBytes)
	add(&t.TxBytes, before.TxBytes, now.TxBytes)
	add(&t.RxDropped, before.RxDropped, now.RxDropped)
	add(&t.TxDropped, before.TxDropped, now.TxDropped)
}

// parseTraffic reads the counters of an RTM_NEWLINK message (struct rtnl_link_stats64, linux/if_link.h).
func parseTraffic(m nlMessage) (index int, t Traffic, ok bool) {
	if m.kind != rtmNewLink || len(m.body) < ifInfoLen {
		return 0, t, false
	}
	index = int(int32(binary.NativeEndian.Uint32(m.body[4:])))
	for kind, v := range nlAttrs(m.body[ifInfoLen:]) {
		if kind != iflaStats64 || len(v) < 8*8 {
			continue
		}
		at := func(i int) uint64 { return binary.NativeEndian.Uint64(v[8*i:]) }
		t = Traffic{RxPackets: at(0), TxPackets: at(1), RxBytes: at(2), TxBytes: at(3), RxDropped: at(6), TxDropped: at(7)}
		ok = true
	}
	return index, t, ok && index > 0
}

package cluster

import (
	"iter"
	"sort"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Total is what racount tells in one line.
type Total struct {
	Records uint64
	Packets [2]uint64 // from the source, from the destination
	Bytes   [2]uint64
}

func (t *Total) add(r *argus.Record) {
	t.Records++
	for i := range r.Flow.Side {
		t.Packets[i] += r.Flow.Side[i].Packets
		t.Bytes[i] += r.Flow.Side[i].Bytes
	}
}

// Count adds records up. The zero Count is empty.
type Count struct {
	Total         // of all flow records
	Other  uint64 // records of other kinds; racount counts them too
	protos map[flow.Key]*Total
}

// Add counts a record.
func (c *Count) Add(r *argus.Record) {
	if r.Kind != argus.KindFlow {
		c.Other++
		return
	}
	c.add(r)
	proto := flow.Key{Family: r.Flow.Family, Proto: r.Flow.Proto}
	if proto.Family == flow.FamilyEthernet {
		proto.Type = r.Flow.Type
	}
	t := c.protos[proto]
	if t == nil {
		if c.protos == nil {
			c.protos = make(map[flow.Key]*Total)
		}
		t = new(Total)
		c.protos[proto] = t
	}
	t.add(r)
}

// Protocols returns the totals of each protocol: of the key only Family, Proto and, of Ethernet, Type are set. IPv4 and IPv6
// are two families; racount makes one line of both.
func (c *Count) Protocols() iter.Seq2[flow.Key, Total] {
	return func(yield func(flow.Key, Total) bool) {
		protos := make([]flow.Key, 0, len(c.protos))
		for proto := range c.protos {
			protos = append(protos, proto)
		}
		sort.Slice(protos, func(i, j int) bool { return ordinal(&protos[i]) < ordinal(&protos[j]) })
		for _, proto := range protos {
			if !yield(proto, *c.protos[proto]) {
				return
			}
		}
	}
}

func ordinal(k *flow.Key) uint32 { return uint32(k.Family)<<24 | uint32(k.Proto)<<16 | uint32(k.Type) }

package flow

import "testing"

// A table that is full asks for more, evicts when there is none, and gives back what it does not need.
func TestTableGrowsOnlyWhenToldTo(t *testing.T) {
	limit, asked := 2, 0
	tab := NewTable(Config{MaxFlows: 2, StatusInterval: 5e9, Grow: func() int {
		asked++
		limit = min(limit+2, 6)
		return limit
	}})
	p := Packet{Time: 1e18, FrameLen: 60, Segments: 1}
	p.Family, p.Proto = FamilyIPv4, ProtoUDP
	for port := range uint16(10) {
		p.SrcPort = port + 1
		tab.Add(&p)
		for range tab.Due(p.Time) {
		}
	}
	if s := tab.Stats(); s.Open != 6 || s.Evicted != 4 || asked != 6 {
		t.Errorf("%d open, %d evicted, asked %d times; want 6, 4, 6", s.Open, s.Evicted, asked)
	}
	tab.Limit(3)
	limit = 0
	p.SrcPort = 100
	tab.Add(&p)
	if s := tab.Stats(); s.Open != 6 || s.Evicted != 5 {
		t.Errorf("after the limit was lowered: %d open, %d evicted; open flows stay, and no others come", s.Open, s.Evicted)
	}
}

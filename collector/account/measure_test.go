package account

import (
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	at := func(m int) time.Time { return day.Add(time.Duration(m) * time.Minute) }
	rows := []Missing{
		{From: at(50), To: at(70), Reason: "killed", Records: 1},
		{From: at(10), To: at(20), Reason: "ring-overrun", Packets: 5, Interface: "eth0"},
		{From: at(15), To: at(25), Reason: "ring-overrun", Packets: 6, Interface: "eth1"},
		{From: at(12), To: at(18), Reason: "asleep"},
		{From: at(-20), To: at(-10), Reason: "stopped"},
		{From: at(-20), To: at(5), Reason: "stopped"},
		{From: at(60), To: at(90), Reason: "lost"},
	}
	c := Measure(at(0), at(60), rows)
	if share, ok := c.Percent(); !ok || share != 50 || c.Missing != 30*time.Minute {
		t.Errorf("%v %v, missing %v", share, ok, c.Missing)
	}
	if l := c.Reasons[RingOverrun]; l != (Loss{2, 15 * time.Minute, 0, 11}) {
		t.Errorf("ring %+v", l)
	}
	if l := c.Reasons[Killed]; len(c.Reasons) != 4 || l.Time != 10*time.Minute || l.Records != 1 {
		t.Errorf("%+v", c.Reasons)
	}
	if empty := Measure(at(0), at(0), rows); empty.Span != 0 {
		t.Errorf("%+v", empty)
	} else if _, ok := empty.Percent(); ok {
		t.Error("no time has a share")
	}
	sum := Completeness{}
	sum.Add(&c)
	sum.Add(&c)
	if share, _ := sum.Percent(); share != 50 || sum.Reasons[RingOverrun].Packets != 22 {
		t.Errorf("sum %+v", sum)
	}
}

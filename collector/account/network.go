package account

import (
	"slices"
	"time"
)

// unseen is how many packets a network interface counts between two reports, of which its meter sees none, before the meter counts as blind.
const unseen = 100

// network takes the report of an interface; last is the one when it went away.
func (f *fold) network(r *interfaceText, now time.Time, last bool) {
	c := &f.c
	r.Name = clip(r.Name, maxText/2)
	f.closes(&r.counters, r.Name)
	key, since := nameKey(r.Name), c.told
	if !r.Since.IsZero() {
		since = f.at(r.Since)
	}
	at := slices.IndexFunc(c.interfaces, func(i netInterface) bool { return i.key == key })
	if at < 0 { // known from the start of its metering, or from now on
		i := netInterface{key: key, since: since}
		if since.Before(c.told) {
			i.ring, i.captured, i.counted = r.RingDropped, r.Captured, r.counted()
		}
		c.interfaces, at = append(c.interfaces, i), len(c.interfaces)
	}
	i := &c.interfaces[at]
	if d := since.Sub(i.since); d >= time.Millisecond || d < 0 { // metered anew
		i.since, i.ring, i.captured, i.counted = since, 0, 0, 0
	}
	begin := later(c.told, i.since)
	if dropped := rise(&i.ring, r.RingDropped); dropped > 0 {
		f.row(Missing{Interface: r.Name, From: begin, To: now, Packets: dropped}, RingOverrun)
		c.attributed = add(c.attributed, dropped)
	}
	f.watch(i, r, begin, now)
	if last {
		f.close(i, now)
		c.interfaces = slices.Delete(c.interfaces, at, at+1)
		return
	}
	fresh := c.interfaces[at] // those that are heard of stay
	c.interfaces = append(slices.Delete(c.interfaces, at, at+1), fresh)
	if len(c.interfaces) > maxInterfaces {
		c.interfaces = c.interfaces[1:]
	}
}

// counted is what the network interface itself says has passed.
func (r *interfaceText) counted() uint64 {
	if r.NIC == nil {
		return 0
	}
	return add(r.NIC.Received, r.NIC.Sent)
}

// watch opens and closes the interval in which an interface is not metered.
func (f *fold) watch(i *netInterface, r *interfaceText, begin, now time.Time) {
	seen := rise(&i.captured, r.Captured)
	passed := rise(&i.counted, r.counted())
	switch blind := passed >= unseen && seen == 0 && r.Filtered == 0; {
	case !r.Metering || blind:
		if i.open.IsZero() {
			i.open, i.name = begin, r.Name
		}
	case i.open.IsZero():
	case i.since.After(i.open):
		f.close(i, i.since)
	case seen > 0:
		f.close(i, now)
	}
}

// close ends the interval in which an interface is not metered, if there is one.
func (f *fold) close(i *netInterface, at time.Time) {
	if !i.open.IsZero() {
		f.row(Missing{Interface: i.name, From: i.open, To: at}, NotMetering)
		i.open, i.name = time.Time{}, ""
	}
}

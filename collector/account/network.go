package account

import (
	"slices"
	"time"
)

// What a network interface counts between two reports before its meter, if it sees nothing or not half of that, counts as blind.
const (
	unseen       = 100     // packets
	unseenOctets = 1 << 20 // octets
)

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
			i.ring, i.seen, i.seenOctets = r.RingDropped, add(r.Captured, r.Filtered), r.CapturedBytes
			i.packets, i.octets = r.passed()
		}
		c.interfaces, at = append(c.interfaces, i), len(c.interfaces)
	}
	i := &c.interfaces[at]
	if d := since.Sub(i.since); d >= time.Millisecond || d < 0 { // metered anew
		*i = netInterface{key: key, since: since, open: i.open, doubt: i.doubt, name: i.name}
	}
	begin := later(c.told, i.since)
	dropped := rise(&i.ring, r.RingDropped)
	if dropped > 0 {
		f.row(Missing{Interface: r.Name, From: begin, To: now, Packets: dropped}, RingOverrun)
		c.attributed = add(c.attributed, dropped)
	}
	if last {
		f.close(i, now)
		c.interfaces = slices.Delete(c.interfaces, at, at+1)
		return
	}
	f.watch(i, r, dropped > 0, begin, now)
	fresh := c.interfaces[at] // those that are heard of stay
	c.interfaces = append(slices.Delete(c.interfaces, at, at+1), fresh)
	if len(c.interfaces) > maxInterfaces {
		c.interfaces = c.interfaces[1:]
	}
}

// passed is what the network interface itself says has passed: packets, and octets of them that a meter should see. A loopback interface counts
// each twice.
func (r *interfaceText) passed() (packets, octets uint64) {
	if r.NIC == nil {
		return 0, 0
	}
	octets = r.NIC.ReceivedBytes
	if r.Kind != "loopback" {
		octets = add(octets, r.NIC.SentBytes)
	}
	return add(r.NIC.Received, r.NIC.Sent), octets
}

// sight tells whether the meter is blind: it has seen nothing, or not half, of what has passed since the report before. Packets are not
// compared: those of a meter are as large as the system makes them. It is neither blind nor sees when little has passed.
func (i *netInterface) sight(r *interfaceText, overrun bool) (blind, sees bool) {
	packets, octets := r.passed()
	packets, octets = rise(&i.packets, packets), rise(&i.octets, octets)
	seen := rise(&i.seen, add(r.Captured, r.Filtered))
	seenOctets := rise(&i.seenOctets, r.CapturedBytes)
	blind = packets >= unseen && seen == 0 || octets >= unseenOctets && r.CapturedBytes > 0 && seenOctets < octets/2
	if overrun { // then it is not its eyes
		blind = false
	}
	return blind, seen > 0 && !blind
}

// watch opens and closes the interval in which an interface is not metered. What passed at the moment of the report may not have
// reached the meter, so that a meter is blind when two reports say so.
func (f *fold) watch(i *netInterface, r *interfaceText, overrun bool, begin, now time.Time) {
	blind, sees := i.sight(r, overrun)
	switch {
	case !r.Metering || blind && !i.doubt.IsZero():
		if i.open.IsZero() {
			i.open, i.name = begin, r.Name
			if r.Metering {
				i.open = i.doubt
			}
		}
	case blind:
		i.doubt = begin
	case !i.open.IsZero() && i.since.After(i.open):
		f.close(i, i.since)
		i.doubt = time.Time{}
	case sees:
		f.close(i, now)
		i.doubt = time.Time{}
	}
}

// close ends the interval in which an interface is not metered, if there is one.
func (f *fold) close(i *netInterface, at time.Time) {
	if !i.open.IsZero() {
		f.row(Missing{Interface: i.name, From: i.open, To: at}, NotMetering)
		i.open, i.name = time.Time{}, ""
	}
}

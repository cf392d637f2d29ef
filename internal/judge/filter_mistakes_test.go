package judge

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// mistake is an expression of which ra 3.0.8.2 selects other records than it should, and how it shows: right says which are
// to be selected by what ra itself prints of each; only, to which records its mistake is confined.
type mistake struct {
	why   string
	right func(ra row) bool
	only  func(ra row) bool
}

// why ra is mistaken
const (
	swapped     = "arp selects RARP too, rarp selects ARP"
	anyOption   = "options are read without a look whether the flow is of TCP, and never those of IPv6"
	notIPv6     = "of IPv6 the answer is never, though ra prints the value"
	onlyTCPUDP  = "ports are those of TCP and UDP alone"
	anyRange    = "a range is taken for one port at least above its begin and one at most at its end"
	staleHeader = "a record without this DSR is judged by what stood in memory before"
	noLoss      = "the percentage is never above 0, though ra prints losses"
	noRatio     = "without payload, or with as much each way, the ratio is below 0 and not 0"
	sideways    = "the pointer to the statistics is taken for the statistics"
	otherBits   = "the status bits are not those of ESP"
	notICMPv6   = "messages of ICMPv6 are never looked at"
	byQualifier = notICMPv6 + "; a flow of which a parameter problem speaks is taken for one of an unreachable end"
	noRedirect  = "of redirects it looks in the wrong place"
	causeBits   = "the causes are compared bit by bit: STOP has that of START and that of STATUS"
	onePacket   = "a record of one packet has no duration, whatever times it has"
	integerMean = "the mean is compared as if it were no floating point number"
	arpBytes    = "an ARP address is compared with the first octets of an IPv6 one, in the wrong order"
	turnedState = "ra judges the flow after it has turned it round, and with it its state"
)

func columnOf(ra row, name string) float64 {
	v, _ := strconv.ParseFloat(ra[name], 64)
	return v
}

// sides makes a condition of one about a side's column, which is s and d with a name.
func sideIs(which, name string, is func(v string) bool) func(row) bool {
	return func(ra row) bool {
		for _, side := range which {
			if v := ra[string(side)+name]; v != "" && is(v) {
				return true
			}
		}
		return false
	}
}

func equals(want string) func(string) bool { return func(v string) bool { return v == want } }

func above(limit float64) func(string) bool {
	return func(v string) bool { n, err := strconv.ParseFloat(v, 64); return err == nil && n > limit }
}

func hasLetter(letter string) func(string) bool {
	return func(v string) bool { return strings.Contains(v, letter) }
}

func printsOption(letter string) func(row) bool {
	return func(ra row) bool { return strings.Contains(ra["tcpopt"], letter) }
}

// tag reads a VLAN tag.
func tag(is func(tci int64) bool) func(string) bool {
	return func(v string) bool {
		n, err := strconv.ParseInt(v, 0, 32)
		return err == nil && is(n)
	}
}

// isEcho goes by the type of ICMP, which ra prints as a port.
func isEcho(ra row) bool {
	return ra["proto"] == "1" && (ra["sport"] == "0x0008" || ra["sport"] == "0x0000") || ra["proto"] == "58" && (ra["sport"] == "128" || ra["sport"] == "129")
}

func isIPv6(ra row) bool {
	a, err := netip.ParseAddr(ra["saddr"])
	return err == nil && a.Is6()
}

func proto(numbers ...string) func(row) bool {
	return func(ra row) bool {
		return slices.Contains(numbers, ra["proto"])
	}
}

func notTCPv4(ra row) bool { return ra["proto"] != "6" || isIPv6(ra) }

// mapped tells whether ra prints that an ICMP message of a kind spoke of the flow, or that the flow is of such messages.
func mapped(letter string, states ...string) func(row) bool {
	return func(ra row) bool {
		if flags := ra["flgs"]; len(flags) > 2 && flags[2:3] == letter {
			return true
		}
		for _, s := range states {
			if strings.HasPrefix(ra["state"], s) && proto("1", "58")(ra) {
				return true
			}
		}
		return false
	}
}

// lostPart tells whether more of a side's packets are lost than so many percent, by the losses that ra prints.
func lostPart(which string, limit float64) func(row) bool {
	return func(ra row) bool {
		for _, side := range which {
			lost, packets := columnOf(ra, string(side)+"loss"), columnOf(ra, string(side)+"pkts")
			if lost > 0 && 100*lost/(lost+packets) > limit {
				return true
			}
		}
		return false
	}
}

func portIn(low, high float64) func(row) bool {
	return func(ra row) bool {
		if !proto("6", "17")(ra) {
			return false
		}
		return low <= columnOf(ra, "sport") && columnOf(ra, "sport") <= high || low <= columnOf(ra, "dport") && columnOf(ra, "dport") <= high
	}
}

func unless(is func(row) bool) func(row) bool { return func(ra row) bool { return !is(ra) } }

func allOf(a, b func(row) bool) func(row) bool { return func(ra row) bool { return a(ra) && b(ra) } }

var raMistakes = map[string]mistake{
	"arp":                {why: swapped, right: func(ra row) bool { return ra["proto"] == "2054" && !strings.Contains(ra["saddr"], ":") }},
	"rarp":               {why: swapped, right: proto("rarp")},
	"ether proto 0x8035": {why: swapped, right: proto("rarp")},

	"mss": {why: anyOption, right: printsOption("M")}, "wscale": {why: anyOption, right: printsOption("w")}, "selackok": {why: anyOption, right: printsOption("s")},
	"tcptimestamp": {why: anyOption, right: printsOption("T")}, "mss and not tcptimestamp": {why: anyOption, right: allOf(printsOption("M"), unless(printsOption("T")))},
	"selack": {why: anyOption, only: notTCPv4}, "tcpecho": {why: anyOption, only: notTCPv4},
	"secn": {why: anyOption, only: notTCPv4}, "decn": {why: anyOption, only: notTCPv4}, "tcpopt": {why: "it asks for all options at once", right: func(ra row) bool { return ra["tcpopt"] != "" }},

	"con": {why: notIPv6, only: isIPv6}, "est": {why: notIPv6, only: isIPv6}, "not con": {why: notIPv6, only: isIPv6}, "udp and con": {why: notIPv6, only: isIPv6},
	"ttl 64": {why: notIPv6, right: sideIs("sd", "ttl", equals("64"))}, "src ttl 64": {why: notIPv6, right: sideIs("s", "ttl", equals("64"))},
	"dst ttl 64": {why: notIPv6, right: sideIs("d", "ttl", equals("64"))}, "src ttl gt 32": {why: notIPv6, right: sideIs("s", "ttl", above(32))},
	"src ttl gt 100": {why: notIPv6, right: sideIs("s", "ttl", above(100))}, "src tos 0": {why: notIPv6 + "; a side without packets has 0", right: sideIs("s", "tos", equals("0"))},
	"ipv4 and dst ttl lt 64": {why: "a side without packets has a TTL of 0", right: func(ra row) bool { return ra["dttl"] != "" && columnOf(ra, "dttl") < 64 && !isIPv6(ra) }},
	"src tos gt 0":           {why: notIPv6, right: sideIs("s", "tos", above(0))},
	"dsb 0x2e":               {why: notIPv6, right: sideIs("sd", "tos", func(v string) bool { n, _ := strconv.Atoi(v); return n>>2 == 0x2e })},
	"ipid 7":                 {why: "of TCP only", right: sideIs("sd", "ipid", equals("0x0007"))},
	"frag":                   {why: staleHeader + "; " + notIPv6, right: func(ra row) bool { return strings.Contains(ra["flgs"], "F") }},
	"src frag":               {why: staleHeader + "; " + notIPv6, only: func(ra row) bool { return isIPv6(ra) || !strings.Contains(ra["flgs"], "F") }},
	"dst frag":               {why: staleHeader, only: func(ra row) bool { return isIPv6(ra) || !strings.Contains(ra["flgs"], "F") }},

	"dst port 1-1024": {why: onlyTCPUDP, only: proto("132", "136", "33")}, "port gt 1024": {why: onlyTCPUDP, only: proto("132", "136", "33")},
	"port lt 100": {why: onlyTCPUDP, only: proto("132", "136", "33")}, "src port gte 40001": {why: onlyTCPUDP, only: proto("132", "136", "33")},
	"dst port lte 53": {why: onlyTCPUDP, only: proto("132", "136", "33")}, "port 10-100": {why: anyRange, right: portIn(10, 100)},
	"net fd00::/8": {why: arpBytes, only: proto("2054")},

	"multipath":   {why: staleHeader, right: func(ra row) bool { return strings.Contains(ra["flgs"], "M") }},
	"encaps 802q": {why: staleHeader, right: sideIs("sd", "enc", hasLetter("v"))}, "encaps gre": {why: staleHeader, right: sideIs("sd", "enc", hasLetter("G"))},
	"encaps eth": {why: staleHeader, right: sideIs("sd", "enc", hasLetter("e"))}, "src encaps eth": {why: staleHeader, right: sideIs("s", "enc", hasLetter("e"))},
	"encaps llc": {why: staleHeader, right: sideIs("sd", "enc", hasLetter("l"))}, "encaps wlan": {why: staleHeader, right: sideIs("sd", "enc", hasLetter("w"))},
	"encaps 802q or llc": {why: staleHeader, right: func(ra row) bool { return strings.ContainsAny(ra["senc"]+ra["denc"], "vl") }},
	"cocode":             {why: staleHeader, right: func(ra row) bool { return ra["sco"]+ra["dco"] != "" }},

	"ploss gt 0": {why: noLoss, right: lostPart("sd", 0)}, "src ploss gt 0": {why: noLoss, right: lostPart("s", 0)},
	"dst ploss gt 0": {why: noLoss, right: lostPart("d", 0)}, "ploss gt 5": {why: noLoss, right: lostPart("sd", 5)},
	"retrans": {why: otherBits, only: proto("50")}, "src retrans": {why: otherBits, only: proto("50")}, "dst retrans": {why: otherBits, only: proto("50")},
	"pcr lt 0": {why: noRatio, right: func(ra row) bool { return columnOf(ra, "sappbytes") < columnOf(ra, "dappbytes") }},
	"pcr 0":    {why: noRatio, right: func(ra row) bool { return columnOf(ra, "sappbytes") == columnOf(ra, "dappbytes") }},

	"intpkt gt 5": {why: sideways, right: sideIs("sd", "intpkt", above(5))}, "src intpkt gt 5": {why: sideways, right: sideIs("s", "intpkt", above(5))},
	"jit gt 1":    {why: sideways + "; of active and idle times it prints another deviation", only: func(ra row) bool { return ra["sjit"]+ra["djit"] != "" }},
	"avgdur gt 5": {why: integerMean, right: func(ra row) bool { return columnOf(ra, "dur") > 5 }},
	"dur 0":       {why: onePacket, only: func(ra row) bool { return columnOf(ra, "spkts")+columnOf(ra, "dpkts") == 1 }},
	"dur eq 0":    {why: onePacket, only: func(ra row) bool { return columnOf(ra, "spkts")+columnOf(ra, "dpkts") == 1 }},
	"dur gt 0":    {why: onePacket, only: func(ra row) bool { return columnOf(ra, "spkts")+columnOf(ra, "dpkts") == 1 }},
	"vid gt 50":   {why: "it compares for equality, whatever the sign", right: sideIs("sd", "vlan", tag(func(tci int64) bool { return tci&0xfff > 50 }))},
	"vpri gt 1":   {why: "it compares other bits, and for equality", right: sideIs("sd", "vlan", tag(func(tci int64) bool { return tci>>13 > 1 }))},
	"mid gt 500":  {why: staleHeader, right: sideIs("sd", "mpls", above(500))},
	"vpri 5":      {why: "it compares other bits", right: sideIs("sd", "vlan", tag(func(tci int64) bool { return tci>>13 == 5 }))},
	"echo":        {why: notICMPv6, right: isEcho, only: proto("58")},
	"unreach":     {why: byQualifier, right: mapped("U", "UR"), only: func(ra row) bool { return proto("58")(ra) || mapped("I")(ra) }},
	"timexed":     {why: notICMPv6, right: mapped("T", "TX"), only: proto("58")},
	"redirect":    {why: noRedirect, right: mapped("R", "RED")},
	"start":       {why: causeBits, right: func(ra row) bool { return ra["cause"] == "Start" }},
	"status":      {why: causeBits, right: func(ra row) bool { return ra["cause"] == "Status" }},
	"normal":      {why: turnedState, only: func(ra row) bool { return ra["state"] == "CLO" }},
}

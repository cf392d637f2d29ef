//go:build linux

package ecosystem

import (
	"strconv"
	"strings"
)

// reason says why a tool prints another value than our reader. One that explains nothing any more fails the run.
type reason struct {
	why     string
	tools   string // those of whom it is known; empty is all
	columns string // in which it shows; empty is all
	corpus  bool   // only captures of the corpus have such records
	chance  bool   // whether it shows depends on what is in memory, or on when packets come
	is      func(c *cell) bool
}

var always = func(*cell) bool { return true }

// reasons are looked through from the first to the last.
var reasons = []reason{
	{why: "ra turns TCP records without SYN round by their port numbers", corpus: true, is: turned},
	{why: "3.0.8.2 writes MPLS labels at times so that nobody reads what stands behind", tools: "ra radium ranonymize ralabel rasort rastrip", chance: true, is: func(c *cell) bool {
		s, _ := c.of("smpls")
		d, _ := c.of("dmpls")
		return c.what != everyColumn && (s != "" || d != "")
	}},
	{why: "ra writes Broadcast for ff:ff:ff:ff:ff:ff", columns: "smac dmac saddr daddr", corpus: true, is: func(c *cell) bool {
		return c.theirs == "Broadcast" && c.ours == "ff:ff:ff:ff:ff:ff"
	}},
	{why: "ra has names for protocols and ethertypes that are numbers here", columns: "proto", corpus: true, is: func(c *cell) bool {
		_, err := strconv.ParseUint(c.ours, 0, 16)
		return err == nil
	}},
	{why: "ra knows no ports of SCTP, DCCP and UDP-Lite: it neither prints nor writes them", columns: "sport dport", corpus: true, is: func(c *cell) bool {
		proto, _ := c.of("proto")
		return (c.theirs == "" || c.theirs == "0") && (proto == "sctp" || proto == "33" || proto == "136")
	}},
	{why: "ra puts masks over the SPI of ESP", columns: "dport", corpus: true, is: func(c *cell) bool { return proto(c) == "esp" }},
	{why: "ra has fewer letters for encapsulations", columns: "flgs", corpus: true, is: func(c *cell) bool {
		letter := strings.NewReplacer("*", "e", "S", "e", "G", "e", "P", "e")
		return letter.Replace(c.ours) == letter.Replace(c.theirs)
	}},
	{why: "ra prints no letters of TCP's status in flgs for IPv6", columns: "flgs", corpus: true, is: func(c *cell) bool {
		address, _ := c.of("saddr")
		return strings.Contains(address, ":") && proto(c) == "tcp"
	}},
	{why: "racount counts a management record, whatever the filter is", tools: "racount", columns: "records", is: func(c *cell) bool {
		name, _ := c.of("proto")
		return name == "sum"
	}},
	{why: "ra turns TCP records without SYN round by their port numbers", tools: "racount", columns: "spkts dpkts sbytes dbytes", corpus: true, is: always},
	{why: "rabins has a packet more or less in a bin, of records that span some", tools: "rabins", columns: "spkts dpkts sbytes dbytes", chance: true, is: func(c *cell) bool {
		a, err := strconv.Atoi(c.ours)
		b, other := strconv.Atoi(c.theirs)
		d := max(a-b, b-a)
		return err == nil && other == nil && (d <= 2 || strings.HasSuffix(c.column, "bytes") && d <= 2*1514)
	}},
	{why: "of TCP without packets of the source ra prints neither the destination's window nor its losses in the sum", columns: "dwin loss", corpus: true, is: func(c *cell) bool {
		packets, _ := c.of("spkts")
		return packets == "0" && (c.theirs == "" || c.theirs == "0")
	}},
	{why: "ra reads an MPLS label of the destination that is not there", columns: "dmpls", chance: true, is: func(c *cell) bool {
		packets, _ := c.of("spkts")
		return packets == "0"
	}},
	{why: "ra prints the error that answered an echo as its state, and another name of an error of IPv6", columns: "state", corpus: true, is: func(c *cell) bool {
		return strings.Contains(proto(c), "icmp")
	}},
	{why: "ra's times end in 2038, and begin again", columns: "stime ltime dur file records packets octets", corpus: true, is: func(c *cell) bool {
		if file, _ := c.of("file"); file != "" {
			year := strings.Split(file, "/")[2]
			return year > "2037" || year < "1971"
		}
		at, _ := c.of("ltime")
		seconds, err := strconv.ParseFloat(at, 64)
		return err == nil && seconds >= 1<<31-1
	}},
	{why: "ra writes 0 for what the record does not have", columns: "sintpkt dintpkt sjit djit dtcpb stcpb sintpktact dintpktact sintpktidl dintpktidl", is: func(c *cell) bool {
		v, err := strconv.ParseFloat(c.theirs, 64)
		return c.ours == "" && err == nil && v == 0
	}},
	{why: "argus writes deviations that are no number, which are 0 here", columns: "sjit djit sjitact djitact sjitidl djitidl", chance: true, is: func(c *cell) bool { return strings.HasSuffix(c.theirs, "nan") }},
	{why: "the store keeps whole microseconds between packets", tools: "store", columns: "sintpkt dintpkt sjit djit sintpktact dintpktact sjitact djitact sintpktidl dintpktidl sjitidl djitidl", chance: true, is: func(c *cell) bool {
		a, err := strconv.ParseFloat(c.ours, 64)
		b, other := strconv.ParseFloat(c.theirs, 64)
		return err == nil && other == nil && max(a-b, b-a) < 0.00101
	}},
	{why: "ra mixes milliseconds and microseconds where it joins active and idle times", columns: "sjit djit sintpkt dintpkt", corpus: true, is: func(c *cell) bool { return proto(c) == "tcp" }},
}

func proto(c *cell) string {
	p, _ := c.of("proto")
	return p
}

// turned tells whether the other has the same TCP record with its sides exchanged.
func turned(c *cell) bool {
	if proto(c) != "tcp" {
		return false
	}
	for _, pair := range [][2]string{{"saddr", "daddr"}, {"sport", "dport"}, {"sbytes", "dbytes"}} {
		a, x := c.of(pair[0])
		b, y := c.of(pair[1])
		if a != b && a == y && b == x {
			return true
		}
	}
	return false
}

package agent

import (
	"flag"
	"fmt"
	"time"
)

// timeout is a setting of argus.conf that says how long a flow is kept without a packet.
type timeout struct {
	flag  string
	value *time.Duration
	of    string
}

func (c *Config) timeouts() []timeout {
	t := &c.Timeouts
	return []timeout{
		{"ip-timeout", &t.IP, "UDP and other protocols of IP"}, {"tcp-timeout", &t.TCP, "TCP connections that are not established"},
		{"tcp-fallow-timeout", &t.Fallow, "established ones, beyond that"}, {"icmp-timeout", &t.ICMP, "ICMP"}, {"igmp-timeout", &t.IGMP, "IGMP"},
		{"frag-timeout", &t.Fragment, "fragments"}, {"arp-timeout", &t.ARP, "ARP"}, {"other-timeout", &t.Other, "what is not IP"},
	}
}

// timeoutFlags defines their flags, which help leaves out: they are for who has an argus.conf.
func (c *Config) timeoutFlags(set *flag.FlagSet) {
	for _, t := range c.timeouts() {
		set.Var((*seconds)(t.value), t.flag, "hidden: forget flows of "+t.of+" after `seconds` of silence; 0: as Argus does")
	}
}

const (
	leastTimeout = time.Second
	mostTimeout  = 65534 * time.Second // as Argus
)

func (c *Config) checkTimeouts() error {
	for _, t := range c.timeouts() {
		if *t.value != 0 && (*t.value < leastTimeout || *t.value > mostTimeout) {
			return fmt.Errorf("%s of %s: want a time from %s to %s, or 0 for what Argus does", t.flag, *t.value, leastTimeout, mostTimeout)
		}
	}
	return nil
}

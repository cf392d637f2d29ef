package flow

// begins tells who began the flow whose first packet is p: swap when it was the receiver.
func (c *Config) begins(p *Packet) (by Initiator, swap bool) {
	switch {
	case p.Family == FamilyARP && p.Type == 1, p.Family == FamilyRARP && p.Type == 3:
		return InitiatorSeen, false
	case p.IsTCP() && p.Has&HasLaterFragment == 0:
		switch p.TCP.Flags & (SYN | ACK) {
		case SYN:
			return InitiatorSeen, false
		case SYN | ACK:
			return InitiatorAnswer, true
		}
		return c.beganBefore(&p.Key)
	case p.Proto == ProtoICMP || p.Proto == ProtoICMPv6:
		if exchange, oneWay := icmpExchange(p.Proto, p.Type); !oneWay && uint8(exchange>>8) == uint8(p.Type>>8) {
			return InitiatorSeen, false
		}
	}
	return InitiatorGuessed, false
}

// beganBefore tells who began a TCP connection that is older than its first packet seen, whose key is k.
func (c *Config) beganBefore(k *Key) (by Initiator, swap bool) {
	if swap, known := c.localEnd(k); known {
		return InitiatorListener, swap
	}
	if src, dst := isService(k.SrcPort), isService(k.DstPort); src != dst {
		return InitiatorPort, src
	}
	return InitiatorGuessed, false
}

// ephemeral is the first of the ports that systems take for connections of their own: 32768 on Linux, 49152 elsewhere
// (RFC 6335 section 6).
const ephemeral = 32768

// localEnd asks the end that is this host's: if it listens on its port the other one began, if not and the port is
// ephemeral, it did itself.
func (c *Config) localEnd(k *Key) (swap, known bool) {
	if c.Local == nil {
		return false, false
	}
	srcHere, srcListens := c.Local(k.SrcAddr(), k.SrcPort)
	dstHere, dstListens := c.Local(k.DstAddr(), k.DstPort)
	if srcListens || dstListens {
		return srcListens, srcListens != dstListens
	}
	src, dst := srcHere && k.SrcPort >= ephemeral, dstHere && k.DstPort >= ephemeral
	return dst, src != dst
}

// isService tells whether a TCP port is one on which servers listen: a system port (RFC 6335 section 6) or one of the
// registered or customary ones that are met most: databases, message brokers, proxies, VoIP, chat and remote desktops.
func isService(port uint16) bool {
	switch port {
	case 1080, 1194, 1433, 1521, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3269, 3306, 3389,
		5000, 5060, 5061, 5222, 5223, 5269, 5432, 5601, 5671, 5672, 5900, 5984, 5985, 5986, 6379, 6443, 6667, 6697,
		8000, 8008, 8080, 8081, 8086, 8088, 8443, 8883, 8888, 9000, 9042, 9090, 9092, 9100, 9200, 9300, 9418, 9443,
		10250, 11211, 15672, 27017:
		return true
	}
	return 0 < port && port < 1024
}

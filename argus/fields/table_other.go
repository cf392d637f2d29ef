package fields

// otherFields are known, but not in All: second names, what depends on the run and not on the record, what only sensors of
// UDT and of 802.11 measure (0 where ra prints it of every other flow), and what only other tools know (empty).
var otherFields = [...]field{
	{"node", "Node", 18, text, sum, nil, appendMonitor},
	{"sname", "SrcName", 18, address, src, nil, appendAddr},
	{"dname", "DstName", 18, address, dst, nil, appendAddr},
	{"smacoui", "sMacOui", 18, text, src, nil, appendMAC},
	{"dmacoui", "dMacOui", 18, text, dst, nil, appendMAC},
	{"runtime", "RunTime", 10, real, sumOf, lasting, nil},

	{"rank", "Rank", 5, running, 0, nil, nil},
	{"autoid", "AutoId", 6, whole, 0, zero, nil}, {"score", "Score", 5, whole, 0, zero, nil},
	{"idle", "IdleTime", 10, running, 0, nil, nil},
	{"rtime", "RelTime", 12, running, 0, nil, nil},
	{"dlstime", "dlsTime", 12, running, 0, nil, nil},
	{"dlltime", "dllTime", 12, real, 0, lastElsewhere, nil},
	{"dldur", "dlDur", 12, real, 0, durationElsewhere, nil},

	{"retrans", "Retrans", 7, whole, sum | udtRetrans, udt, nil}, {"sretrans", "SrcRetra", 8, whole, src | udtRetrans, udt, nil}, {"dretrans", "DstRetra", 8, whole, dst | udtRetrans, udt, nil},
	{"pretrans", "pRetran", 7, real, sum | udtRetrans, udtPercent, nil}, {"spretrans", "pSrcRetr", 8, real, src | udtRetrans, udtPercent, nil}, {"dpretrans", "pDstRetr", 8, real, dst | udtRetrans, udtPercent, nil},
	{"nacks", "Nacks", 7, whole, sum | udtNacks, udt, nil}, {"snacks", "SrcNacks", 8, whole, src | udtNacks, udt, nil}, {"dnacks", "DstNacks", 8, whole, dst | udtNacks, udt, nil},
	{"pnacks", "pNacks", 7, real, sum | udtNacks, udtPercent, nil}, {"spnacks", "pSrcNack", 8, real, src | udtNacks, udtPercent, nil}, {"dpnacks", "pDstNack", 8, real, dst | udtNacks, udtPercent, nil},
	{"solo", "Solo", 7, whole, sum | udtSolo, udt, nil}, {"ssolo", "SrcSolo", 8, whole, src | udtSolo, udt, nil}, {"dsolo", "DstSolo", 8, whole, dst | udtSolo, udt, nil},
	{"psolo", "pSolo", 7, real, sum | udtSolo, udtPercent, nil}, {"spsolo", "pSrcSolo", 8, real, src | udtSolo, udtPercent, nil}, {"dpsolo", "pDstSolo", 8, real, dst | udtSolo, udtPercent, nil},
	{"first", "First", 7, whole, sum | udtFirst, udt, nil}, {"sfirst", "SrcFirst", 8, whole, src | udtFirst, udt, nil}, {"dfirst", "DstFirst", 8, whole, dst | udtFirst, udt, nil},
	{"pfirst", "pFirst", 7, real, sum | udtFirst, udtPercent, nil}, {"spfirst", "pSrcFirs", 8, real, src | udtFirst, udtPercent, nil}, {"dpfirst", "pDstFirs", 8, real, dst | udtFirst, udtPercent, nil},

	{"offset", "Offset", 12, text, 0, nil, nothing}, {"bins", "Bins", 7, text, 0, nil, nothing}, {"binnum", "Bin", 7, text, 0, nil, nothing},
	{"srng", "SRange", 6, text, 0, nil, nothing}, {"erng", "ERange", 6, text, 0, nil, nothing}, {"status", "Status", 6, text, 0, nil, nothing},
	{"lnet", "LocalNet", 18, text, 0, nil, nothing}, {"rnet", "RemoteNet", 18, text, 0, nil, nothing}, {"ico", "iCo", 3, text, 0, nil, nothing},
	{"tcpext", "TcpExt", 12, text, 0, nil, nothing}, {"jdelay", "JDelay", 12, text, 0, nil, nothing}, {"ldelay", "LDelay", 12, text, 0, nil, nothing},
	{"bssid", "Bssid", 18, text, 0, nil, appendBSSID}, {"ssid", "Ssid", 9, text, 0, nil, appendSSID},
	{"sencbuf", "sEncBuf", 12, text, 0, nil, nothing}, {"dencbuf", "dEncBuf", 12, text, 0, nil, nothing},
	{"intflow", "IntFlow", 12, text, 0, nil, nothing}, {"intflowmax", "IntFlowMax", 12, text, 0, nil, nothing},
	{"intflowmin", "IntFlowMin", 12, text, 0, nil, nothing}, {"intflowsdev", "IntFlowSDev", 12, text, 0, nil, nothing},
	{"actintflow", "ActIntFlow", 12, text, 0, nil, nothing}, {"actintflowmax", "ActIntFlowMax", 13, text, 0, nil, nothing},
	{"actintflowmin", "ActIntFlowMin", 13, text, 0, nil, nothing}, {"actintflowsdev", "ActIntFlowSDev", 14, text, 0, nil, nothing},
	{"idleintflow", "IdleIntFlow", 12, text, 0, nil, nothing}, {"idleintflowmax", "IdleIntFlowMax", 14, text, 0, nil, nothing},
	{"idleintflowmin", "IdleIntFlowMin", 14, text, 0, nil, nothing}, {"idleintflowsdev", "IdleIntFlowSDev", 15, text, 0, nil, nothing},
	{"dlspkt", "dsPkts", 6, signed, src, packetsElsewhere, nil}, {"dldpkt", "ddPkts", 6, signed, dst, packetsElsewhere, nil},
	{"dspkts", "dsPkts", 12, signed, src, packetsElsewhere, nil}, {"ddpkts", "ddPkts", 12, signed, dst, packetsElsewhere, nil},
	{"dsbytes", "dsBytes", 12, text, 0, nil, nothing}, {"ddbytes", "ddBytes", 12, text, 0, nil, nothing},
	{"pdspkts", "pdsPkt", 12, text, 0, nil, nothing}, {"pddpkts", "pddPkt", 12, text, 0, nil, nothing},
	{"pdsbytes", "pdsByte", 12, text, 0, nil, nothing}, {"pddbytes", "pddByte", 12, text, 0, nil, nothing},
	{"cor", "Cor", 12, address, 0, nil, appendElsewhere},
}

package fields

// otherFields are known, but not in All: second names, what depends on the run and not on the record, what only sensors of
// UDT and of 802.11 measure (0 where ra prints it of every other flow), and what only other tools know (empty).
var otherFields = [...]field{
	{"node", "Node", 18, text, sum, nil, appendMonitor},
	{"sname", "SrcName", 18, address, src, nil, appendAddr},
	{"dname", "DstName", 18, address, dst, nil, appendAddr},
	{"smacoui", "sMacOui", 18, text, src, nil, appendMAC},
	{"dmacoui", "dMacOui", 18, text, dst, nil, appendMAC},
	{"runtime", "RunTime", 10, real, sum, durationSum, nil},

	{"rank", "Rank", 5, running, 0, nil, nil},
	{"autoid", "AutoId", 6, whole, 0, zero, nil}, {"score", "Score", 5, whole, 0, zero, nil},
	{"idle", "IdleTime", 10, running, 0, nil, nil},
	{"rtime", "RelTime", 12, running, 0, nil, nil},
	{"dlstime", "dlsTime", 12, running, 0, nil, nil},
	{"dlltime", "dllTime", 12, real, 0, lastElsewhere, nil},
	{"dldur", "dlDur", 12, real, 0, durationElsewhere, nil},

	{"retrans", "Retrans", 7, whole, sum, udtRetrans, nil}, {"sretrans", "SrcRetra", 8, whole, src, udtRetrans, nil}, {"dretrans", "DstRetra", 8, whole, dst, udtRetrans, nil},
	{"pretrans", "pRetran", 7, real, sum, percentRetrans, nil}, {"spretrans", "pSrcRetr", 8, real, src, percentRetrans, nil}, {"dpretrans", "pDstRetr", 8, real, dst, percentRetrans, nil},
	{"nacks", "Nacks", 7, whole, sum, udtNacks, nil}, {"snacks", "SrcNacks", 8, whole, src, udtNacks, nil}, {"dnacks", "DstNacks", 8, whole, dst, udtNacks, nil},
	{"pnacks", "pNacks", 7, real, sum, percentNacks, nil}, {"spnacks", "pSrcNack", 8, real, src, percentNacks, nil}, {"dpnacks", "pDstNack", 8, real, dst, percentNacks, nil},
	{"solo", "Solo", 7, whole, sum, udtSolo, nil}, {"ssolo", "SrcSolo", 8, whole, src, udtSolo, nil}, {"dsolo", "DstSolo", 8, whole, dst, udtSolo, nil},
	{"psolo", "pSolo", 7, real, sum, percentSolo, nil}, {"spsolo", "pSrcSolo", 8, real, src, percentSolo, nil}, {"dpsolo", "pDstSolo", 8, real, dst, percentSolo, nil},
	{"first", "First", 7, whole, sum, udtFirst, nil}, {"sfirst", "SrcFirst", 8, whole, src, udtFirst, nil}, {"dfirst", "DstFirst", 8, whole, dst, udtFirst, nil},
	{"pfirst", "pFirst", 7, real, sum, percentFirst, nil}, {"spfirst", "pSrcFirs", 8, real, src, percentFirst, nil}, {"dpfirst", "pDstFirs", 8, real, dst, percentFirst, nil},

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

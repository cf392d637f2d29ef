package fields

// otherFields are known, but not in All: second names, what depends on the run and not on the record, what only sensors of
// UDT measure (0, as ra prints it of every other flow), and what only other tools know (empty).
var otherFields = [...]field{
	{"node", "Node", 18, text, sum, nil, appendMonitor},
	{"sname", "SrcName", 18, address, src, nil, appendAddr},
	{"dname", "DstName", 18, address, dst, nil, appendAddr},
	{"smacoui", "sMacOui", 18, text, src, nil, appendMAC},
	{"dmacoui", "dMacOui", 18, text, dst, nil, appendMAC},
	{"runtime", "RunTime", 10, real, sum, durationSum, nil},

	{"rank", "Rank", 5, running, 0, nil, nil},
	{"autoid", "AutoId", 6, whole, 0, zero, nil},
	{"idle", "IdleTime", 10, running, 0, nil, nil},
	{"rtime", "RelTime", 12, running, 0, nil, nil},
	{"dlstime", "dlsTime", 12, running, 0, nil, nil},
	{"dlltime", "dllTime", 12, running, 0, nil, nil},
	{"dldur", "dlDur", 10, running, 0, nil, nil},

	{"retrans", "Retrans", 7, whole, 0, zero, nil}, {"sretrans", "SrcRetra", 8, whole, 0, zero, nil}, {"dretrans", "DstRetra", 8, whole, 0, zero, nil},
	{"pretrans", "pRetran", 7, real, 0, zero, nil}, {"spretrans", "pSrcRetr", 8, real, 0, zero, nil}, {"dpretrans", "pDstRetr", 8, real, 0, zero, nil},
	{"nacks", "Nacks", 7, whole, 0, zero, nil}, {"snacks", "SrcNacks", 8, whole, 0, zero, nil}, {"dnacks", "DstNacks", 8, whole, 0, zero, nil},
	{"pnacks", "pNacks", 7, real, 0, zero, nil}, {"spnacks", "pSrcNack", 8, real, 0, zero, nil}, {"dpnacks", "pDstNack", 8, real, 0, zero, nil},
	{"solo", "Solo", 7, whole, 0, zero, nil}, {"ssolo", "SrcSolo", 8, whole, 0, zero, nil}, {"dsolo", "DstSolo", 8, whole, 0, zero, nil},
	{"psolo", "pSolo", 7, real, 0, zero, nil}, {"spsolo", "pSrcSolo", 8, real, 0, zero, nil}, {"dpsolo", "pDstSolo", 8, real, 0, zero, nil},
	{"first", "First", 7, whole, 0, zero, nil}, {"sfirst", "SrcFirst", 8, whole, 0, zero, nil}, {"dfirst", "DstFirst", 8, whole, 0, zero, nil},
	{"pfirst", "pFirst", 7, real, 0, zero, nil}, {"spfirst", "pSrcFirs", 8, real, 0, zero, nil}, {"dpfirst", "pDstFirs", 8, real, 0, zero, nil},

	{"offset", "Offset", 12, text, 0, nil, nothing}, {"bins", "Bins", 7, text, 0, nil, nothing}, {"binnum", "Bin", 7, text, 0, nil, nothing},
	{"srng", "SRange", 6, text, 0, nil, nothing}, {"erng", "ERange", 6, text, 0, nil, nothing}, {"status", "Status", 6, text, 0, nil, nothing},
	{"lnet", "LocalNet", 18, text, 0, nil, nothing}, {"rnet", "RemoteNet", 18, text, 0, nil, nothing}, {"ico", "iCo", 3, text, 0, nil, nothing},
	{"tcpext", "TcpExt", 12, text, 0, nil, nothing}, {"jdelay", "JDelay", 12, text, 0, nil, nothing}, {"ldelay", "LDelay", 12, text, 0, nil, nothing},
	{"bssid", "Bssid", 18, text, 0, nil, nothing}, {"ssid", "Ssid", 9, text, 0, nil, nothing},
	{"sencbuf", "sEncBuf", 12, text, 0, nil, nothing}, {"dencbuf", "dEncBuf", 12, text, 0, nil, nothing},
	{"intflow", "IntFlow", 12, text, 0, nil, nothing}, {"intflowmax", "IntFlowMax", 12, text, 0, nil, nothing},
	{"intflowmin", "IntFlowMin", 12, text, 0, nil, nothing}, {"intflowsdev", "IntFlowSDev", 12, text, 0, nil, nothing},
	{"actintflow", "ActIntFlow", 12, text, 0, nil, nothing}, {"actintflowmax", "ActIntFlowMax", 13, text, 0, nil, nothing},
	{"actintflowmin", "ActIntFlowMin", 13, text, 0, nil, nothing}, {"actintflowsdev", "ActIntFlowSDev", 14, text, 0, nil, nothing},
	{"idleintflow", "IdleIntFlow", 12, text, 0, nil, nothing}, {"idleintflowmax", "IdleIntFlowMax", 14, text, 0, nil, nothing},
	{"idleintflowmin", "IdleIntFlowMin", 14, text, 0, nil, nothing}, {"idleintflowsdev", "IdleIntFlowSDev", 15, text, 0, nil, nothing},
	{"dlspkt", "dsPkts", 6, text, 0, nil, nothing}, {"dldpkt", "ddPkts", 6, text, 0, nil, nothing},
	{"dspkts", "dsPkts", 12, text, 0, nil, nothing}, {"ddpkts", "ddPkts", 12, text, 0, nil, nothing},
	{"dsbytes", "dsBytes", 12, text, 0, nil, nothing}, {"ddbytes", "ddBytes", 12, text, 0, nil, nothing},
	{"pdspkts", "pdsPkt", 12, text, 0, nil, nothing}, {"pddpkts", "pddPkt", 12, text, 0, nil, nothing},
	{"pdsbytes", "pdsByte", 12, text, 0, nil, nothing}, {"pddbytes", "pddByte", 12, text, 0, nil, nothing},
	{"cor", "Cor", 12, text, 0, nil, nothing},
}

package fields

// intervalFields are those of the times between packets: mean, extremes, deviation and distribution, in milliseconds.
var intervalFields = [...]field{
	{"sintpkt", "SIntPkt", 12, real, src, betweenPackets, nil},
	{"sintpktmax", "SIntPktMax", 12, real, src | maxTime, betweenPackets, nil},
	{"sintpktmin", "SIntPktMin", 12, real, src | minTime, betweenPackets, nil},
	{"sjit", "SrcJitter", 12, real, src | jitterTime, betweenPackets, nil},
	{"sintdist", "SIntDist", 8, text, src, nil, appendBins},
	{"dintpkt", "DIntPkt", 12, real, dst, betweenPackets, nil},
	{"dintpktmax", "DIntPktMax", 12, real, dst | maxTime, betweenPackets, nil},
	{"dintpktmin", "DIntPktMin", 12, real, dst | minTime, betweenPackets, nil},
	{"djit", "DstJitter", 12, real, dst | jitterTime, betweenPackets, nil},
	{"dintdist", "DIntDist", 8, text, dst, nil, appendBins},
	{"sintpktact", "SIntPktAct", 12, real, src | activeTimes, betweenPackets, nil},
	{"sintpktactmax", "SIPActMax", 12, real, src | activeTimes | maxTime, betweenPackets, nil},
	{"sintpktactmin", "SIPActMin", 12, real, src | activeTimes | minTime, betweenPackets, nil},
	{"sjitact", "SrcJitAct", 12, real, src | activeTimes | jitterTime, betweenPackets, nil},
	{"sintdistact", "SIntActDist", 11, text, src | activeTimes, nil, appendBins},
	{"dintpktact", "DIntPktAct", 12, real, dst | activeTimes, betweenPackets, nil},
	{"dintpktactmax", "DIPActMax", 12, real, dst | activeTimes | maxTime, betweenPackets, nil},
	{"dintpktactmin", "DIPActMin", 12, real, dst | activeTimes | minTime, betweenPackets, nil},
	{"djitact", "DstJitAct", 12, real, dst | activeTimes | jitterTime, betweenPackets, nil},
	{"dintdistact", "DIntActDist", 11, text, dst | activeTimes, nil, appendBins},
	{"sintpktidl", "SIntPktIdl", 12, real, src | idleTimes, betweenPackets, nil},
	{"sintpktidlmax", "SIPIdlMax", 12, real, src | idleTimes | maxTime, betweenPackets, nil},
	{"sintpktidlmin", "SIPIdlMin", 12, real, src | idleTimes | minTime, betweenPackets, nil},
	{"sjitidl", "SrcJitIdl", 12, real, src | idleTimes | jitterTime, betweenPackets, nil},
	{"sintdistidl", "SIntIdlDist", 11, text, src | idleTimes, nil, appendBins},
	{"dintpktidl", "DIntPktIdl", 12, real, dst | idleTimes, betweenPackets, nil},
	{"dintpktidlmax", "DIPIdlMax", 12, real, dst | idleTimes | maxTime, betweenPackets, nil},
	{"dintpktidlmin", "DIPIdlMin", 12, real, dst | idleTimes | minTime, betweenPackets, nil},
	{"djitidl", "DstJitIdl", 12, real, dst | idleTimes | jitterTime, betweenPackets, nil},
	{"dintdistidl", "DIntIdlDist", 11, text, dst | idleTimes, nil, appendBins},
}

// tunnelFields are those of the packets around the flow's.
var tunnelFields = [...]field{
	{"sgreaddr", "sGreAddr", 18, address, src, nil, appendGREEnd},
	{"dgreaddr", "dGreAddr", 18, address, dst, nil, appendGREEnd},
	{"greproto", "GreProto", 8, hex, sum, greProto, nil},
	{"sgenaddr", "sGenAddr", 18, address, src, nil, appendGeneveEnd},
	{"dgenaddr", "dGenAddr", 18, address, dst, nil, appendGeneveEnd},
	{"genproto", "GenProto", 8, hex, sum, geneveProto, nil},
	{"svnid", "sVnid", 10, whole, src, vxlanID, nil},
	{"dvnid", "dVnid", 10, whole, dst, vxlanID, nil},
}

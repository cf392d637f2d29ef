package fields

// intervalFields are those of the times between packets: mean, extremes, deviation and distribution, in milliseconds.
var intervalFields = [...]field{
	{"sintpkt", "SIntPkt", 12, real, src, meanOfBoth, nil},
	{"sintpktmax", "SIntPktMax", 12, real, src, maxOfBoth, nil},
	{"sintpktmin", "SIntPktMin", 12, real, src, minOfBoth, nil},
	{"sjit", "SrcJitter", 12, real, src, jitterOfBoth, nil},
	{"sintdist", "SIntDist", 8, text, src, nil, appendBins},
	{"dintpkt", "DIntPkt", 12, real, dst, meanOfBoth, nil},
	{"dintpktmax", "DIntPktMax", 12, real, dst, maxOfBoth, nil},
	{"dintpktmin", "DIntPktMin", 12, real, dst, minOfBoth, nil},
	{"djit", "DstJitter", 12, real, dst, jitterOfBoth, nil},
	{"dintdist", "DIntDist", 8, text, dst, nil, appendBins},
	{"sintpktact", "SIntPktAct", 12, real, src, meanActive, nil},
	{"sintpktactmax", "SIPActMax", 12, real, src, maxActive, nil},
	{"sintpktactmin", "SIPActMin", 12, real, src, minActive, nil},
	{"sjitact", "SrcJitAct", 12, real, src, jitterActive, nil},
	{"sintdistact", "SIntActDist", 11, text, src, nil, appendActiveBins},
	{"dintpktact", "DIntPktAct", 12, real, dst, meanActive, nil},
	{"dintpktactmax", "DIPActMax", 12, real, dst, maxActive, nil},
	{"dintpktactmin", "DIPActMin", 12, real, dst, minActive, nil},
	{"djitact", "DstJitAct", 12, real, dst, jitterActive, nil},
	{"dintdistact", "DIntActDist", 11, text, dst, nil, appendActiveBins},
	{"sintpktidl", "SIntPktIdl", 12, real, src, meanIdle, nil},
	{"sintpktidlmax", "SIPIdlMax", 12, real, src, maxIdle, nil},
	{"sintpktidlmin", "SIPIdlMin", 12, real, src, minIdle, nil},
	{"sjitidl", "SrcJitIdl", 12, real, src, jitterIdle, nil},
	{"sintdistidl", "SIntIdlDist", 11, text, src, nil, appendIdleBins},
	{"dintpktidl", "DIntPktIdl", 12, real, dst, meanIdle, nil},
	{"dintpktidlmax", "DIPIdlMax", 12, real, dst, maxIdle, nil},
	{"dintpktidlmin", "DIPIdlMin", 12, real, dst, minIdle, nil},
	{"djitidl", "DstJitIdl", 12, real, dst, jitterIdle, nil},
	{"dintdistidl", "DIntIdlDist", 11, text, dst, nil, appendIdleBins},
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

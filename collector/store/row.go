package store

// Row is a flow record as the files of the table flows hold it. The names are those of ra where it has one; docs/store.md
// describes each. Numbers are signed or at most 32 bits wide where that loses nothing, because some engines have no others;
// times are microseconds since 1970, UTC. The encodings are those that came out smallest on real flows.
type Row struct {
	Monitor   string `parquet:"monitor,dict"`                    // UUID
	Interface string `parquet:"interface,dict"`                  // at most four characters
	Epoch     string `parquet:"epoch,dict"`                      // 16 hexadecimal digits
	Sequence  int64  `parquet:"sequence,delta"`                  // of the record in its epoch
	Received  int64  `parquet:"received,timestamp(microsecond)"` // by the collector's clock

	STime int64 `parquet:"stime,timestamp(microsecond),delta"` // first packet of the interval
	LTime int64 `parquet:"ltime,timestamp(microsecond),delta"` // last packet of the interval
	// The times of the sides, in microseconds after STime or before LTime, less what follows from the rest (predict.go).
	SrcAfter  int64 `parquet:"safter"`
	SrcBefore int64 `parquet:"sbefore"`
	DstAfter  int64 `parquet:"dafter"`
	DstBefore int64 `parquet:"dbefore,dict"`
	Age       int64 `parquet:"age"` // from the flow's first packet to STime, microseconds

	Family uint8  `parquet:"family,dict"` // 1 IPv4, 2 IPv6, 3 Ethernet, 4 ARP, 5 RARP
	Proto  uint8  `parquet:"proto,dict"`  // IP protocol number
	SAddr  string `parquet:"saddr,dict"`
	DAddr  string `parquet:"daddr,dict"`
	SPort  uint16 `parquet:"sport,delta"`
	DPort  uint16 `parquet:"dport"`
	Type   uint16 `parquet:"type,dict"` // ICMP type and code, or ethertype

	SPkts     int64 `parquet:"spkts"`
	DPkts     int64 `parquet:"dpkts"`
	SBytes    int64 `parquet:"sbytes,dict"` // frames
	DBytes    int64 `parquet:"dbytes"`
	SL2More   int64 `parquet:"sl2more,dict"` // sbytes - 14 * spkts - sl2more are the octets of IP
	DL2More   int64 `parquet:"dl2more,dict"`
	SAppBytes int64 `parquet:"sappbytes,dict"` // payload
	DAppBytes int64 `parquet:"dappbytes"`

	State     string `parquet:"state,dict"`      // as ra prints it
	ConnState string `parquet:"conn_state,dict"` // as Zeek names it
	History   string `parquet:"history,dict"`    // in Zeek's letters
	Cause     uint8  `parquet:"cause,dict"`
	End       uint8  `parquet:"endreason,dict"` // IPFIX flowEndReason, 0: goes on
	Initiator uint8  `parquet:"initiator,dict"` // flow.Initiator
	FlowID    uint64 `parquet:"flowid"`
	Label     string `parquet:"label,dict"`

	SMAC      string `parquet:"smac,dict"`
	DMAC      string `parquet:"dmac,dict"`
	EtherType uint16 `parquet:"etype,dict"`
	SVLAN     uint16 `parquet:"svlan,dict"` // TCI
	DVLAN     uint16 `parquet:"dvlan,dict"`
	SMPLS     uint32 `parquet:"smpls,dict"`
	DMPLS     uint32 `parquet:"dmpls,dict"`
	SEnc      uint32 `parquet:"senc,dict"`
	DEnc      uint32 `parquet:"denc,dict"`

	STTL     uint8  `parquet:"sttl,dict"`
	DTTL     uint8  `parquet:"dttl,dict"`
	STOS     uint8  `parquet:"stos,dict"`
	DTOS     uint8  `parquet:"dtos,dict"`
	SIPID    uint16 `parquet:"sipid,delta"`
	DIPID    uint16 `parquet:"dipid,delta"`
	SIPOpts  uint32 `parquet:"sipopts,dict"`
	DIPOpts  uint32 `parquet:"dipopts,dict"`
	ICMP     uint8  `parquet:"icmp,dict"` // an ICMP message spoke of the flow
	ESPLost  uint32 `parquet:"esplost,dict"`
	Presence uint32 `parquet:"presence,dict"` // which optional parts were there

	TCPStatus  uint32 `parquet:"tcpstatus,dict"`
	TCPOptions uint32 `parquet:"tcpopt,dict"`
	SynAck     int64  `parquet:"synack"`         // SYN to SYN/ACK, microseconds
	AckDat     int64  `parquet:"ackdat"`         // SYN/ACK to ACK
	SFlags     uint8  `parquet:"stcpflags,dict"` // whole flow
	DFlags     uint8  `parquet:"dtcpflags,dict"`
	SFlagsNow  uint8  `parquet:"stcpflagsnow,dict"` // this interval
	DFlagsNow  uint8  `parquet:"dtcpflagsnow,dict"`
	SBase      uint32 `parquet:"stcpb"` // initial sequence number
	DBase      uint32 `parquet:"dtcpb"`
	SResent    int32  `parquet:"sresent,dict"` // octets of sappbytes that had been seen before
	DResent    int32  `parquet:"dresent,dict"`
	SGap       int32  `parquet:"sgap,dict"` // octets of data not seen; below 0 earlier holes were filled
	DGap       int32  `parquet:"dgap,dict"`
	SShort     int32  `parquet:"sshort,dict"` // sequence space used less payload: what is missing or came twice
	DShort     int32  `parquet:"dshort,dict"`
	SInFlight  uint32 `parquet:"sinflight"` // octets that the other side has not acknowledged
	DInFlight  uint32 `parquet:"dinflight,dict"`
	SAckMore   int32  `parquet:"sackmore,dict"` // the last acknowledgement less what follows from the other side's octets in flight
	DAckMore   int32  `parquet:"dackmore,dict"`
	SRetrans   uint32 `parquet:"sretrans,dict"`
	DRetrans   uint32 `parquet:"dretrans,dict"`
	SWin       uint16 `parquet:"swin,dict"` // unscaled
	DWin       uint16 `parquet:"dwin,dict"`
	SShift     uint8  `parquet:"swinshift,dict"`
	DShift     uint8  `parquet:"dwinshift,dict"`
	SMSS       uint16 `parquet:"smss,dict"`
	DMSS       uint16 `parquet:"dmss,dict"`
	SUnordered uint32 `parquet:"sooo,dict"` // segments that filled a hole
	DUnordered uint32 `parquet:"dooo,dict"`
	SDupAcks   uint32 `parquet:"sdupack,dict"`
	DDupAcks   uint32 `parquet:"ddupack,dict"`
	SUnseen    uint32 `parquet:"sunseen,dict"` // octets acknowledged that nobody saw
	DUnseen    uint32 `parquet:"dunseen,dict"`
	STurns     uint32 `parquet:"sturns,dict"` // acknowledgements that moved the other side's window
	DTurns     uint32 `parquet:"dturns,dict"`
	SStrokes   uint32 `parquet:"snstroke,dict"`
	DStrokes   uint32 `parquet:"dnstroke,dict"`

	// Of frames, octets; predict.go says when they are 0 because they follow from the rest.
	SMinSize uint16 `parquet:"sminsz,dict"`
	SMaxSize uint16 `parquet:"smaxsz,dict"`
	SSizes   uint32 `parquet:"spktsz,dict"` // eight counts of four bits
	DMinSize uint16 `parquet:"dminsz,dict"`
	DMaxSize uint16 `parquet:"dmaxsz,dict"`
	DSizes   uint32 `parquet:"dpktsz,dict"`

	// Times between packets, microseconds. Plain integers of 32 bits are the smallest where many rows have 0.
	SActCount uint32 `parquet:"sintact,dict"` // how many while data moves; the others, while it rests, are spkts - 1 - sintact + sintmore
	DActCount uint32 `parquet:"dintact,dict"`
	SIntMore  int32  `parquet:"sintmore,dict"`
	DIntMore  int32  `parquet:"dintmore,dict"`
	SActMean  uint32 `parquet:"sintpktact"`
	SActJit   uint32 `parquet:"sjitact"`
	SActMin   uint32 `parquet:"sintpktactmin"`
	SActMax   uint32 `parquet:"sintpktactmax"`
	SActDist  uint32 `parquet:"sintdistact,dict"`
	SIdlMean  uint32 `parquet:"sintpktidl"`
	SIdlJit   uint32 `parquet:"sjitidl"`
	SIdlMin   uint32 `parquet:"sintpktidlmin"`
	SIdlMax   uint32 `parquet:"sintpktidlmax"`
	SIdlDist  uint32 `parquet:"sintdistidl,dict"`
	DActMean  uint32 `parquet:"dintpktact"`
	DActJit   uint32 `parquet:"djitact"`
	DActMin   uint32 `parquet:"dintpktactmin,dict"`
	DActMax   uint32 `parquet:"dintpktactmax"`
	DActDist  uint32 `parquet:"dintdistact,dict"`
	DIdlMean  uint32 `parquet:"dintpktidl"`
	DIdlJit   uint32 `parquet:"djitidl"`
	DIdlMin   uint32 `parquet:"dintpktidlmin"`
	DIdlMax   uint32 `parquet:"dintpktidlmax"`
	DIdlDist  uint32 `parquet:"dintdistidl,dict"`

	Hash  uint32 `parquet:"hash,dict"` // of the tuple, when the sensor reckons it
	SData []byte `parquet:"suser"`     // the first octets of the payload, when the sensor keeps them
	DData []byte `parquet:"duser"`
	Extra string `parquet:"extra,dict"` // JSON: tunnel, icmp, resp, esp

	SAS     uint32 `parquet:"sas,dict"` // what others have added
	DAS     uint32 `parquet:"das,dict"`
	SCO     string `parquet:"sco,dict"`
	DCO     string `parquet:"dco,dict"`
	SeqMore uint32 `parquet:"seqmore,dict"` // by which the sensor's own sequence number is more than sequence
	Raw     []byte `parquet:"raw"`          // the Argus record, where the other columns do not say all of it
}

// EventRow is a status or event record as the files of the table events hold it.
type EventRow struct {
	Monitor   string `parquet:"monitor,dict"`
	Interface string `parquet:"interface,dict"`
	Epoch     string `parquet:"epoch,dict"`
	Sequence  int64  `parquet:"sequence,delta"`
	Received  int64  `parquet:"received,timestamp(microsecond),delta"`
	STime     int64  `parquet:"stime,timestamp(microsecond),delta"`
	LTime     int64  `parquet:"ltime,timestamp(microsecond),delta"`
	Kind      string `parquet:"kind,dict"` // "status" or "event"
	Cause     uint8  `parquet:"cause,dict"`
	Text      string `parquet:"text"` // of an event
	Raw       []byte `parquet:"raw"`  // the Argus record
}

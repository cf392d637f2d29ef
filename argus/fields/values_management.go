package fields

import (
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// managementFields are what management records show in the columns of flows, as ra does (sections 1.3 and 3); other columns
// are empty.
var managementFields = [...]field{
	{"stime", "", 0, moment, src, managementTime, nil}, {"ltime", "", 0, moment, src, managementTime, nil},
	{"sstime", "", 0, moment, dst, managementTime, nil}, {"sltime", "", 0, moment, src, managementTime, nil},
	{"dur", "", 0, span, 0, managementDuration, nil},
	{"flgs", "", 0, fixed, 0, nil, nothing}, {"proto", "", 0, text, 0, nil, appendManagementProto},
	{"saddr", "", 0, whole, openFlows, counted, nil}, {"sport", "", 0, whole, droppedPackets, counted, nil},
	{"daddr", "", 0, whole, buffers, counted, nil}, {"dport", "", 0, whole, clients, counted, nil},
	{"pkts", "", 0, whole, receivedPackets, counted, nil}, {"spkts", "", 0, whole, receivedPackets, counted, nil}, {"dpkts", "", 0, whole, sentRecords, counted, nil},
	{"bytes", "", 0, whole, memory, counted, nil}, {"sbytes", "", 0, whole, receivedOctets, counted, nil}, {"dbytes", "", 0, whole, droppedPackets, counted, nil},
	{"appbytes", "", 0, whole, memory, counted, nil}, {"sappbytes", "", 0, whole, buffers, counted, nil}, {"dappbytes", "", 0, whole, openFlows, counted, nil},
	{"loss", "", 0, whole, droppedPackets, counted, nil}, {"state", "", 0, text, 0, nil, appendManagementState},
	{"srcid", "", 0, text, 0, nil, appendMonitor}, {"sid", "", 0, text, 0, nil, appendMonitor}, {"node", "", 0, text, 0, nil, appendMonitor},
	{"seq", "", 0, whole, 0, sequence, nil}, {"cause", "", 0, text, 0, nil, appendCause}, {"type", "", 0, text, 0, nil, appendManagementProto},
}

// eventFields are what event records show, as ra does: the text is in suser.
var eventFields = [...]field{
	{"stime", "", 0, moment, src, eventTime, nil}, {"ltime", "", 0, moment, dst, eventTime, nil},
	{"sstime", "", 0, moment, src, eventTime, nil}, {"sltime", "", 0, moment, dst, eventTime, nil},
	{"dur", "", 0, span, 0, eventDuration, nil}, {"sdur", "", 0, span, 0, eventDuration, nil},
	{"flgs", "", 0, fixed, 0, nil, nothing}, {"proto", "", 0, text, 0, nil, appendEventProto},
	{"saddr", "", 0, text, 0, nil, appendMonitor}, {"suser", "", 0, data, src, nil, appendEventData},
	{"srcid", "", 0, text, 0, nil, appendSource}, {"sid", "", 0, text, 0, nil, appendMonitor}, {"node", "", 0, text, 0, nil, appendMonitor},
	{"inf", "", 0, text, 0, nil, appendInterface}, {"seq", "", 0, whole, 0, sequence, nil},
	{"cause", "", 0, text, 0, nil, appendCause}, {"type", "", 0, text, 0, nil, appendEventProto}, {"label", "", 0, text, 0, nil, appendLabel},
}

func eventTime(r *argus.Record, end int) (uint64, bool) {
	if end == dst {
		return uint64(r.Event.End), true
	}
	return uint64(r.Event.Start), true
}

func eventDuration(r *argus.Record, _ int) (uint64, bool) {
	return uint64(max(r.Event.End-r.Event.Start, 0)), true
}

func appendEventProto(b []byte, _ *argus.Record, _ int) []byte { return append(b, "evt"...) }

// appendEventData appends the text of an event, as it is.
func appendEventData(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Event.Data...) }

// managementTime returns when the record was made (src) and when what it tells of began (dst).
func managementTime(r *argus.Record, begin int) (uint64, bool) {
	if begin == dst {
		return uint64(r.Management.Start), true
	}
	return uint64(r.Management.Now), true
}

func managementDuration(r *argus.Record, _ int) (uint64, bool) {
	return uint64(max(r.Management.Now-r.Management.Start, 0)), true
}

func appendManagementProto(b []byte, _ *argus.Record, _ int) []byte { return append(b, "man"...) }

func appendManagementState(b []byte, r *argus.Record, _ int) []byte {
	switch r.Cause {
	case flow.CauseStart:
		return append(b, "STA"...)
	case flow.CauseStatus:
		return append(b, "CON"...)
	case flow.CauseStop:
		return append(b, "STP"...)
	case argus.CauseError:
		return append(b, "ERR"...)
	}
	return b
}

// What a management record counts, by the columns of a flow.
const (
	openFlows = iota
	droppedPackets
	buffers
	clients
	memory
	sentRecords
	receivedPackets
	receivedOctets
)

func counted(r *argus.Record, what int) (uint64, bool) {
	m := &r.Management
	return [...]uint64{uint64(m.Open), uint64(m.Dropped), uint64(m.Buffers), uint64(m.Clients), uint64(m.Memory), uint64(m.Records), m.Packets, m.Bytes}[what], true
}

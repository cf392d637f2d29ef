package agent

import (
	"strings"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

const (
	byTheManager = "the service manager does that, not the agent"
	alwaysThere  = "the records have it all the same"
	noFrames     = "the agent writes no frames to the disk; tcpdump does"
)

// argusVariables are the settings of the Argus sensor 3.0.8 and 5.0.3 that need more than a flag of the same name.
// docs/argus-conf.md has them all, and a test holds both together.
var argusVariables = [...]variable{
	{name: "ACCESS_PORT", to: func(t *translation, s *cli.Setting) string { t.port = s; return "" }},
	{name: "BIND_IP", list: true, to: func(t *translation, s *cli.Setting) string {
		t.bind = append(t.bind, strings.FieldsFunc(s.Value, func(r rune) bool { return r == ',' || r == ' ' })...)
		return ""
	}},
	{name: "CAPTURE_DATA_LEN", to: takeLength},
	{name: "CAPTURE_FULL_CONTROL_DATA", fits: "no", why: "payload is kept of all flows alike (ARGUS_CAPTURE_DATA_LEN)"},
	{name: "CHROOT_DIR", why: byTheManager},
	{name: "CONTROLPLANE_PROTO", list: true, five: true, why: "no protocol is treated as control plane"},
	{name: "DAEMON", fits: "no", why: byTheManager},
	{name: "DEBUG_LEVEL", fits: "no", to: takeDebug},
	{name: "DEDUP", five: true, fits: "no", why: "a host sees its own frames once"},
	{name: "ENCAPS_CAPTURE", five: true, fits: "no", why: "headers of tunnels are told by their fields, not as octets"},
	{name: "ENV", list: true, why: byTheManager},
	{name: "EVENT_DATA", list: true, why: "the agent starts no program; what it tells by itself is in docs/events.md"},
	{name: "FILTER_OPTIMIZER", fits: "*"},
	{name: "FLOW_KEY", fits: "classic_5_tuple", why: "flows are five-tuples; addresses, tags and labels of the link are in their records"},
	{name: "FLOW_STATUS_INTERVAL", to: takeStatus},
	{name: "FLOW_TYPE", fits: "bidirectional bi", why: "flows have both directions, and each its own counters"},
	{name: "GENERATE_APPBYTE_METRIC", fits: "yes", why: alwaysThere},
	{name: "GENERATE_BIDIRECTIONAL_TIMESTAMPS", fits: "yes", why: alwaysThere},
	{name: "GENERATE_HASH_METRICS", five: true, both: true, to: keep},
	{name: "GENERATE_JITTER_DATA", fits: "yes", why: alwaysThere},
	{name: "GENERATE_MAC_DATA", fits: "yes", why: alwaysThere},
	{name: "GENERATE_PACKET_SIZE", fits: "yes", why: alwaysThere},
	{name: "GENERATE_RESPONSE_TIME_DATA", fits: "yes", why: alwaysThere},
	{name: "GENERATE_START_RECORDS", fits: "no", why: "a flow's first record comes with its first report"},
	{name: "GENERATE_TCP_PERF_METRIC", fits: "yes", why: alwaysThere},
	{name: "HASHTABLE_SIZE", five: true, why: "the table grows by itself, up to ARGUS_MAX_FLOWS"},
	{name: "INTERFACE", list: true, to: takeInterface},
	{name: "INTERFACE_SCAN_INTERVAL", five: true, fits: "*"},
	{name: "JITTER_HISTOGRAM", fits: "yes", why: alwaysThere},
	{name: "KEYSTROKE", fits: "yes tcp", why: "keystrokes are counted in every TCP connection"},
	{name: "KEYSTROKE_CONF", list: true, why: "the thresholds are those of Argus's defaults"},
	{name: "LOG_DISPLAY_PRIORITY", five: true, to: takePriority},
	{name: "MAR_INTERFACE_INTERVAL", five: true, why: "interfaces are reported with ARGUS_MAR_STATUS_INTERVAL"},
	{name: "MAX_SSF", fits: "no", to: takeSSF},
	{name: "MIN_SSF", fits: "no", to: takeSSF},
	{name: "MONITOR_ID", to: takeID},
	{name: "MONITOR_ID_INCLUDE_INF", five: true, fits: "yes", why: "records always name their interface"},
	{name: "OS_FINGERPRINTING", five: true, fits: "no", why: "the options of the first SYN are not kept"},
	{name: "OUTPUT_FILE", list: true, to: takeFile},
	{name: "OUTPUT_STREAM", list: true, to: takeStream},
	{name: "PACKET_CAPTURE_FILE", why: noFrames},
	{name: "PACKET_CAPTURE_ON_ERROR", fits: "no", why: noFrames},
	{name: "PACKET_CAPTURE_ON_PROTO", list: true, five: true, why: noFrames},
	{name: "PACKET_SIZE_HISTOGRAM", five: true, fits: "yes", why: alwaysThere},
	{name: "PCAP_BUF_SIZE", why: "the ring of an interface grows while it is busy"},
	{name: "PCAP_DISPATCH_NUM", five: true, fits: "*"},
	{name: "PID_PATH", why: byTheManager},
	{name: "SELF_SYNCHRONIZE", fits: "no", why: "flows report by their own first packet"},
	{name: "SETGROUP_ID", why: byTheManager},
	{name: "SETUSER_ID", why: byTheManager},
	{name: "SET_PID", fits: "no", why: byTheManager},
	{name: "TCP_FALLOW_TIMEOUT", five: true, both: true, to: keep},
	{name: "TIMESTAMP_TYPE", five: true, why: "times are those of the kernel's clock"},
	{name: "TRACK_DUPLICATES", fits: "no", why: "duplicates are counted in TCP connections alone"},
	{name: "TUNNEL_DISCOVERY", fits: "yes", why: "tunnels over UDP are known by their headers; ARGUS_TUNNEL_PARSING=no leaves all tunnels closed"},
	{name: "TUNNEL_INFORMATION", five: true, fits: "yes", why: alwaysThere},
	{name: "TUNNEL_PARSING", five: true, both: true, to: keep},
}

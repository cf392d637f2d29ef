package fields

import (
	"encoding/json"
	"io"
	"testing"
)

// TestMeterFields: what the sample's records say of tunnels, distributions, reports and counters, as JSON has it.
func TestMeterFields(t *testing.T) {
	var all []map[string]any
	for _, line := range print(t, sampleV5, func(w io.Writer) Printer { return NewJSON(w, nil, numbers) }) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	for i, want := range map[int]map[string]any{
		1: {"sintpkt": 0.688889, "sintpktact": 0.033333, "sintpktidl": 2.0, "sintpktmin": 0.01, "sintpktmax": 1000.0, "sjitidl": 0.5, "sintdistact": "0f200001",
			"smaxsz": 108.0, "sminsz": 60.0, "spktsz": "f1000000", "pcr": -0.805217, "stf": 0.117155, "sploss": 12.5, "sdur": 0.185, "etype": "ipv4",
			"sgreaddr": nil, "inode": nil, "nstroke": nil, "suser": nil, "hash": nil, "svnid": nil, "resp": nil, "icmpid": nil},
		10: {"icmpid": 4660.0},
		38: {"sgreaddr": "192.0.2.1", "dgreaddr": "192.0.2.2", "greproto": 2048.0, "stunaddr": "192.0.2.1", "tunid": nil, "senc": "eG"},
		39: {"greproto": float64(0x88be), "tunid": 77.0},
		40: {"svnid": 123456.0, "dvnid": 123456.0, "stunaddr": "2001:db8::9", "dtunaddr": "2001:db8::a", "tunid": 123456.0, "sgreaddr": nil},
		41: {"sgenaddr": "2001:db8::9", "dgenaddr": "2001:db8::a", "genproto": float64(0x6558), "tunid": 99.0},
		42: {"stunaddr": "192.0.2.1", "tunid": nil, "senc": "e4"},
		43: {"tunid": float64(0xdeadbeef), "senc": "eP"},
		45: {"inode": "10.9.9.9", "flgs": " eU"},
		46: {"flgs": " eR"},
		47: {"flgs": " eT"},
		48: {"flgs": " eI"},
		49: {"inode": "fd00::9", "flgs": " eU"},
		50: {"resp": "02:00:00:00:00:0b", "flgs": " M"},
		51: {"sloss": 3.0, "ploss": 9.090909},
		52: {"suser": "s[15]=G... a question", "duser": "d[15]=G., an answer.."},
		53: {"nstroke": 33.0, "snstroke": 31.0, "dnstroke": 2.0, "sooo": 1.0, "dooo": 2.0, "sdupack": 3.0, "dunseen": 1448.0},
	} {
		for name, v := range want {
			if got := all[i-1][name]; got != v {
				t.Errorf("record %d: %s is %v, want %v", i, name, got, v)
			}
		}
	}
}

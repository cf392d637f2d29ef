package zeek

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// log is a log as Zeek 6 writes it, with one connection of each kind.
const log = `#separator \x09
#set_separator	,
#empty_field	(empty)
#unset_field	-
#path	conn
#open	2026-11-22-06-00-00
#fields	ts	uid	id.orig_h	id.orig_p	id.resp_h	id.resp_p	proto	service	duration	orig_bytes	resp_bytes	conn_state	local_orig	local_resp	missed_bytes	history	orig_pkts	orig_ip_bytes	resp_pkts	resp_ip_bytes	tunnel_parents
#types	time	string	addr	port	addr	port	enum	string	interval	count	count	string	bool	bool	count	string	count	count	count	count	set[string]
1591367999.305988	CMdzit1AMNsmfAIiQc	192.168.4.76	36844	192.168.4.1	53	udp	dns	0.066852	62	141	SF	-	-	0	Dd	2	118	2	197	-
1591367999.430166	C5bLoe2Mvxqhawzqqd	192.168.4.76	46378	31.3.245.133	80	tcp	http	0.254115	77	295	SF	-	-	12	ShADadfF	6	397	4	511	CA,CB
1591368000.000001	CIcmp	fe80::1	128	fe80::2	129	icmp	-	-	-	-	OTH	-	-	0	-	1	104	0	0	(empty)
#close	2026-11-22-07-00-00
`

func readAll(t *testing.T, text string) (list []Conn, bad []*LineError) {
	t.Helper()
	r := NewReader(strings.NewReader(text))
	for {
		c, err := r.Next()
		if line, ok := errors.AsType[*LineError](err); ok {
			bad = append(bad, line)
			continue
		}
		if err == io.EOF {
			return list, bad
		}
		if err != nil {
			t.Fatal(err)
		}
		kept := *c
		kept.Label = bytes.Clone(c.Label)
		list = append(list, kept)
	}
}

func TestLog(t *testing.T) {
	list, bad := readAll(t, log)
	if len(list) != 3 || len(bad) != 0 {
		t.Fatalf("%d connections, errors %v", len(list), bad)
	}
	dns, web, ping := &list[0], &list[1], &list[2]
	if got, want := string(dns.Label), `{"uid":"CMdzit1AMNsmfAIiQc","service":"dns","conn_state":"SF"}`; got != want {
		t.Errorf("label %s, want %s", got, want)
	}
	if got, want := string(web.Label), `{"uid":"C5bLoe2Mvxqhawzqqd","service":"http","conn_state":"SF","tunnel_parents":"CA,CB","missed_bytes":"12"}`; got != want {
		t.Errorf("label %s, want %s", got, want)
	}
	f := &web.Flow
	if f.SrcAddr().String() != "192.168.4.76" || f.DstAddr().String() != "31.3.245.133" || f.SrcPort != 46378 || f.DstPort != 80 || !f.IsTCP() {
		t.Errorf("tuple %+v", f.Key)
	}
	if s, d := &f.Side[0], &f.Side[1]; s.Packets != 6 || s.IPBytes != 397 || s.Payload != 77 || d.Packets != 4 || d.IPBytes != 511 || d.Payload != 295 {
		t.Errorf("counts %+v", f.Side)
	}
	first, last := f.Span()
	if first != 1591367999430166000 || last-first != 254115000 || f.Start != first {
		t.Errorf("from %d to %d", first, last)
	}
	if p := &ping.Flow; p.Type != 128<<8 || p.Proto != flow.ProtoICMPv6 || p.Side[0].First != p.Side[0].Last {
		t.Errorf("ICMPv6 echo: type %#x, protocol %d, %+v", p.Type, p.Proto, p.Side[0])
	}
	if dns.Flow.ID == web.Flow.ID || dns.Flow.ID == 0 {
		t.Error("two connections have one identity")
	}
}

// TestFormsAreTheSame: JSON with each of Zeek's forms of time, and the columns in another order, give the same records.
func TestFormsAreTheSame(t *testing.T) {
	want, _ := readAll(t, log)
	for name, line := range map[string]string{
		"epoch": `{"ts":1591367999.430166,"uid":"C5bLoe2Mvxqhawzqqd","id.orig_h":"192.168.4.76","id.orig_p":46378,"id.resp_h":"31.3.245.133","id.resp_p":80,"proto":"tcp","service":"http","duration":0.254115,"orig_bytes":77,"resp_bytes":295,"conn_state":"SF","missed_bytes":12,"history":"ShADadfF","orig_pkts":6,"orig_ip_bytes":397,"resp_pkts":4,"resp_ip_bytes":511,"tunnel_parents":["CA","CB"],"unknown":{"a":[1]}}`,
		"ISO":   `{"resp_ip_bytes":511,"duration":2.54115e-1,"ts":"2020-06-05T14:39:59.430166Z","uid":"C5bLoe2Mvxqhawzqqd","id.orig_h":"192.168.4.76","id.orig_p":46378,"id.resp_h":"31.3.245.133","id.resp_p":80,"proto":"tcp","service":"http","orig_bytes":77,"resp_bytes":295,"conn_state":"SF","missed_bytes":12,"history":"ShADadfF","orig_pkts":6,"orig_ip_bytes":397,"resp_pkts":4,"tunnel_parents":["CA","CB"],"local_orig":null}`,
		"TSV": "#separator |\n#fields|uid|ts|id.orig_h|id.orig_p|id.resp_h|id.resp_p|proto|conn_state|service|duration|orig_bytes|resp_bytes|history|orig_pkts|orig_ip_bytes|resp_pkts|resp_ip_bytes|missed_bytes|tunnel_parents\r\n" +
			`C5bLoe2Mvxqhawzqqd|1591367999.430166|192.168.4.76|46378|31.3.245.133|80|tcp|SF|\x68ttp|0.254115|77|295|ShADadfF|6|397|4|511|12|CA,CB` + "\r\n",
	} {
		got, bad := readAll(t, line)
		if len(got) != 1 || len(bad) > 0 {
			t.Errorf("%s: %d connections, %v", name, len(got), bad)
			continue
		}
		if !bytes.Equal(got[0].Label, want[1].Label) {
			t.Errorf("%s: label %s, want %s", name, got[0].Label, want[1].Label)
		}
		if a, b := encode(&got[0]), encode(&want[1]); !bytes.Equal(a, b) {
			t.Errorf("%s: another record:\n%x\n%x", name, a, b)
		}
	}
	ms, _ := readAll(t, `{"ts":1591367999430,"id.orig_h":"::1","id.orig_p":1,"id.resp_h":"::2","id.resp_p":2,"proto":"unknown_transport","ip_proto":89}`)
	if len(ms) != 1 || ms[0].Flow.Start != 1591367999430e6 || ms[0].Flow.Proto != 89 {
		t.Errorf("milliseconds: %+v", ms)
	}
}

func encode(c *Conn) []byte {
	enc := argus.Encoder{Label: c.Label}
	return enc.AppendFlow(nil, &c.Flow)
}

// TestStates: each of Zeek's states comes out of the record again, with histories as Zeek's own tests have them.
func TestStates(t *testing.T) {
	for state, histories := range map[string][]string{
		"S0": {"S"}, "S1": {"ShA", "ShADad", "Sh"}, "SF": {"ShADadfF", "ShADadFf", "ShADaFfA", "FaAf"}, "REJ": {"Sr", "SrR"}, "S2": {"ShADadF"}, "S3": {"ShADadf"},
		"RSTO": {"ShADadR", "ShR"}, "RSTR": {"ShADadr", "ShADaFr"}, "RSTOS0": {"SR"}, "RSTRH": {"^hr", "^r"}, "SH": {"SF", "SAF"},
		"SHR": {"^hf", "^hadf"}, "OTH": {"Dd", "^dD", "C", ""},
	} {
		for _, history := range histories {
			line := `{"ts":1,"id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":2,"proto":"tcp","orig_bytes":9,"orig_pkts":2,"resp_pkts":2,` +
				`"conn_state":"` + state + `","history":"` + history + `"}`
			if state == "REJ" {
				line = strings.Replace(line, `"orig_bytes":9`, `"orig_bytes":0`, 1)
			}
			got, _ := readAll(t, line)
			for r := range argus.Records(encode(&got[0])) {
				if s := fields.ConnState(r); s != state {
					t.Errorf("%s with history %q is %s in the record", state, history, s)
				}
			}
		}
	}
}

// TestBadLines are told by their number and left out; what is no conn.log at all is said at once.
func TestBadLines(t *testing.T) {
	lines := strings.Split(log, "\n")
	good := lines[8]
	text := strings.Join(lines[:8], "\n") + "\n" + strings.Join([]string{
		good,
		good + "\textra",
		good[:40],
		strings.Replace(good, "192.168.4.76", "192.168.4", 1),
		strings.Replace(good, "36844", "70000", 1),
		strings.Replace(good, "0.066852", "-3", 1),
		strings.Replace(good, "\t118\t", "\t-118\t", 1),
		strings.Replace(good, "1591367999.305988", "9999999999999999", 1),
		strings.Replace(good, "192.168.4.1\t", "::1\t", 1),
		strings.Repeat("x", 3*maxLine),
		strings.Repeat("y", 70_000),
		good,
	}, "\n")
	list, bad := readAll(t, text)
	if len(list) != 2 || len(bad) != 10 || bad[0].Line != 10 || bad[9].Line != 19 {
		t.Errorf("%d connections, want 2; errors %v", len(list), bad)
	}
	for name, text := range map[string]string{
		"another log":   "#separator \\x09\n#path\tdns\n",
		"no header":     "a\tb\n",
		"another JSON":  `{"ts":1,"query":"a"}`,
		"Argus":         "\x85\x10\x00\x20\xe5",
		"no separation": "#separator \n#path\tconn\n",
	} {
		if _, err := NewReader(strings.NewReader(text)).Next(); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewReader(strings.NewReader("")).Next(); err != io.EOF {
		t.Errorf("nothing: %v", err)
	}
}

// TestErrorOfTheFile: what the file's reader says is not taken for a line.
func TestErrorOfTheFile(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(strings.NewReader(log[:700]), &failing{broken}))
	for {
		_, err := r.Next()
		if errors.Is(err, broken) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzReader(f *testing.F) {
	f.Add([]byte(log))
	f.Add([]byte(`{"ts":1591367999.4,"id.orig_h":"::1","id.orig_p":1,"id.resp_h":"::2","id.resp_p":2,"proto":"tcp","conn_state":"SF","history":"ShADadfF","duration":1e3}`))
	f.Add([]byte("#separator |\n#fields|ts|id.orig_h|id.orig_p|id.resp_h|id.resp_p|proto\n\\x31|10.0.0.1|8|10.0.0.2|0|icmp\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		for range bytes.Count(b, []byte("\n")) + 2 { // each step takes a line
			c, err := r.Next()
			if _, line := errors.AsType[*LineError](err); line {
				continue
			}
			if err != nil {
				return
			}
			first, last := c.Flow.Span()
			if first < 0 || last < first {
				t.Fatalf("from %d to %d", first, last)
			}
			if len(c.Label) > 1016 {
				t.Fatalf("a label of %d octets", len(c.Label))
			}
			for rec, err := range argus.Records(encode(c)) {
				if err != nil || rec.Unknown > 0 || rec.Flow.Key != c.Flow.Key {
					t.Fatalf("%v: %+v is read as %+v", err, c.Flow.Key, rec.Flow.Key)
				}
			}
		}
		if _, err := r.Next(); err == nil {
			t.Fatal("more connections than lines")
		}
	})
}

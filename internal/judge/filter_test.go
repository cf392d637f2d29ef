package judge

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// judged is a stream of the 3.0 line: the flow records as we read them and what ra prints of each, by their places.
type judged struct {
	name, file string
	records    []*argus.Record
	others     map[argus.Kind]int // how many records are none of flows
	at         []int
	ra         map[int]row
}

// filterFields are the columns by which ra itself proves what it should have selected.
var filterFields = []string{"offset", "proto", "saddr", "sport", "daddr", "dport", "spkts", "dpkts", "sbytes", "dbytes", "sappbytes", "dappbytes", "state", "flgs",
	"smac", "dmac", "senc", "denc", "sttl", "dttl", "stos", "dtos", "sipid", "dipid", "sco", "dco", "sas", "das", "sloss", "dloss", "tcpopt", "dur", "cause",
	"sintpkt", "dintpkt", "sjit", "djit", "svlan", "dvlan", "smpls", "dmpls", "inode", "trans"}

// raSelects returns the places of the flow records that ra prints for an expression, their fields, and how many others it prints.
func raSelects(tb testing.TB, file, expression string, fields ...string) (map[int]row, map[argus.Kind]int, error) {
	tb.Helper()
	args := append([]string{"-F", "/dev/null", "-nn", "-L", "-1", "-c", "|", "-r", file, "-s"}, fields...)
	cmd := exec.Command(debian(tb, "ra"), append(args, "-", expression)...)
	cmd.Env = []string{"TZ=UTC", "HOME=/nonexistent"}
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, _ := cmd.Output() // 1 is: nothing was selected
	if errors.Len() > 0 {
		return nil, nil, fmt.Errorf("ra: %s", bytes.TrimSpace(errors.Bytes()))
	}
	rows, others := make(map[int]row), make(map[argus.Kind]int)
	for line := range strings.Lines(string(out)) {
		r := row{}
		for i, v := range strings.Split(strings.TrimSuffix(line, "\n"), "|") {
			if i < len(fields) {
				if r[fields[i]] = strings.TrimSpace(v); fields[i] == "flgs" {
					r["flgs"] = v // a letter means what it does by its place
				}
			}
		}
		switch r["proto"] {
		case "man":
			others[argus.KindManagement]++
		case "evt":
			others[argus.KindEvent]++
		default:
			at, err := strconv.Atoi(r["offset"])
			if err != nil {
				return nil, nil, fmt.Errorf("ra prints %q", line)
			}
			rows[at] = r
		}
	}
	return rows, others, nil
}

// newJudged reads a stream. ra turns flows round whose begin nobody saw, by their ports: so do we with those.
func newJudged(t *testing.T, name string, stream []byte) *judged {
	t.Helper()
	j := &judged{name: name, file: filepath.Join(t.TempDir(), name+".arg"), others: make(map[argus.Kind]int)}
	if err := os.WriteFile(j.file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if j.ra, _, err = raSelects(t, j.file, "", filterFields...); err != nil {
		t.Fatal(err)
	}
	at := 0
	for r, err := range argus.Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		c := *r
		if j.records = append(j.records, &c); r.Kind == argus.KindFlow {
			if j.ra[at] == nil {
				t.Fatalf("%s: ra finds no record at %d", name, at)
			}
		}
		j.at = append(j.at, at)
		at += len(r.Raw)
	}
	return j
}

// turned tells whether ra prints a flow with its ends exchanged.
func turned(r *argus.Record, ra row) bool {
	src, dst := r.Flow.SrcAddr().String(), r.Flow.DstAddr().String()
	ports := r.Flow.HasPorts() && r.Flow.SrcPort != r.Flow.DstPort && ra["sport"] == fmt.Sprint(r.Flow.DstPort)
	return r.Flow.SrcAddr().IsValid() && ra["saddr"] == dst && ra["daddr"] == src && (src != dst || ports)
}

func turn(r *argus.Record) *argus.Record {
	c := *r
	f := &c.Flow
	f.Src, f.Dst, f.SrcPort, f.DstPort = f.Dst, f.Src, f.DstPort, f.SrcPort
	f.Side[0], f.Side[1] = f.Side[1], f.Side[0]
	f.TCP.Side[0], f.TCP.Side[1] = f.TCP.Side[1], f.TCP.Side[0]
	f.SrcMAC, f.DstMAC = f.DstMAC, f.SrcMAC
	const ip = argus.HasSrc | argus.HasDst
	c.Has = c.Has&^ip | c.Has&argus.HasSrc<<1 | c.Has&argus.HasDst>>1
	return &c
}

// judgedStreams are what Argus 3.0.8 wrote, what was made by hand, our sample, and our records of the whole corpus.
func judgedStreams(t *testing.T) []*judged {
	var vectors []byte
	names, _ := filepath.Glob(filepath.Join(shared(t, "formats", "argus-vectors", "v3-argus3"), "*.arg"))
	for _, name := range names {
		vectors = append(vectors, readFile(t, name)...)
	}
	config := flow.DefaultConfig()
	var corpusStream []byte
	for _, row := range corpus(t) {
		p := newPipeline(config)
		p.enc.Version = argus.V3
		p.read(t, pcap(t, row["file"]))
		p.records(t)
		corpusStream = append(corpusStream, p.out...)
	}
	e := argus.Encoder{Version: argus.V3}
	start := e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Interval: 60})
	corpusStream = append(start, corpusStream...)
	if _, err := argus.Number(corpusStream, 1); err != nil {
		t.Fatal(err)
	}
	return []*judged{
		newJudged(t, "vectors", vectors),
		newJudged(t, "hand", append(readFile(t, shared(t, "formats", "argus-vectors", "encoder", "v3.arg")), readFile(t, shared(t, "formats", "argus-vectors", "encoder", "mini_v3.arg"))...)),
		newJudged(t, "sample", readFile(t, "../../argus/testdata/sample_v3.arg")),
		newJudged(t, "corpus", corpusStream),
	}
}

func readFile(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// disagreements returns the places of the flows of which a filter says something else than want. A flow that ra turns
// round may be selected either way: ra reckons some numbers before it does so, others after.
func (j *judged) disagreements(f *filter.Filter, want func(at int) bool) (places []int) {
	for i, r := range j.records {
		if r.Kind != argus.KindFlow {
			continue
		}
		at := j.at[i]
		if w := want(at); f.Match(r) != w && (!turned(r, j.ra[at]) || f.Match(turn(r)) != w) {
			places = append(places, at)
		}
	}
	return places
}

// selected counts the records of a kind that a filter selects.
func (j *judged) selected(f *filter.Filter, kind argus.Kind) (n int) {
	for _, r := range j.records {
		if r.Kind == kind && f.Match(r) {
			n++
		}
	}
	return n
}

func (j *judged) describe(places []int) string {
	var b strings.Builder
	for _, at := range places[:min(len(places), 5)] {
		fmt.Fprintf(&b, "\n\t%d", at)
		for _, name := range filterFields[1:] {
			if v := j.ra[at][name]; v != "" {
				fmt.Fprintf(&b, " %s=%s", name, v)
			}
		}
	}
	return b.String()
}

// TestFilterLikeRa gives the same expressions to Debian's ra and compares which records are selected. Where ra is wrong,
// raMistakes says what is right by what ra itself prints of each record.
func TestFilterLikeRa(t *testing.T) {
	streams := judgedStreams(t)
	expressions, same, decisions := 0, 0, 0
	var mistakes = maps.Clone(raMistakes)
	for line := range strings.Lines(string(readFile(t, "filter-expressions.txt"))) {
		expression := strings.TrimSpace(line)
		if expression == "" || expression[0] == '#' {
			continue
		}
		f, err := filter.Parse([]string{expression})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		expressions++
		m, known := raMistakes[expression]
		delete(mistakes, expression)
		wrong, some := false, 0
		for _, j := range streams {
			want, others, err := raSelects(t, j.file, expression, "offset", "proto")
			if err != nil {
				t.Errorf("%s: %q: %v", j.name, expression, err)
				break
			}
			some += len(want) + others[argus.KindManagement] + others[argus.KindEvent]
			decisions += len(j.ra)
			right := func(at int) bool { return want[at] != nil }
			if known && m.right != nil {
				raIs := func(at int) bool { return m.right(j.ra[at]) }
				if d := j.disagreements(&f, raIs); len(d) > 0 {
					t.Errorf("%s: %q: we are wrong by what ra prints (%s) of %d records:%s", j.name, expression, m.why, len(d), j.describe(d))
				}
			}
			if d := j.disagreements(&f, right); len(d) > 0 && known {
				wrong = true
				if d = slices.DeleteFunc(d, func(at int) bool { return m.only == nil || m.only(j.ra[at]) }); len(d) > 0 {
					t.Errorf("%s: %q: this is not ra's mistake (%s):%s", j.name, expression, m.why, j.describe(d))
				}
			} else if len(d) > 0 {
				t.Errorf("%s: %q: ra says otherwise (selects %d) of %d records:%s", j.name, expression, len(want), len(d), j.describe(d))
			}
			for _, kind := range []argus.Kind{argus.KindManagement, argus.KindEvent} {
				if n := j.selected(&f, kind); n > 0 && n != others[kind] {
					t.Errorf("%s: %q selects %d records of kind %d, for ra %d", j.name, expression, n, kind, others[kind])
				}
			}
		}
		switch {
		case known && !wrong:
			t.Errorf("%q: listed as a mistake of ra (%s), but it agrees", expression, m.why)
		case !known:
			same++
		}
		if some == 0 {
			t.Logf("%q selects nothing anywhere", expression)
		}
	}
	for _, expression := range slices.Sorted(maps.Keys(mistakes)) {
		t.Errorf("%q is listed as a mistake of ra, but not asked", expression)
	}
	if same < 150 {
		t.Errorf("%d expressions are judged alike, want 150", same)
	}
	t.Logf("judge: filter: %d expressions on %d streams, %d decisions; %d expressions alike, %d mistakes of ra", expressions, len(streams), decisions, same, len(raMistakes))
}

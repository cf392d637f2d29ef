package judge

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// excuse is an entry of tshark-differences.json: conversations in which we and tshark disagree for one cause.
type excuse struct {
	Cause string
	Where []string // how the lines of differences begin: "capture: conversation: kind"
}

// verdict counts what a comparison found.
type verdict struct {
	mu                                        sync.Mutex
	captures, conversations, equal, estimated int
	initiators, handshakes, communityIDs      int
	differences                               []string
}

// TestTshark holds every capture of the corpus against tshark's conversations, with tunnels open and closed: packets, octets
// of frames, IP and payload each way, times, initiator, ARP pairs and handshakes.
func TestTshark(t *testing.T) {
	var v verdict
	rows := corpus(t)
	t.Run("captures", func(t *testing.T) {
		for _, row := range rows {
			t.Run(row["file"], func(t *testing.T) {
				t.Parallel()
				v.capture(t, row)
			})
		}
	})
	if t.Failed() {
		return
	}
	excused := v.excuse(t, "tshark-differences.json")
	t.Logf("judge: tshark: %d captures, %d conversations on both layers, %d equal, %d excused, %d with estimated packets; %d initiators, %d handshakes, %d community IDs",
		v.captures, v.conversations, v.equal, v.conversations-v.equal, v.estimated, v.initiators, v.handshakes, v.communityIDs)
	for _, line := range excused {
		t.Logf("judge: tshark: %s", line)
	}
}

// capture judges one capture on both layers.
func (v *verdict) capture(t *testing.T, row map[string]string) {
	want := readTruth(t, shared(t, "corpus", "oracle", "tshark")+"/"+row["file"]+".truth.jsonl.gz")
	for _, layer := range []string{"inner", "outer"} {
		p := newPipeline(flow.DefaultConfig())
		p.dec.KeepOuter = layer == "outer"
		p.read(t, pcap(t, row["file"]))
		sums(t, p, row)
		if want == nil {
			continue
		}
		v.compare(row["file"], layer, ours(p.records(t)), want[layer])
	}
	v.mu.Lock()
	v.captures++
	v.mu.Unlock()
}

// sums checks that every frame of a capture was counted once, wherever it went.
func sums(t *testing.T, p *pipeline, row map[string]string) {
	t.Helper()
	counted := uint64(0)
	for _, n := range p.dec.Counts() {
		counted += n
	}
	table := p.table.Stats()
	if want, _ := strconv.ParseUint(row["packets"], 10, 64); p.frames != want || counted != want || table.Packets+p.lost != want {
		t.Errorf("%d frames, the index says %d; counted by reason %d; in flows %d and in none %d", p.frames, want, counted, table.Packets, p.lost)
	}
	if want, _ := strconv.ParseUint(row["wire_bytes"], 10, 64); p.wire != want {
		t.Errorf("%d octets, the index says %d", p.wire, want)
	}
	var recorded totals
	for _, r := range p.records(t) {
		recorded.add(&r.Flow)
	}
	if recorded != p.flows || recorded.octets != table.Bytes {
		t.Errorf("%+v in records, %+v metered, %d octets in the table", recorded, p.flows, table.Bytes)
	}
}

// compare holds one layer of a capture against the truth.
func (v *verdict) compare(capture, layer string, got, want conversations) {
	v.mu.Lock()
	defer v.mu.Unlock()
	note := func(k convKey, format string, args ...any) {
		v.differences = append(v.differences, fmt.Sprintf("%s: %s: %s (%s)", capture, k, fmt.Sprintf(format, args...), layer))
	}
	for k, w := range want {
		v.conversations++
		before := len(v.differences)
		if g := got[k]; g == nil {
			note(k, "missing")
		} else {
			v.counts(k, g, w, note)
			v.connection(k, g, w, note)
			if layer == "inner" { // the truth has it once, of the innermost
				v.communityID(k, g, w, note)
			}
		}
		if len(v.differences) == before {
			v.equal++
		}
	}
	for k := range got {
		if want[k] == nil {
			note(k, "only ours")
		}
	}
}

type noter func(k convKey, format string, args ...any)

func (v *verdict) counts(k convKey, g, w *conversation, note noter) {
	if g.estimated {
		v.estimated++
	}
	for i := range g.sides {
		a, b := g.sides[i], w.sides[i]
		if g.estimated && a[0] >= b[0] { // tshark counts a super-frame as one packet
			a[0] = b[0]
		}
		if a != b {
			note(k, "counts %d, tshark %d", g.sides, w.sides)
			break
		}
	}
	// simple packet blocks carry no time: tshark's is 0, ours that of the packet before
	if w.first != 0 && (g.first != w.first || g.last != w.last) {
		note(k, "times %d %d, tshark %d %d", g.first, g.last, w.first, w.last)
	}
}

func (v *verdict) connection(k convKey, g, w *conversation, note noter) {
	if k.proto != flow.ProtoTCP {
		return
	}
	v.initiators++
	if g.initiator != w.initiator {
		note(k, "initiator %s, tshark %s", ends[g.initiator], ends[w.initiator])
	}
	v.handshakes += len(w.shakes)
	if !slices.EqualFunc(g.shakes, w.shakes, func(a, b handshake) bool {
		return near(a.synack, b.synack) && near(a.ackdat, b.ackdat)
	}) {
		note(k, "handshakes %v, tshark %v", g.shakes, w.shakes)
	}
}

var ends = [...]string{0: "first", 1: "second", nobody: "nobody", both: "both"}

func (v *verdict) communityID(k convKey, g, w *conversation, note noter) {
	if len(w.communityID) == 0 {
		return
	}
	v.communityIDs += len(w.communityID)
	var ids []string
	for i := range g.keys {
		id := fieldCommunityID(&g.keys[i])
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	missing := func(of []string) func(string) bool {
		return func(id string) bool { return !slices.Contains(of, id) }
	}
	// tshark's later fragments have one of their own, without ports
	if slices.ContainsFunc(ids, missing(w.communityID)) || !w.fragments && slices.ContainsFunc(w.communityID, missing(ids)) {
		note(k, "community ID %s, tshark %s", ids, w.communityID)
	}
}

// fieldCommunityID is what the field community_id prints.
func fieldCommunityID(k *flow.Key) string {
	columns, err := fields.Parse("community_id")
	if err != nil {
		return err.Error()
	}
	var out strings.Builder
	p := fields.NewCSV(&out, columns, fields.DefaultStyle())
	if err := errors.Join(p.Print(&argus.Record{Kind: argus.KindFlow, Flow: flow.Record{Key: *k}}), p.Flush()); err != nil {
		return err.Error()
	}
	_, line, _ := strings.Cut(out.String(), "\n")
	return strings.TrimSpace(line)
}

// near tells whether two times are within a microsecond.
func near(a, b int64) bool { return a-b <= 1000 && b-a <= 1000 }

// excuse reports the differences that no entry of a file excuses, and the entries that excuse nothing. It returns how many
// each cause excuses.
func (v *verdict) excuse(t *testing.T, file string) (lines []string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var excuses []excuse
	if err := json.Unmarshal(text, &excuses); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	left := v.differences
	for _, e := range excuses {
		n := 0
		for _, where := range e.Where {
			rest := slices.DeleteFunc(slices.Clone(left), func(d string) bool { return strings.HasPrefix(d, where) })
			if len(rest) == len(left) {
				t.Errorf("%s: %q is no difference any more", file, where)
			}
			n += len(left) - len(rest)
			left = rest
		}
		lines = append(lines, fmt.Sprintf("%d differences: %s", n, e.Cause))
	}
	slices.Sort(left)
	for _, d := range left {
		t.Errorf("%s", d)
	}
	return lines
}

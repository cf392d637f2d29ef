package judge

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// binned is what the records of one key say in one bin.
type binned struct {
	packets, bytes [2]float64
	records        float64
}

// TestBinsLikeRabins puts the same records into bins. In all bins together a key has the same packets and octets; in one bin
// each record that spans several may have a packet more or less of either side, because nobody knows when it came.
func TestBinsLikeRabins(t *testing.T) {
	files, cells, equal, dropped := 0, 0, 0, 0
	for name, records := range binStreams(t) {
		stream := sensible(t, records, []string{"matrix"})
		file := filepath.Join(t.TempDir(), "in.arg")
		if err := os.WriteFile(file, stream, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []string{"1s", "7s", "10s", "1m", "hard 1s", "hard 10s", "hard 1m"} {
			hard := strings.HasPrefix(mode, "hard ")
			want, whole := rabins(t, file, mode)
			if !sameTotals(whole, totalsOf(t, stream)) {
				dropped++ // rabins 3.0.8 passes over records that are much older than those before
				continue
			}
			files++
			got := ourBins(t, stream, mode, hard)
			for k, w := range want {
				g := got[k]
				cells++
				switch {
				case g.packets == w.packets && g.bytes == w.bytes:
					equal++
				case w.records == 0 || !nearCell(g, w):
					t.Errorf("%s %s: %s: we %v, rabins %v", name, mode, k, g, w)
				}
			}
			for k, g := range got {
				if w, ok := want[k]; !ok && !nearCell(g, w) {
					t.Errorf("%s %s: %s: we %v, rabins nothing", name, mode, k, g)
				}
			}
		}
	}
	if files == 0 {
		t.Error("nothing was compared")
	}
	t.Logf("judge: rabins: %d runs, %d bins with a key, %d equal, the others within a packet a record; %d runs in which rabins loses packets", files, cells, equal, dropped)
}

// nearCell tells whether a bin has what it should but for a packet of each side of each record that spans bins.
func nearCell(g, w binned) bool {
	n := max(g.records, w.records)
	for i := range g.packets {
		if d := g.packets[i] - w.packets[i]; max(d, -d) > n {
			return false
		}
		if d := g.bytes[i] - w.bytes[i]; max(d, -d) > 1500*n {
			return false
		}
	}
	return true
}

func sameTotals(a, b map[string]binned) bool {
	for k, v := range b {
		if a[k].packets != v.packets || a[k].bytes != v.bytes {
			return false
		}
	}
	return true
}

// totalsOf adds a stream up by source.
func totalsOf(t *testing.T, stream []byte) map[string]binned {
	t.Helper()
	all := map[string]binned{}
	for r, err := range argus.Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == argus.KindFlow {
			addRow(all, address(&r.Flow.Key, r.Flow.Src), r)
		}
	}
	return all
}

func addRow(to map[string]binned, key string, r *argus.Record) {
	v := to[key]
	for i := range r.Flow.Side {
		v.packets[i] += float64(r.Flow.Side[i].Packets)
		v.bytes[i] += float64(r.Flow.Side[i].Bytes)
	}
	v.records += float64(max(r.Added.Aggregate.Count, 1))
	to[key] = v
}

// ourBins returns what we put into each bin, by its start and the source.
func ourBins(t *testing.T, stream []byte, mode string, hard bool) map[string]binned {
	t.Helper()
	width, err := cluster.ParseWidth(mode[strings.LastIndexByte(mode, ' ')+1:])
	if err != nil {
		t.Fatal(err)
	}
	k, err := cluster.ParseKey("saddr")
	if err != nil {
		t.Fatal(err)
	}
	b, got, whole := cluster.NewBins(width, hard, 1<<20, k), map[string]binned{}, map[string]binned{}
	for r, err := range argus.Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		b.Add(r)
	}
	for r := range b.All() {
		first, last := r.Flow.Span()
		start := floorTo(first, mode)
		if hard && (first != start || last-first != binWidth(mode)) {
			t.Errorf("a record of a hard bin is from %d to %d", first, last)
		}
		source := address(&r.Flow.Key, r.Flow.Src)
		addRow(got, strconv.FormatInt(start/1e9, 10)+" "+source, r)
		addRow(whole, source, r)
	}
	if !sameTotals(whole, totalsOf(t, stream)) {
		t.Errorf("%s: the bins do not add up to the records", mode)
	}
	return got
}

// rabins returns what rabins puts into each bin, and into all of them.
func rabins(t *testing.T, file, mode string) (cells, whole map[string]binned) {
	t.Helper()
	args := append(strings.Fields("-m saddr -M"), strings.Fields(strings.Replace(" "+mode, " "+mode[strings.LastIndexByte(mode, ' ')+1:], " time "+mode[strings.LastIndexByte(mode, ' ')+1:], 1))...)
	cells, whole = map[string]binned{}, map[string]binned{}
	for _, line := range racluster(t, "rabins", file, args) {
		f := strings.Split(line, ",")
		if len(f) < 20 || f[0] == "man" {
			continue
		}
		n := func(i int) float64 { v, _ := strconv.ParseFloat(f[i], 64); return v }
		seconds, fraction, _ := strings.Cut(f[12], ".")
		s, _ := strconv.ParseInt(seconds, 10, 64)
		us, _ := strconv.ParseInt(fraction, 10, 64)
		v := binned{[2]float64{n(6), n(7)}, [2]float64{n(8), n(9)}, n(5)}
		for to, key := range map[*map[string]binned]string{&cells: strconv.FormatInt(floorTo(s*1e9+us*1e3, mode)/1e9, 10) + " " + f[1], &whole: f[1]} {
			sum := (*to)[key]
			for i := range sum.packets {
				sum.packets[i] += v.packets[i]
				sum.bytes[i] += v.bytes[i]
			}
			sum.records += v.records
			(*to)[key] = sum
		}
	}
	return cells, whole
}

func binWidth(mode string) int64 {
	d, _ := time.ParseDuration(mode[strings.LastIndexByte(mode, ' ')+1:])
	return int64(d)
}

func floorTo(ns int64, mode string) int64 { return ns - ns%binWidth(mode) }

// binStreams are captures of which some flows last longer than a bin, with status reports every minute, and a sensor's records.
func binStreams(t *testing.T) map[string][]byte {
	t.Helper()
	streams := map[string][]byte{}
	b, err := os.ReadFile(shared(t, "formats", "argus-vectors", "v3-argus3", "tcp4_long.arg"))
	if err != nil {
		t.Fatal(err)
	}
	streams["tcp4_long"] = b
	for _, row := range corpus(t) {
		config := flow.DefaultConfig()
		config.StatusInterval = time.Minute
		p := newPipeline(config)
		p.enc.Version = argus.V3
		p.read(t, pcap(t, row["file"]))
		records, longest := 0, int64(0)
		for r := range argus.Records(sensible(t, p.out, []string{"matrix"})) {
			first, last := r.Flow.Span()
			records, longest = records+1, max(longest, last-first)
		}
		if records >= 10 && longest > 20e9 {
			streams[row["file"]] = p.out
		}
	}
	return streams
}

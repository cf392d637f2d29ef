package cluster

import (
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// BenchmarkAdd merges a million records of 10,000 flows; a step is one record.
func BenchmarkAdd(b *testing.B) {
	for name, spec := range map[string]string{"flow": "", "saddr daddr proto dport": "saddr daddr proto dport", "saddr/24": "saddr/24", "matrix": "matrix"} {
		b.Run(name, func(b *testing.B) {
			k, err := ParseKey(spec)
			if err != nil {
				b.Fatal(err)
			}
			c, records := New(1<<20, k), benchRecords(spec == "")
			for _, r := range records {
				c.Add(r)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c.Add(records[i%len(records)])
				i++
			}
		})
	}
}

// BenchmarkBins puts records of 5 seconds into bins of 2.
func BenchmarkBins(b *testing.B) {
	w, err := ParseWidth("2s")
	if err != nil {
		b.Fatal(err)
	}
	bins, records := NewBins(w, false, 1<<20, Key{}), benchRecords(true)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		bins.Add(records[i%len(records)])
		i++
	}
}

func benchRecords(own bool) []*argus.Record {
	records := make([]*argus.Record, 10_000)
	for i := range records {
		r := plain(17, "10.0.0.1", "10.2.0.2", uint16(i), 53, int64(i)/1000)
		r.Flow.Src[3], r.Flow.Src[2] = byte(i), byte(i>>8)
		r.Flow.Side[0].Last, r.Flow.Side[0].Packets = r.Flow.Side[0].First+5e9, 10
		r.Label = []byte(`{"site":"north"}`)
		if own {
			r.Has, r.Flow.ID = argus.HasExtension, uint64(i)
		}
		records[i] = r
	}
	return records
}

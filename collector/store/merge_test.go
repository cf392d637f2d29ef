package store

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestMergingPays: files of any sizes that come in any order are merged into few, and no row is written often.
func TestMergingPays(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for name, size := range map[string]func() int64{
		"equal":        func() int64 { return 1 << 15 },
		"tiny":         func() int64 { return 1 },
		"any":          func() int64 { return 1 + int64(rnd.IntN(1<<20)) },
		"mostly small": func() int64 { return 1 + int64(rnd.Uint32()>>rnd.IntN(31))%fullRows },
	} {
		var files []File
		rows, written, full, made := int64(0), int64(0), 0, 0
		for n := range 3000 {
			files = append(files, File{Name: fmt.Sprint(n), Rows: size()})
			files[len(files)-1].Bytes = files[len(files)-1].Rows * 50
			rows += files[len(files)-1].Rows
			for list := worthMerging(files); n%50 == 49 && list != nil; list = worthMerging(files) {
				sum, cost := int64(0), int64(0)
				for _, f := range list {
					sum, cost = sum+f.Rows, cost+mergeCost(&f)
				}
				if cost > mergeMemory+mergeCost(&list[len(list)-1]) {
					t.Fatalf("%s: %d files take %d octets", name, len(list), cost)
				}
				names := map[string]bool{}
				for _, f := range list {
					names[f.Name] = true
				}
				files = slices.DeleteFunc(files, func(f File) bool { return names[f.Name] })
				written, made = written+sum, made+1
				for parts := (sum + 2*fullRows - 1) / (2 * fullRows); parts > 0; parts-- {
					if part := sum / parts; part >= fullRows {
						full++
					} else {
						files = append(files, File{Name: fmt.Sprintf("%d-%d", n, made), Rows: part})
					}
				}
			}
		}
		t.Logf("%s: 3000 files are %d full ones and %d; a row was written %.1f times more", name, full, len(files), float64(written)/float64(rows))
		if len(files) > bits.Len(fullRows)+10 || float64(written)/float64(rows) > 8 {
			t.Errorf("%s: %d files are left, a row was written %.1f times more", name, len(files), float64(written)/float64(rows))
		}
	}
}

// TestRowsOutOfOrderAreNotMerged: a file whose rows are not in order would spoil that of all others.
func TestRowsOutOfOrderAreNotMerged(t *testing.T) {
	uncompressed(t)
	s, _ := fleet(t, folder(memoryDir(t)), 1, 2)
	defer s.Close()
	left := 20
	hour := start.Truncate(time.Hour)
	f, err := writeFile[Row](t.Context(), s.manifest, hour.UnixMicro(), 20, func(rows []Row) (int, error) {
		for i := range rows {
			left--
			rows[i] = Row{Monitor: monitor.String(), STime: hour.UnixMicro() + int64(left)}
		}
		return len(rows), nil
	})
	if err == nil {
		err = s.manifest.commit(t.Context(), &entry{Files: []File{f}})
	}
	if err != nil {
		t.Fatal(err)
	}
	failed := false
	for range 5 {
		_, err := s.Compact(t.Context(), later())
		failed = failed || errors.Is(err, errOrder)
	}
	if !failed || !slices.ContainsFunc(s.files(), func(left File) bool { return left.Name == f.Name }) {
		t.Errorf("noticed %v, %d files", failed, len(s.files()))
	}
}

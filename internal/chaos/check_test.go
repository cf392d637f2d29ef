//go:build linux

package chaos

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
)

// row is what the checker reads of a record in Parquet. It does not use the collector's code: neither its queries nor its schema.
type row struct {
	Monitor  string `parquet:"monitor"`
	Epoch    string `parquet:"epoch"`
	Sequence int64  `parquet:"sequence"`
	SrcAddr  string `parquet:"saddr"`
	SrcPort  uint16 `parquet:"sport"`
	Packets  int64  `parquet:"spkts"`
	Bytes    int64  `parquet:"sbytes"`
}

// identity is that of a record.
type identity struct {
	monitor, epoch string
	sequence       uint64
}

// verdict is what the checker found.
type verdict struct {
	made, stored          int
	lost, doubled         int // records that the spool took and the store does not have; and that it has more than once
	renumbered, corrupted int // under another sequence than the spool gave; with other content
	unclaimed             int // in the store, and killed before the log could say so: no fault
	examples              []string
}

func (v *verdict) good() bool { return v.lost+v.doubled+v.renumbered+v.corrupted == 0 }

func (v *verdict) note(format string, args ...any) {
	if len(v.examples) < 10 {
		v.examples = append(v.examples, fmt.Sprintf(format, args...))
	}
}

// claims reads a sender's log: the number of the record with each sequence that the spool took.
func claims(name, monitor string, into map[identity]uint64) (longest int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var last int64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var n, count, first uint64
		var epoch string
		var at int64
		if k, _ := fmt.Sscanf(lines.Text(), "k %d %d %s %d", &n, &count, &epoch, &first); k == 4 && len(epoch) == 16 {
			for i := range count {
				into[identity{monitor, epoch, first + i}] = n + i
			}
		}
		if k, _ := fmt.Sscanf(lines.Text(), "d %d %d", &at, &n); k == 2 {
			if last != 0 {
				longest = max(longest, at-last)
			}
			last = at
		}
	}
	return longest, nil
}

// committed returns the names of the data files of flows that count: an engine that reads the folder by a pattern would meet those
// of commits that a kill cut off. This list is all that the checker takes from the collector's code.
func committed(dir string) ([]string, error) {
	b, err := store.OpenBucket(dir)
	if err != nil {
		return nil, err
	}
	v, err := store.OpenView(context.Background(), b)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	var names []string
	for _, f := range v.Files() {
		if strings.HasPrefix(f.Name, "flows/") {
			names = append(names, f.Name)
		}
	}
	return names, nil
}

// check compares the records that were made with the rows of the store.
func check(dir string, made map[identity]uint64) (v verdict, err error) {
	files, err := committed(dir)
	if err != nil {
		return v, err
	}
	v.made = len(made)
	seen := map[identity]int{}
	numbers := map[string]map[uint64]identity{}
	for _, name := range files {
		rows, err := parquet.ReadFile[row](filepath.Join(dir, name))
		if err != nil {
			return v, fmt.Errorf("%s: %w", name, err)
		}
		for i := range rows {
			v.see(&rows[i], made, seen, numbers)
		}
	}
	for id, n := range made {
		if seen[id] == 0 {
			v.lost++
			v.note("lost: record %d, %v", n, id)
		}
	}
	return v, nil
}

func (v *verdict) see(r *row, made map[identity]uint64, seen map[identity]int, numbers map[string]map[uint64]identity) {
	v.stored++
	id := identity{r.Monitor, r.Epoch, uint64(r.Sequence)}
	if seen[id]++; seen[id] > 1 {
		v.doubled++
		v.note("doubled: %v", id)
		return
	}
	src, err := netip.ParseAddr(r.SrcAddr)
	if err != nil || !src.Is4() {
		v.corrupted++
		v.note("source %q: %v", r.SrcAddr, id)
		return
	}
	n, whole := NumberOf(src.As4(), r.SrcPort, uint64(r.Packets), uint64(r.Bytes))
	if !whole {
		v.corrupted++
		v.note("content: %v", id)
		return
	}
	if want, claimed := made[id]; !claimed {
		v.unclaimed++
	} else if want != n {
		v.renumbered++
		v.note("record %d has %v, which the spool gave to %d", n, id, want)
	}
	if numbers[r.Monitor] == nil {
		numbers[r.Monitor] = map[uint64]identity{}
	}
	if other, twice := numbers[r.Monitor][n]; twice {
		v.doubled++
		v.note("record %d twice: %v and %v", n, other, id)
	}
	numbers[r.Monitor][n] = id
}

package reader

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// span of a record, ns.
type spanOf struct{ begin, end int64 }

// calendar writes records of 500 days, 24 hours and the last minutes to a file, numbered from 1 on.
func calendar(t *testing.T, now time.Time) (name string, spans []spanOf) {
	t.Helper()
	e := argus.Encoder{Version: argus.V3, Monitor: uuid.UUID{15: 1}}
	var flows []byte
	add := func(at time.Time, lasts time.Duration) {
		r := flow.Record{Cause: flow.CauseStart, Start: at.UnixNano()}
		r.Family, r.Proto, r.Src[0], r.Dst[0], r.SrcPort, r.DstPort = flow.FamilyIPv4, flow.ProtoUDP, 10, 11, 5, 53
		r.Side[0] = flow.Side{Packets: 2, Bytes: 120, First: at.UnixNano(), Last: at.Add(lasts).UnixNano()}
		flows = e.AppendFlow(flows, &r)
		spans = append(spans, spanOf{at.UnixNano(), at.Add(lasts).UnixNano()})
	}
	now = now.Truncate(time.Second).Add(350 * time.Millisecond)
	for d := range 500 {
		add(now.AddDate(0, 0, -d), 20*time.Second)
	}
	for m := range 24 * 60 {
		add(now.Add(-time.Duration(m)*time.Minute), 5*time.Second)
	}
	for h := range 24 { // at the very ends of ranges
		hour := now.Truncate(time.Hour).Add(-time.Duration(h) * time.Hour)
		for _, at := range []time.Duration{0, 10 * time.Minute, 12 * time.Minute} {
			add(hour.Add(at), 0)
			add(hour.Add(at), 5*time.Second)
			add(hour.Add(at-5*time.Second), 5*time.Second)
		}
	}
	if _, err := argus.Number(flows, 1); err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(t.TempDir(), "calendar.arg")
	start := e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Start: now.UnixNano(), Now: now.UnixNano(), Interval: 60})
	if err := os.WriteFile(name, append(start, flows...), 0o600); err != nil {
		t.Fatal(err)
	}
	return name, spans
}

// raSelects returns the numbers of the records that Debian's ra finds in a time range.
func raSelects(t *testing.T, file, times string) (numbers []int) {
	t.Helper()
	ra, err := exec.LookPath("ra")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	out, err := exec.CommandContext(t.Context(), ra, "-F", "/dev/null", "-L", "-1", "-n", "-c", ",", "-s", "seq", "-r", file, "-t", times, "-", "udp").Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) { // 1: none
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// TestTimeRangesAgreeWithRa: a range selects the records that Debian's ra selects by it.
func TestTimeRangesAgreeWithRa(t *testing.T) {
	began := time.Now()
	file, spans := calendar(t, began)
	hour := began.Add(-3 * time.Hour).Truncate(time.Hour).Add(10 * time.Minute)
	stamp := strconv.FormatInt(hour.Unix(), 10)
	ranges := []string{
		"6", "06", "05-06", "03:10-03:12", "03:10", "03:10:20-03:10:50", "03:10+2m", "05+1h", "03:10-5m",
		hour.Format("02.15"), hour.Format("02.15:04"), hour.Format("01/02.15:04"), hour.Format("2006/01/02.15:04:05") + "+40s",
		hour.Format("2006/01/02"), hour.Format("01/02"), hour.Format("2006/01/02") + "+1d", hour.Format("2006/01"), hour.Format("2006"), "2025",
		hour.Format("2006/01/02.15:00") + "-" + hour.Format("2006/01/02.15:04"), hour.AddDate(0, -2, 0).Format("2006/01") + "-" + hour.Format("2006/01"),
		"**.06", "*:59", "****/11/21", "*:10", "*:10-*:12", "*d*h10m", hour.Format("02") + "d*h10m", hour.Format("2006y01m02d15h"), hour.Format("02d15h"), "5h", "5h10m",
		"-1h", "-2h+5m", "-2h5m+5m", "-2h10m+5m", "-1d", "-1d+1h", "-1d-1h", "-2d", "-1M", "-1M+1d", "-1y", "-2y", "-1y+1d", "-1d2h",
		stamp + "+2m", stamp + "-" + stamp[:len(stamp)-3] + "999", stamp,
		"x03:10-03:12", "xi03:10-03:12", "c03:10-03:12", "xc03:10-03:12", "n" + stamp + "+1s", "i03:10-03:12",
	}
	some := 0
	for _, text := range ranges {
		var ours, theirs []int
		for range 3 { // a minute may end between the two
			r, err := ParseTimeRange(text, time.Now())
			if err != nil {
				t.Errorf("%s: %v", text, err)
				break
			}
			ours = ours[:0]
			for i, s := range spans {
				if r.Match(s.begin, s.end) {
					ours = append(ours, i+1)
				}
				since, until := r.Bounds()
				if r.Match(s.begin, s.end) && (!since.IsZero() && s.end < since.UnixNano() || !until.IsZero() && s.begin >= until.UnixNano()) {
					t.Fatalf("%s selects a record out of its bounds", text)
				}
			}
			if theirs = raSelects(t, file, text); slices.Equal(ours, theirs) {
				break
			}
		}
		if !slices.Equal(ours, theirs) {
			t.Errorf("%s: %d records, ra has %d", text, len(ours), len(theirs))
		}
		if len(ours) > 0 && len(ours) < len(spans) {
			some++
		}
	}
	if some < len(ranges)/2 {
		t.Errorf("only %d of %d ranges selected anything", some, len(ranges))
	}
}

func TestTimeRangesThatAreNone(t *testing.T) {
	now := time.Date(2026, 11, 22, 6, 30, 0, 0, time.UTC)
	for _, text := range []string{"", "x", "i", "24", "14:60", "2026/13", "2026/02/30", "1/2/3/4", "14:10:20:30", "21.", ".", "/", "a", "-", "-5", "-0m", "-5q", "+1m", "15-14",
		"14-", "14+", "14+5", "99999999999999999999", "2026/11/21.", "**", "5m3h", "-3m2h", "14:1x", "x-", "1795324200-1795324100", "-9999999999y"} {
		r, err := ParseTimeRange(text, now)
		if text == "**" { // every hour of today
			if err != nil || !r.Match(now.UnixNano(), now.UnixNano()) {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestLongRecords: a record that lasts over several occurrences of a range is found between its ends too.
func TestLongRecords(t *testing.T) {
	now := time.Date(2026, 11, 22, 6, 30, 0, 0, time.UTC)
	r, err := ParseTimeRange("*:10", now)
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour, minute int) int64 { return time.Date(2026, 11, 22, hour, minute, 0, 0, time.UTC).UnixNano() }
	for _, c := range []struct {
		begin, end int64
		want       bool
	}{{at(3, 50), at(5, 5), true}, {at(3, 50), at(4, 5), false}, {at(3, 12), at(3, 59), false}, {at(3, 11), at(3, 11), true}, {0, at(5, 5), true}} {
		if r.Match(c.begin, c.end) != c.want {
			t.Errorf("%+v: %v", c, !c.want)
		}
	}
}

func FuzzTimeRange(f *testing.F) {
	for _, s := range []string{"14:10-15", "2026/11/21.05:10+2m", "-2h5m+5m", "xc**.14", "1999y1m23d10h", "10d*h*m15s", "1270616652+2s", "*/*/*.*:*:*-*/*/*.*:*:*", "1000-7000"} {
		f.Add(s, int64(1795324200_000000000), int64(90_000000000))
	}
	now := time.Date(2026, 11, 22, 6, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string, begin, lasts int64) {
		r, err := ParseTimeRange(text, now)
		if err != nil {
			return
		}
		end := begin + max(lasts, 0)
		if end < begin {
			return
		}
		in := r.Match(begin, end)
		since, until := r.Bounds()
		if in && (!since.IsZero() && end < since.UnixNano() || !until.IsZero() && until.Year() < 2200 && begin >= until.UnixNano()) {
			t.Errorf("%q selects a record out of its bounds", text)
		}
		not := r
		not.not = !r.not
		if not.Match(begin, end) == in {
			t.Errorf("%q and its contrary agree", text)
		}
	})
}

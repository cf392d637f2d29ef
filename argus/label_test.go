package argus

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendLabel(t *testing.T) {
	long := strings.Repeat("ö", 600) // of two octets each
	for name, c := range map[string]struct {
		pairs []Pair
		want  string
	}{
		"nothing":                  {nil, ""},
		"in their order":           {[]Pair{{"b", "1"}, {"a", "2"}}, `{"b":"1","a":"2"}`},
		"what JSON would escape":   {[]Pair{{"path", `C:\a "b"` + "\n\x7f"}}, `{"path":"C:/a 'b'  "}`},
		"octets that are no UTF-8": {[]Pair{{"k", "a\xffb"}}, "{\"k\":\"a\ufffdb\"}"},
		"the last one dropped":     {[]Pair{{"a", "1"}, {"b", long}}, `{"a":"1"}`},
		"and all after it":         {[]Pair{{"a", "1"}, {"b", long}, {"c", "3"}}, `{"a":"1"}`},
		"a first one cut":          {[]Pair{{"a", long}, {"c", "3"}}, `{"a":"` + long[:2*504] + `"}`},
		"a key too long":           {[]Pair{{long, "1"}}, ""},
		"just fitting":             {[]Pair{{"a", strings.Repeat("x", 1008)}}, `{"a":"` + strings.Repeat("x", 1008) + `"}`},
		"one too many":             {[]Pair{{"a", strings.Repeat("x", 1009)}}, `{"a":"` + strings.Repeat("x", 1008) + `"}`},
	} {
		if got := string(AppendLabel([]byte("before"), c.pairs...)); got != "before"+c.want {
			t.Errorf("%s: %d octets %.80s, want %d %.80s", name, len(got)-6, got, len(c.want), c.want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { AppendLabel(make([]byte, 0, 1100), Pair{"inf", "enp0s31f6"}, Pair{"site", "x"}) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzAppendLabel: whatever the values, a label is JSON without a backslash, within the limit, and begins as the whole would.
func FuzzAppendLabel(f *testing.F) {
	f.Add("inf", "enp0s31f6", "site", `a\b"c`, 3)
	f.Add("", "\xf0\x9f\x98\x80", "\x00", strings.Repeat("y", 300), 4)
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string, times int) {
		pairs := []Pair{{k1, strings.Repeat(v1, min(max(times, 0), 600))}, {k2, v2}, {"z", v1}}
		got := AppendLabel(nil, pairs...)
		if len(got) > maxLabel || !utf8.Valid(got) || strings.ContainsAny(string(got), "\\\n\x00") || len(got) > 0 && !json.Valid(got) {
			t.Fatalf("%d octets: %s", len(got), got)
		}
		if r := one(t, (&Encoder{Label: got}).AppendFlow(nil, &sampleRecords()[0])); string(r.Label) != string(got) {
			t.Fatalf("came back as %s", r.Label)
		}
		if few := AppendLabel(nil, pairs[:1]...); len(got) > 0 && !strings.HasPrefix(string(got), strings.TrimSuffix(string(few), "}")) {
			t.Fatalf("%s does not begin with the first pair %s", got, few)
		}
	})
}

package cluster

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

func TestMergeLabels(t *testing.T) {
	for _, test := range [][3]string{
		{`{"proc":"p0","pid":4711}`, `{"proc":"p1","pid":12}`, `{"proc":["p0","p1"],"pid":[4711,12]}`},
		{`{"a":1}`, `{"a":1}`, `{"a":1}`},
		{`{"a":[1,2]}`, `{"a":[2,3],"b":{"c":"]}"}}`, `{"a":[1,2,3],"b":{"c":"]}"}}`},
		{`{"a":"x"}`, ``, `{"a":"x"}`},
		{`{}`, `{"a":1}`, `{"a":1}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`proc=curl:site=a,b`, `proc=wget`, `{"proc":["curl","wget"],"site":["a","b"]}`},
		{`{"proc":"curl"}`, `proc=wget`, `{"proc":["curl","wget"]}`},
		{`free text`, `{"a":1}`, `{"label":"free text","a":1}`},
		{`say "x\y"`, `z`, `{"label":["say \"x\\y\"","z"]}`},
		{`{"broken":`, `{"a":true}`, `{"label":"{\"broken\":","a":true}`},
		{`{ "a" : "x,y:z\"" , "b" : [ ] }`, `{"a":"q"}`, `{"a":["x,y:z\"","q"]}`},
	} {
		if got := string(mergeLabels([]byte(test[0]), []byte(test[1]))); got != test[2] {
			t.Errorf("%s and %s:\n got %s\nwant %s", test[0], test[1], got, test[2])
		}
	}
}

// TestLabelRoom: merged labels stay valid JSON of at most 1016 octets, and what is there stays there.
func TestLabelRoom(t *testing.T) {
	c := New(1, Key{})
	for i := range 500 {
		r := plain(17, "10.0.0.1", "10.0.0.2", 1, 2, int64(i))
		r.Label = argus.AppendLabel(nil, argus.Pair{Key: "site", Value: "north"}, argus.Pair{Key: "user", Value: strings.Repeat("u", i%7) + itoa(uint32(i))})
		c.Add(r)
		for m := range c.All() {
			if len(m.Label) > maxLabel || !json.Valid(m.Label) || !strings.HasPrefix(string(m.Label), `{"site":"north","user":`) {
				t.Fatalf("after %d: %s", i, m.Label)
			}
		}
	}
	for m := range c.All() {
		if len(m.Label) < maxLabel-20 {
			t.Errorf("only %d octets are used", len(m.Label))
		}
	}
}

// TestLabelExact: a label of 1016 octets has room, and none of 1017.
func TestLabelExact(t *testing.T) {
	for more, want := range map[int]int{0: maxLabel, 1: 9} {
		// {"a":1,"b":"x..."} and {"a":[1,"x..."]}
		for _, label := range []string{`{"b":"` + strings.Repeat("x", maxLabel-7-7+more) + `"}`, `{"a":"` + strings.Repeat("x", maxLabel-7-5+more) + `"}`} {
			got := mergeLabels([]byte(`{"a":1}`), []byte(label))
			if more == 1 {
				want = len(`{"a":1}`)
			}
			if len(got) != want || !json.Valid(got) {
				t.Errorf("%d more: %d octets: %.20s", more, len(got), got)
			}
		}
	}
}

func FuzzLabels(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x"],"b":{}}`), []byte(`k=v,w:l=`))
	f.Add([]byte(`text`), []byte(`{"a":"\u00e4\\"}`))
	f.Add([]byte(strings.Repeat("k=v:", 250)), []byte("=:="))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if have, _ := parseLabel(a); len(a) > maxLabel || len(b) > maxLabel || len(have) == 0 {
			return
		}
		got := mergeLabels(append([]byte(nil), a...), b)
		if len(got) > maxLabel || !json.Valid(got) {
			t.Fatalf("%q and %q became %q", a, b, got)
		}
		if again := mergeLabels(append([]byte(nil), got...), b); len(got) < maxLabel/2 && string(again) != string(got) {
			t.Fatalf("%q and once more %q became %q", got, b, again)
		}
	})
}

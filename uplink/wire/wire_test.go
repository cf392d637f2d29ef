package wire

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
)

func sample() Token {
	t := Token{Collectors: []string{"soc.example.net:8443", "[2001:db8::1]:8443"}, Secret: NewSecret()}
	copy(t.CA[:], strings.Repeat("c", 32))
	return t
}

func TestTokenSurvivesOnlyWhole(t *testing.T) {
	tok := sample()
	text := tok.String()
	got, err := ParseToken(" \n" + text + "\r\n")
	if err != nil || !reflect.DeepEqual(got, tok) {
		t.Fatalf("got %v, %v", got, err)
	}
	for n := len(TokenPrefix); n < len(text); n++ {
		if _, err := ParseToken(text[:n]); err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Fatalf("cut at %d of %d: %v, want \"cut off\"", n, len(text), err)
		}
	}
	for i := len(TokenPrefix); i < len(text); i++ {
		c := byte('A')
		if text[i] == c {
			c = 'B'
		}
		if got, err := ParseToken(text[:i] + string(c) + text[i+1:]); err == nil {
			t.Fatalf("changed at %d: accepted as %v", i, got)
		}
	}
	for in, want := range map[string]string{
		"":                                     "not an enrolment token",
		"argus2.AAAA":                          "not an enrolment token",
		text + "AAAA":                          "something follows",
		text + text:                            "damaged",
		"argus1.\x00\x01":                      "cut off",
		"argus1." + strings.Repeat("A", 10000): "more than any real one",
	} {
		_, err := ParseToken(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", in, err, want)
		}
		if err != nil && strings.Contains(err.Error(), tok.Secret.String()) {
			t.Error("the error repeats the secret")
		}
	}
}

func TestTokenRefusesBadAddresses(t *testing.T) {
	for _, c := range []string{"", "host", "host:", "host:0", "host:http", ":443", "a b:443", "http://h:443", "user@h:1", strings.Repeat("h", 260) + ":1"} {
		if CheckAddress(c) == nil {
			t.Errorf("%q accepted", c)
		}
		if s := (Token{Collectors: []string{c}}).String(); s != "" {
			t.Errorf("token for %q: %q", c, s)
		}
	}
	for _, c := range []string{"h:1", "192.0.2.1:443", "[::1]:8443"} {
		if err := CheckAddress(c); err != nil {
			t.Error(err)
		}
	}
	if (Token{}).String() != "" {
		t.Error("a token without a collector was written")
	}
}

func TestSecret(t *testing.T) {
	s := NewSecret()
	got, err := ParseSecret(s.String())
	if err != nil || got != s || got.Hash() != s.Hash() || s.Hash() == NewSecret().Hash() {
		t.Fatal(got, err)
	}
	if _, err := ParseSecret(s.String()[1:]); err == nil {
		t.Error("short secret accepted")
	}
}

func TestWatermark(t *testing.T) {
	w := Watermark{Epoch(0xabc), 18446744073709551615}
	if s := w.String(); s != "0000000000000abc-18446744073709551615" {
		t.Fatal(s)
	}
	if got, err := ParseWatermark(w.String()); err != nil || got != w {
		t.Fatal(got, err)
	}
	for _, s := range []string{"", "-", "abc-1", "0000000000000000-1", "0000000000000ABC-1", "0000000000000abc", "0000000000000abc-",
		"0000000000000abc--1", "0000000000000abc-+1", "0000000000000abc-01", "0000000000000abc-18446744073709551616", "+000000000000abc-1"} {
		if w, err := ParseWatermark(s); err == nil {
			t.Errorf("%q accepted as %v", s, w)
		}
	}
	if a, b := NewEpoch(), NewEpoch(); a == b {
		t.Error("two epochs are the same")
	}
}

func TestMonitorOf(t *testing.T) {
	id := uuid.Must(uuid.NewV4())
	other, _ := url.Parse("https://example.net/" + id.String())
	if got, err := MonitorOf([]*url.URL{other, MonitorURI(id)}); err != nil || got != id {
		t.Fatal(got, err)
	}
	bad := []string{"argus://monitor/", "argus://other/" + id.String(), "argus://monitor/" + strings.ToUpper(id.String()) + "x",
		"argus://monitor/" + id.String() + "?x", "argus://u@monitor/" + id.String(), "argus://monitor/" + uuid.Nil.String(), "argus://monitor//" + id.String()}
	for _, s := range bad {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := MonitorOf([]*url.URL{u}); err == nil {
			t.Errorf("%s accepted as %v", s, got)
		}
	}
	if _, err := MonitorOf([]*url.URL{MonitorURI(id), MonitorURI(uuid.Must(uuid.NewV4()))}); err == nil {
		t.Error("two monitors accepted")
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(sample().String())
	f.Add("argus1.AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := ParseToken(s)
		if err == nil && tok.String() != strings.Join(strings.Fields(s), "") { // a terminal's line breaks do no harm
			t.Fatalf("%q parsed, but is written as %q", s, tok.String())
		}
	})
}

func FuzzParseWatermark(f *testing.F) {
	f.Add("0000000000000abc-12")
	f.Fuzz(func(t *testing.T, s string) {
		if w, err := ParseWatermark(s); err == nil && w.String() != s {
			t.Fatalf("%q parsed, but is written as %q", s, w)
		}
	})
}

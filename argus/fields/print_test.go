package fields

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestEnds: nothing but the padding of columns is taken off or left.
func TestEnds(t *testing.T) {
	columns, err := Parse("proto,svid,flgs,label,dvid")
	if err != nil {
		t.Fatal(err)
	}
	r := &argus.Record{Kind: argus.KindFlow, Label: []byte("a\x7f")}
	r.Flow.Family, r.Flow.Proto, r.Flow.HasMAC = flow.FamilyIPv4, flow.ProtoTCP, true
	for _, c := range []struct {
		want    string
		printer func(w io.Writer) Printer
	}{
		{"proto,svid,flgs,label,dvid\ntcp,, e,a\x7f,\n", func(w io.Writer) Printer { return NewCSV(w, columns, numbers) }},
		{`{"proto":"tcp","flgs":" e","label":"a\u007f"}` + "\n", func(w io.Writer) Printer { return NewJSON(w, columns, numbers) }},
		{"Proto sVid Flgs Label dVid\ntcp   e         a. \n", func(w io.Writer) Printer { return NewText(w, columns, Style{Separator: " ", Precision: 99}) }},
		{"Proto sVid     Flgs                Label   dVid \n   tcp         e        a.\n", func(w io.Writer) Printer { return NewText(w, columns, Style{Precision: -5}) }},
	} {
		var out bytes.Buffer
		p := c.printer(&out)
		if err := p.Print(r); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if strings.HasPrefix(c.want, "Proto sVid  ") { // the titles' padding is the business of TestLinesLikeRa
			_, got, _ = strings.Cut(got, "\n")
			_, c.want, _ = strings.Cut(c.want, "\n")
		}
		if got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for _, precision := range []int{-1, 10, 1 << 30} {
		if line := NewRow(Default(), Style{Precision: precision}).Append(nil, r); len(line) == 0 {
			t.Errorf("no line with %d digits", precision)
		}
	}
}

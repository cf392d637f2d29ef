package reader

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// TestHabits: what of ra is not here says what to do instead; what does nothing here is taken.
func TestHabits(t *testing.T) {
	for line, want := range map[string]string{
		"-E file": "-E of ra is not here: run it again", "-A": "--count", "-d -A": "no daemon", "-P bytes": "--sort", "-Z b": "history", "-q -r x": "--count",
		"-F /etc/ra.conf": "as flags", "-L -2": "-L -2", "-T -1": "-T -1", "-e x": "argus-collector", "-M label=x": "argus-collector",
		"-M time": "--bins", "-M time x": "--bins", "-M man": "filter man", "-M xml": "known here",
	} {
		if _, err := parse(append(strings.Fields(line), "-")...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	for _, line := range []string{"-F /dev/null -X -L 0", "-L -1 -T 5", "-M noman", "-n -n -r x", "-M hard time 10s"} {
		if _, err := parse(append(strings.Fields(line), "-")...); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	o, err := parse("-M", "time", "5m", "hard", "-", "tcp")
	if err != nil || o.bins != "5m" || !o.hard || o.Expression()[0] != "tcp" {
		t.Errorf("-M time 5m hard: %+v, %v", o, err)
	}
}

// TestRegularExpressions: -e looks at user data, -M label= at labels, as ra's do.
func TestRegularExpressions(t *testing.T) {
	var b []byte
	for i, text := range []string{"SSH-2", "GET /", `{"pid":4711}`, ""} {
		e := argus.Encoder{Monitor: uuid.UUID{15: 1}}
		if i == 2 {
			e.Label = []byte(text)
		}
		r := argus.Record{}
		for rec := range argus.Records(at(&e, nil, time.Unix(1e9, 0), uint64(i+1))) {
			r = *rec
		}
		if i < 2 {
			r.Flow.Side[i].Data = []byte(text)
			r.Flow.Side[1].Packets, r.Flow.Side[1].First, r.Flow.Side[1].Last = 1, 1e18, 1e18
			r.Raw = nil
		}
		b = e.AppendRecord(b, &r)
	}
	for flags, want := range map[string][]uint64{
		"-e ^SSH": {1}, "-e s:^SSH": {1}, "-e d:^SSH": nil, "-e T": {2}, "-e d:GET": {2}, "-e s:GET": nil, "-e [A-Z]{3}": {1, 2},
		"-M label=pid": {3}, `-M label="7{1,1}11"`: {3}, "-M label=x": nil, "-M label=.": {3}, "": {1, 2, 3, 4},
	} {
		o := Options{Regexp: func(expression string) (func([]byte) bool, error) {
			re, err := regexp.Compile(expression)
			return re.Match, err
		}}
		if err := o.parse(append(strings.Fields(flags), "-")...); err != nil {
			t.Fatal(flags, err)
		}
		s, err := newSink(&o)
		if err != nil {
			t.Fatal(err)
		}
		out := &collect{}
		s.put = out
		if err := s.Records(bytes.Clone(b)); err != nil || !slices.Equal(out.octets, want) {
			t.Errorf("%s: %d, %v; want %d", flags, out.octets, err, want)
		}
	}
	o := Options{Regexp: func(string) (func([]byte) bool, error) { return nil, errors.New("bad expression") }}
	if err := o.parse("-e", "("); err == nil || !strings.Contains(err.Error(), "-e: bad expression") {
		t.Error(err)
	}
}

// TestWrittenByLabel: what -M label= does not choose is not written either.
func TestWrittenByLabel(t *testing.T) {
	e := argus.Encoder{Monitor: uuid.UUID{15: 1}}
	b := at(&e, nil, time.Unix(1e9, 0), 1)
	e.Label = []byte(`{"pid":4711}`)
	b = at(&e, b, time.Unix(1e9, 0), 2)
	for text, want := range map[string]int{"-M label=pid": 1, "-M label=nothing": 0, "": 2} {
		flags := strings.Fields(text)
		name := filepath.Join(t.TempDir(), "out")
		o := Options{Regexp: func(expression string) (func([]byte) bool, error) { return regexp.MustCompile(expression).Match, nil }}
		if err := o.parse(append(flags, "-w", name, "-")...); err != nil {
			t.Fatal(err)
		}
		if err := o.Run(t.Context(), Sources{Default: func(_ context.Context, s *Sink) error { return s.Records(b) }}); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for r := range argus.Records(written) {
			if r.Kind == argus.KindFlow {
				n++
			}
		}
		if n != want {
			t.Errorf("%q: %d records are written, want %d", flags, n, want)
		}
	}
}

// TestSeconds: -T ends what would go on for ever, and that is no failure.
func TestSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, err := parse("-w", filepath.Join(t.TempDir(), "out"), "-T", "3600")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = o.Run(t.Context(), Sources{Default: func(ctx context.Context, _ *Sink) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		if err != nil || time.Since(began) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestHelpHasTheWords: every word of a filter is in the help, once.
func TestHelpHasTheWords(t *testing.T) {
	words := strings.Fields(wordsHelp())
	for _, w := range FilterWords() {
		if !slices.Contains(words, w) {
			t.Errorf("%s is not in the help", w)
		}
	}
	for line := range strings.Lines(Help) {
		if len(line) > 145 {
			t.Errorf("a long line: %s", line)
		}
	}
}

package reader

import (
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
)

func parse(args ...string) (*Options, error) {
	var o Options
	return &o, o.parse(args...)
}

func (o *Options) parse(args ...string) error {
	fs := flag.NewFlagSet("flows", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.Flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	return o.Args(fs, fs.Args())
}

// TestArguments: command lines as they are written for ra, and for us.
func TestArguments(t *testing.T) {
	for line, want := range map[string]struct{ files, fields, filter string }{
		"-r a.arg":                                {"a.arg", "", ""},
		"-r a.arg tcp and port 80":                {"a.arg", "", "tcp and port 80"},
		"-r a.arg - tcp":                          {"a.arg", "", "tcp"},
		"-r a.arg b.arg c.arg - tcp":              {"a.arg,b.arg,c.arg", "", "tcp"},
		"-r a.arg b.arg -n -s saddr dur - udp":    {"a.arg,b.arg", "saddr,dur", "udp"},
		"-r a -R dir -s saddr,daddr -N 5 host ::": {"a,dir", "saddr,daddr", "host ::"},
		"-s -bytes +dur -r x -- not tcp":          {"x", "-bytes,+dur", "not tcp"},
		"- icmp":                                  {"", "", "icmp"},
		"-r - tcp":                                {"-", "", "tcp"},
		"-r a b -c , -":                           {"a,b", "", ""},
		"-r a -s saddr dur sport:9":               {"a", "saddr,dur,sport:9", ""},
		"-r a -s saddr - sport":                   {"a", "saddr", "sport"},
		"-r a -s saddr dur gt 5":                  {"a", "saddr", "dur gt 5"},
		"-r a -s saddr retrans":                   {"a", "saddr", "retrans"},
		"-r a -s saddr nofield":                   {"a", "saddr", "nofield"},
		"-s saddr -r options.go nofile.go":        {"options.go", "saddr", "nofile.go"},
		"-s saddr -r options.go help.go":          {"options.go,help.go", "saddr", ""},
		"-r a -n no such":                         {"a", "", "no such"},
	} {
		o, err := parse(strings.Fields(line)...)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if o.read.String() != want.files || o.fieldList.String() != want.fields || strings.Join(o.Expression(), " ") != want.filter {
			t.Errorf("%s: files %q, fields %q, filter %q; want %+v", line, o.read.String(), o.fieldList.String(), o.Expression(), want)
		}
	}
}

func TestWhatDoesNotGoTogether(t *testing.T) {
	for line, want := range map[string]string{
		"--json --csv":                      "do not go together",
		"-w x --json":                       "do not go with it",
		"-w x -s saddr":                     "do not go with it",
		"--rotate 1h":                       "-w",
		"--argus-version 4":                 "want 3 or 5",
		"-M xml":                            "json, hard, rmon",
		"-M hard":                           "--bins",
		"-B 5":                              "--bins",
		"-p 10":                             "0 to 9",
		"--top --json":                      "--top",
		"--top -w x":                        "--top",
		"--count --csv":                     "--count",
		"-m nokey":                          "nokey",
		"--sort nofield":                    "nofield",
		"--bins x":                          "--bins",
		"-t 25":                             "-t 25",
		"-N 0":                              "-N 0",
		"-N 5-2":                            "from-to",
		"-w x --rotate-size lots":           "64K",
		"tcp - udp":                         "belongs to no flag",
		"-N 9223372036854775807+9223372036": "-N",
	} {
		if _, err := parse(strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

func TestWindow(t *testing.T) {
	for text, want := range map[string][]int{
		"": {1, 2, 3, 4, 5}, "2": {1, 2}, "i2": {1, 2}, "o2": {1, 2}, "2-3": {2, 3}, "2+1": {2, 3}, "5-5": {5}, "4-9": {4, 5},
	} {
		w, err := parseWindow(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		var got []int
		for i := range 5 {
			in, last := w.take()
			if in {
				got = append(got, i+1)
			}
			if last {
				break
			}
		}
		if !slices.Equal(got, want) || w.output != (text == "o2") {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

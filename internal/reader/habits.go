package reader

import (
	"flag"
	"os"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// habits are the flags of ra and its family that are not here, by what is to be done instead. Behind a letter with a colon a value is
// expected. docs/flows.md has the table of all.
var habits = []struct{ letter, instead string }{
	{"A", "--count prints sums"},
	{"b", "a filter that cannot be read is an error that points at the word"},
	{"C:", "NetFlow is read by radium: read from that with -S"},
	{"d", "there is no daemon here: argus-collector radium and --rotate archive for ever"},
	{"D:", "there is no debug output"},
	{"E:", "run it again with the filter - not ( ... ), which chooses the others"},
	{"f:", "give the keys by -m"},
	{"H", "values are not abbreviated; -p 0 leaves fractions out"},
	{"P:", "--sort takes the fields"},
	{"q", "--count and -w print no lines"},
	{"z", "-s +history shows the packets of a connection, state what became of it"},
	{"Z:", "-s +history shows the flags of a connection in their order"},
}

// refused is such a flag.
type refused struct {
	o               *Options
	letter, instead string
}

func (r *refused) String() string { return "" }

func (r *refused) IsBoolFlag() bool { return r != nil && !strings.HasSuffix(r.letter, ":") }

func (r *refused) Set(string) error {
	if r.o.refused == nil {
		r.o.refused = cli.Usagef("-%s of ra is not here: %s", r.letter[:1], r.instead)
	}
	return nil
}

// habitFlags puts in what users of ra type out of habit.
func (o *Options) habitFlags(fs *flag.FlagSet) {
	for _, h := range habits {
		fs.Var(&refused{o, h.letter, h.instead}, h.letter[:1], cli.Hidden)
	}
	fs.IntVar(&o.style.Titles, "L", 0, "print the titles before every so many `lines`; 0: once, -1: not at all")
	fs.StringVar(&o.payload, "e", "", "only flows in whose user data this `regular expression` is found; s: or d: before it looks at one side (argus-collector)")
	fs.Int64Var(&o.seconds, "T", 0, "stop after so many `seconds`")
	fs.StringVar(&o.rarc, "F", "", cli.Hidden)
	fs.BoolVar(new(bool), "X", false, cli.Hidden) // ra's defaults are what there is
}

// checkHabits says what of ra is not here.
func (o *Options) checkHabits() (err error) {
	switch {
	case o.refused != nil:
		return o.refused
	case o.rarc != "" && o.rarc != os.DevNull && o.rarc != "/dev/null":
		return cli.Usagef("-F %s: files of ra's settings are not read here: give what they say as flags", o.rarc)
	case o.style.Titles < -1:
		return cli.Usagef("-L %d: want -1, 0 or a number of lines", o.style.Titles)
	case o.seconds < 0 || o.seconds > 1<<30:
		return cli.Usagef("-T %d: want a number of seconds", o.seconds)
	}
	if o.inPayload, err = o.regexp("-e", strings.TrimPrefix(strings.TrimPrefix(o.payload, "s:"), "d:")); err == nil {
		o.inLabel, err = o.regexp("-M label=", o.label)
	}
	return err
}

func (o *Options) regexp(flag, expression string) (func([]byte) bool, error) {
	if expression == "" {
		return nil, nil
	}
	if o.Regexp == nil {
		return nil, cli.Usagef("%s: regular expressions are looked for by argus-collector flows -r and -S, not by argus-endpoint", flag)
	}
	match, err := o.Regexp(expression)
	if err != nil {
		return nil, cli.Usagef("%s: %w", flag, err)
	}
	return match, nil
}

// matchText tells whether -e and -M label= choose a record.
func (o *Options) matchText(r *argus.Record) bool {
	if o.inLabel != nil && (len(r.Label) == 0 || !o.inLabel(r.Label)) {
		return false
	}
	if o.inPayload == nil {
		return true
	}
	for i := range r.Flow.Side {
		if data := r.Flow.Side[i].Data; len(data) > 0 && !strings.HasPrefix(o.payload, [...]string{"d:", "s:"}[i]) && o.inPayload(data) {
			return true
		}
	}
	return false
}

func (o *Options) checkModes() error {
	width := false // is what comes next
	for _, text := range o.mode.list {
		if label, ok := strings.CutPrefix(text, "label="); ok {
			o.label = strings.Trim(label, `"`)
			continue
		}
		for mode := range strings.FieldsFuncSeq(text, separates) {
			switch {
			case width:
				o.bins, width = mode, false
			case mode == "time":
				width = true
			case mode == "json":
				o.json = true
			case mode == "hard":
				o.hard = true
			case mode == "rmon":
				_ = o.keys.Set(mode)
			case mode == "noman": // what is no flow is not printed
			case mode == "man":
				return cli.Usagef("-M man: the filter man prints management records, man or far all")
			default:
				return cli.Usagef("-M %s: of ra's modes json, hard, rmon, noman, time and label= are known here; see --csv, --bins and --argus-version too", mode)
			}
		}
	}
	if width {
		return cli.Usagef("-M time wants the length of a bin: -M time 1m - FILTER, or --bins 1m")
	}
	return nil
}

func separates(c rune) bool { return c == ',' || c == ' ' }

// FilterWords returns the words of filters, for completion.
func FilterWords() []string {
	list := strings.Fields("and or not src dst")
	words := filter.Words()
	for i := range words {
		list = append(list, words[i].Name)
	}
	return list
}

// wordsHelp lists the words of filters for the help, in lines of at most 138 characters.
func wordsHelp() string {
	text, width := "Its words:", 138
	for _, w := range FilterWords() {
		if len(text)+len(w) > width {
			text += "\n "
			width = len(text) + 136
		}
		text += " " + w
	}
	return text + "\n"
}

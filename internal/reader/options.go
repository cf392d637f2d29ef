package reader

import (
	"flag"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/archive"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// Options are what the flags of a flows command ask for. The zero value prints every flow as text.
type Options struct {
	read, servers, fieldList, keys, orderList, mode words

	last *words // the list that was given last, which words before a "-" belong to

	write      string
	every      time.Duration
	size       octets
	version    int
	json, csv  bool
	style      fields.Style
	count      string
	times      string
	aggregate  bool
	bins       string
	hold       int
	tally, top bool

	// Regexp makes what finds a regular expression in octets. nil: such flags are refused, and a program is spared the package.
	Regexp func(expression string) (func([]byte) bool, error)

	refused              error
	rarc, payload, label string
	inPayload, inLabel   func([]byte) bool
	seconds              int64

	now        time.Time
	key        cluster.Key
	width      cluster.Width
	hard       bool
	order      cluster.Order
	window     window
	within     TimeRange
	given      map[string]bool
	expression []string
}

// Flags puts the flags into fs.
func (o *Options) Flags(fs *flag.FlagSet) {
	list := func(w *words, names, usage string) {
		w.all = &o.last
		for name := range strings.FieldsSeq(names) {
			fs.Var(w, name, usage)
			usage = "the same `files`, as ra has it"
		}
	}
	list(&o.read, "r R", "read these `files`: captures or Argus records, also .gz (argus-collector: .bz2, .xz and .zst too); those in a directory; - is the standard input")
	list(&o.servers, "S", "read from this Argus `server`: host[:port], argus-udp://:port or a socket's path; again when the connection is lost")
	list(&o.fieldList, "s", "print these `fields`, in the words of ra: name[:width],... ; +name adds one, -name takes one away, all")
	list(&o.keys, "m", "add up the records that have these `keys` in common, in the words of racluster: saddr/24,daddr,proto,dport")
	list(&o.orderList, "sort", "in the order of these `fields` (with --bins in each bin): -bytes,saddr; - puts the largest first, + the smallest")
	list(&o.mode, "M", "the `modes` json, hard (bins: records have their bin's times), rmon (every record in both directions), time 1m (--bins), label=REGULAR-EXPRESSION (argus-collector)")
	fs.StringVar(&o.write, "w", "", "append the records to this `file` instead of printing lines; - is the standard output; $srcid, $inf and %Y %m %d %H %M %S are filled in; .gz compresses")
	fs.DurationVar(&o.every, "rotate", 0, "with -w: begin a file each `time`, by the times of the records: 5m, 1h, 24h")
	fs.Var(&o.size, "rotate-size", "with -w: begin another file after this `size`: 100M")
	fs.IntVar(&o.version, "argus-version", 0, "with -w: write records of this `version`, 3 (for the tools of the 3.0 line) or 5; by default as they are")
	fs.BoolVar(&o.json, "json", false, "print one JSON object a line")
	fs.BoolVar(&o.csv, "csv", false, "print comma separated values")
	fs.BoolVar(&o.style.Numbers, "n", false, "print ports as numbers, not as names of services")
	fs.BoolVar(&o.style.Epoch, "u", false, "print times as seconds since 1970")
	fs.IntVar(&o.style.Precision, "p", 6, "print so many `digits` of a fraction, 0 to 9")
	fs.StringVar(&o.style.Separator, "c", "", "print this `separator` between the values, and the values whole")
	fs.BoolVar(&o.aggregate, "aggregate", false, "one line a flow, at the end, instead of one a report")
	fs.StringVar(&o.bins, "bins", "", "one line a flow and bin of this `time`: 10s, 1m, 1h, 1d; what spans bins is divided")
	fs.IntVar(&o.hold, "B", 15, "with --bins, of what comes live: a bin is done so many `seconds` after its end")
	fs.BoolVar(&o.tally, "count", false, "print sums by protocol instead of lines")
	fs.BoolVar(&o.top, "top", false, "show the flows in a full screen that follows what happens; h there shows the keys")
	fs.StringVar(&o.count, "N", "", "only the first `count` records, or those from-to or from+more; with o in front of those that are printed")
	fs.StringVar(&o.times, "t", "", "only records in this `time range`, as ra takes it: 14, 14:10-15, 2026/11/21, -10m, -2h+5m")
	o.habitFlags(fs)
}

// words is a flag of several words, which may be given more than once and be separated by commas.
type words struct {
	list []string
	all  **words
}

func (w *words) String() string { return strings.Join(w.list, ",") }

func (w *words) Set(text string) error {
	w.list = append(w.list, text)
	if w.all != nil {
		*w.all = w
	}
	return nil
}

// Args takes what stands behind the flags and returns the filter: words that are no flag, up to a "-", belong to the flag
// before them (-r FILE FILE - FILTER, -s FIELD FIELD - FILTER), flags may follow, and then the filter. Without
// a "-" all words are the filter, unless they are none and the flag before them can have them: -r FILE -s saddr daddr.
func (o *Options) Args(fs *flag.FlagSet, args []string) error {
	for {
		dash := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") })
		if dash < 0 {
			break
		}
		if dash > 0 && o.last == nil {
			return cli.Usagef("%q stands before %q, and belongs to no flag: the filter goes last", args[0], args[dash])
		}
		for _, a := range args[:dash] {
			_ = o.last.Set(a)
		}
		if args = args[dash:]; args[0] == "-" || args[0] == "--" {
			o.expression = args[1:]
			return o.check(fs)
		}
		if err := fs.Parse(args); err != nil {
			return cli.Exit(cli.ExitUsage, err)
		}
		args = fs.Args()
	}
	if _, err := filter.Parse(args); err != nil && o.takes(args) {
		for _, a := range args {
			_ = o.last.Set(a)
		}
		args = nil
	}
	o.expression = args
	return o.check(fs)
}

// takes tells whether words can belong to the flag before them.
func (o *Options) takes(args []string) bool {
	text := strings.Join(args, ",")
	var err error
	switch o.last {
	case &o.fieldList:
		_, err = fields.Parse(text)
	case &o.keys:
		_, err = cluster.ParseKey(text)
	case &o.orderList:
		_, err = cluster.ParseOrder(text, fields.Compare)
	case &o.read:
		_, err = archive.Files(args)
	default:
		return false
	}
	return err == nil
}

// check says what does not go together.
func (o *Options) check(fs *flag.FlagSet) (err error) {
	o.given = map[string]bool{}
	fs.Visit(func(f *flag.Flag) { o.given[f.Name] = true })
	if err := o.checkModes(); err != nil {
		return err
	}
	if err := o.checkHabits(); err != nil {
		return err
	}
	if o.now.IsZero() {
		o.now = time.Now()
	}
	if o.window, err = parseWindow(o.count); err != nil {
		return cli.Usagef("-N %s: %w", o.count, err)
	}
	if o.times != "" {
		if o.within, err = ParseTimeRange(o.times, o.now); err != nil {
			return cli.Usagef("-t %s: %w", o.times, err)
		}
	}
	if err := o.checkStages(); err != nil {
		return err
	}
	return o.checkOutput()
}

// checkStages reads what is to become of the records.
func (o *Options) checkStages() (err error) {
	if o.key, err = cluster.ParseKey(o.keys.String()); err != nil {
		return cli.Usagef("-m: %w", err)
	}
	if o.order, err = cluster.ParseOrder(o.orderList.String(), fields.Compare); err != nil {
		return cli.Usagef("--sort: %w", err)
	}
	if o.bins != "" {
		if o.width, err = cluster.ParseWidth(o.bins); err != nil {
			return cli.Usagef("--bins: %w", err)
		}
	}
	o.aggregate = o.aggregate || len(o.keys.list) > 0 && o.bins == ""
	switch {
	case o.bins == "" && (o.hard || o.given["B"]):
		return cli.Usagef("-M hard and -B are about the bins of --bins")
	case o.hold < 0:
		return cli.Usagef("-B %d: want 0 seconds or more", o.hold)
	case o.style.Precision < 0 || o.style.Precision > 9:
		return cli.Usagef("-p %d: want 0 to 9 digits", o.style.Precision)
	case o.top && (o.write != "" || o.json || o.csv || o.tally || o.bins != ""):
		return cli.Usagef("--top shows a screen: -w, --json, --csv, --count and --bins do not go with it")
	case o.tally && (o.write != "" || o.csv || len(o.orderList.list) > 0 || o.given["s"]):
		return cli.Usagef("--count prints sums: -w, --csv, --sort and -s do not go with it")
	}
	return nil
}

func (o *Options) checkOutput() error {
	v := argus.Version(o.version)
	switch w := o.given["w"]; {
	case o.json && o.csv:
		return cli.Usagef("--json and --csv do not go together")
	case w && (o.json || o.csv || o.given["s"]):
		return cli.Usagef("-w writes Argus records: --json, --csv and -s print lines, and do not go with it")
	case !w && (o.given["rotate"] || o.given["rotate-size"]):
		return cli.Usagef("--rotate and --rotate-size are about the files of -w")
	case v != 0 && v != argus.V3 && v != argus.V5:
		return cli.Usagef("--argus-version %d: want 3 or 5", o.version)
	}
	return nil
}

// Reading tells whether files or servers are named to read from.
func (o *Options) Reading() bool { return len(o.read.list)+len(o.servers.list) > 0 }

// Expression is the filter, as it was given.
func (o *Options) Expression() []string { return o.expression }

// Version is that of the records to write, 0 when nobody says.
func (o *Options) Version() argus.Version { return argus.Version(o.version) }

// Within is the time range of -t, the zero range if none was given.
func (o *Options) Within() TimeRange { return o.within }

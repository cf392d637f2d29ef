package cli

import (
	"flag"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// unbundle takes apart what getopt(3) lets stand together, and package flag does not know: -nr FILE is -n -r FILE, -L0 is -L 0.
func unbundle(c *ffcli.Command, args []string) []string {
	var out []string
	for i, arg := range args {
		switch {
		case i > 0 && takesValue(c.FlagSet, args[i-1]):
			out = append(out, arg)
		case arg == "-" || arg == "--":
			return append(out, args[i:]...)
		case strings.HasPrefix(arg, "-"):
			out = append(out, split(c.FlagSet, arg)...)
		default:
			out = append(out, arg)
			for _, sub := range c.Subcommands {
				if strings.EqualFold(sub.Name, arg) {
					return append(out, unbundle(sub, args[i+1:])...)
				}
			}
		}
	}
	return out
}

// takesValue tells whether arg is a flag, or ends with one, whose value is the next argument.
func takesValue(fs *flag.FlagSet, arg string) bool {
	if !strings.HasPrefix(arg, "-") || strings.Contains(arg, "=") {
		return false
	}
	pieces := split(fs, arg)
	f := fs.Lookup(strings.TrimLeft(pieces[len(pieces)-1], "-"))
	return f != nil && !isBool(f)
}

// split returns the flags of one letter that arg is made of, else arg.
func split(fs *flag.FlagSet, arg string) (flags []string) {
	name, _, _ := strings.Cut(arg[1:], "=")
	if name == "" || name[0] == '-' || fs.Lookup(name) != nil {
		return []string{arg}
	}
	for i := 1; i < len(arg); i++ {
		f := fs.Lookup(arg[i : i+1])
		switch {
		case f == nil:
			return []string{arg}
		case !isBool(f) && i+1 < len(arg):
			return append(flags, "-"+f.Name+"="+arg[i+1:])
		}
		flags = append(flags, "-"+f.Name)
	}
	return flags
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

package cli

import (
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// help is the text of --help: what the command does, how it is called, its commands and flags, then LongHelp with examples.
func help(c *ffcli.Command, path string) string {
	var b strings.Builder
	if c.ShortHelp != "" {
		fmt.Fprintf(&b, "%s: %s\n\n", path, c.ShortHelp)
	}
	usage := c.ShortUsage
	if usage == "" {
		usage = path + " [flags]"
	}
	fmt.Fprintf(&b, "Usage:\n  %s\n", strings.ReplaceAll(usage, "\n", "\n  "))
	if len(c.Subcommands) > 0 {
		b.WriteString("\nCommands:\n")
		w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
		for _, sub := range c.Subcommands {
			fmt.Fprintf(w, "  %s\t%s\n", sub.Name, sub.ShortHelp)
		}
		w.Flush()
	}
	writeFlags(&b, c.FlagSet)
	if c.LongHelp != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.LongHelp))
	}
	return b.String()
}

func writeFlags(b *strings.Builder, fs *flag.FlagSet) {
	any := false
	w := tabwriter.NewWriter(b, 0, 0, 3, ' ', 0)
	fs.VisitAll(func(f *flag.Flag) {
		if strings.HasPrefix(f.Usage, Hidden) {
			return
		}
		if !any {
			b.WriteString("\nFlags:\n")
			any = true
		}
		placeholder, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  %s\t%s%s\n", strings.TrimRight(dashed(f.Name)+" "+placeholder, " "), text, defaultText(f))
	})
	w.Flush()
}

// Hidden begins the usage text of a flag that help and completion leave out.
const Hidden = "hidden: "

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func defaultText(f *flag.Flag) string {
	switch f.DefValue {
	case "", "0", "0s", "false", "[]":
		return ""
	}
	return fmt.Sprintf(" (default %s)", f.DefValue)
}

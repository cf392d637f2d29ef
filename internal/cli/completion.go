package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// Completion returns the command that prints root's shell completion. arguments are words that may stand behind the flags, by the names of
// commands.
func Completion(root *ffcli.Command, arguments map[string][]string) *ffcli.Command {
	return &ffcli.Command{
		Name:       "completion",
		ShortUsage: root.Name + " completion bash|zsh|fish",
		ShortHelp:  "print the completion script of a shell",
		LongHelp: fmt.Sprintf("Examples:\n  source <(%[1]s completion bash)\n  %[1]s completion fish > ~/.config/fish/completions/%[1]s.fish",
			root.Name),
		Exec: func(_ context.Context, args []string) error {
			if len(args) != 1 {
				return Usagef("completion wants one argument: bash, zsh or fish")
			}
			return writeCompletion(os.Stdout, root, arguments, args[0])
		},
	}
}

func writeCompletion(w io.Writer, root *ffcli.Command, arguments map[string][]string, shell string) error {
	switch shell {
	case "bash":
		return bashCompletion(w, root, arguments)
	case "zsh":
		// zsh runs bash's completion functions through bashcompinit.
		fmt.Fprintln(w, "autoload -U +X bashcompinit && bashcompinit")
		return bashCompletion(w, root, arguments)
	case "fish":
		return fishCompletion(w, root, arguments)
	}
	return Usagef("no completion for %q: bash, zsh and fish are known", shell)
}

// words calls f for every command of the tree, the deepest first (a shell's case takes the first match),
// with the words that lead to it and its flags.
func words(c *ffcli.Command, path string, f func(path string, c *ffcli.Command, flags []*flag.Flag)) {
	var flags []*flag.Flag
	if c.FlagSet != nil {
		c.FlagSet.VisitAll(func(fl *flag.Flag) {
			if !strings.HasPrefix(fl.Usage, Hidden) {
				flags = append(flags, fl)
			}
		})
	}
	for _, sub := range c.Subcommands {
		words(sub, strings.TrimSpace(path+" "+sub.Name), f)
	}
	f(path, c, flags)
}

func bashCompletion(w io.Writer, root *ffcli.Command, arguments map[string][]string) error {
	fn := "_" + strings.ReplaceAll(root.Name, "-", "_")
	fmt.Fprintf(w, "%s() {\n  local chosen=() w\n  for w in \"${COMP_WORDS[@]:1:$((COMP_CWORD-1))}\"; do [[ $w == [a-z]* ]] && chosen+=(\"$w\"); done\n", fn)
	fmt.Fprintln(w, "  local words switches args\n  case \"${chosen[*]}\" in")
	words(root, "", func(path string, c *ffcli.Command, flags []*flag.Flag) {
		var list, switches []string
		for _, sub := range c.Subcommands {
			list = append(list, sub.Name)
		}
		for _, f := range flags {
			list = append(list, dashed(f.Name))
			if isBool(f) {
				switches = append(switches, dashed(f.Name))
			}
		}
		pattern := fmt.Sprintf("%q", path)
		if path != "" {
			pattern += "*"
		}
		fmt.Fprintf(w, "    %s) words=%q", pattern, strings.Join(list, " "))
		if more := arguments[c.Name]; len(more) > 0 {
			fmt.Fprintf(w, "; switches=%q; args=%q", strings.Join(switches, " "), strings.Join(more, " "))
		}
		fmt.Fprintln(w, " ;;")
	})
	fmt.Fprintln(w, "  esac\n  w=${COMP_WORDS[COMP_CWORD-1]}\n  [[ $w != -* || $w == - || \" $switches \" == *\" $w \"* ]] && words+=\" $args\"")
	_, err := fmt.Fprintf(w, "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F %s %s\n", fn, root.Name)
	return err
}

func fishCompletion(w io.Writer, root *ffcli.Command, arguments map[string][]string) error {
	var err error
	words(root, "", func(path string, c *ffcli.Command, flags []*flag.Flag) {
		condition := "__fish_use_subcommand"
		if path != "" {
			condition = "__fish_seen_subcommand_from " + path[strings.LastIndexByte(path, ' ')+1:]
		}
		for _, sub := range c.Subcommands {
			_, err = fmt.Fprintf(w, "complete -c %s -f -n %q -a %s -d %q\n", root.Name, condition, sub.Name, sub.ShortHelp)
		}
		if more := arguments[c.Name]; len(more) > 0 {
			fmt.Fprintf(w, "complete -c %s -n %q -a %q\n", root.Name, condition, strings.Join(more, " "))
		}
		for _, f := range flags {
			option := "-l " + f.Name
			if len(f.Name) == 1 {
				option = "-s " + f.Name
			}
			_, text := flag.UnquoteUsage(f)
			_, err = fmt.Fprintf(w, "complete -c %s -n %q %s -d %q\n", root.Name, condition, option, text)
		}
	})
	return err
}

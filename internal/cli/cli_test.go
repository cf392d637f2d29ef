package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peterbourgon/ff/v3"
	"github.com/peterbourgon/ff/v3/ffcli"
)

func tree(exec func(context.Context, []string) error) *ffcli.Command {
	fs := flag.NewFlagSet("flows", flag.ExitOnError)
	fs.Int("count", 0, "stop after `N` flows")
	fs.String("secret-switch", "", Hidden)
	fs.Bool("n", false, "numbers")
	fs.Bool("x", false, "more")
	fs.String("r", "", "a `file`")
	return &ffcli.Command{Name: "prog", ShortHelp: "does things", Subcommands: []*ffcli.Command{
		{Name: "flows", ShortHelp: "prints flows", FlagSet: fs, LongHelp: "Examples:\n  prog flows", Exec: exec, Subcommands: []*ffcli.Command{
			{Name: "below", FlagSet: flag.NewFlagSet("below", flag.ExitOnError), Exec: exec},
		}},
	}}
}

func TestExitCodes(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name   string
		args   []string
		err    error
		code   int
		stdout string
		stderr string
	}{
		{"works", []string{"flows"}, nil, ExitOK, "", ""},
		{"fails", []string{"flows"}, boom, ExitFailure, "", "prog: boom"},
		{"chosen code", []string{"flows"}, Exit(ExitRunning, boom), ExitRunning, "", "prog: boom"},
		{"wrong use", []string{"flows"}, Usagef("bad %d", 7), ExitUsage, "", "prog: bad 7\nTry 'prog --help'."},
		{"help", []string{"flows", "--help"}, nil, ExitOK, "--count N   stop after N flows", ""},
		{"unknown flag", []string{"flows", "--nope"}, nil, ExitUsage, "", "-nope"},
		{"bad value", []string{"flows", "--count", "x"}, nil, ExitUsage, "", `invalid value "x"`},
		{"flag of the command above", []string{"flows", "-n", "below"}, nil, ExitUsage, "", "-n stands before below"},
		{"command below", []string{"flows", "below"}, nil, ExitOK, "", ""},
		{"no command", nil, nil, ExitUsage, "", "Commands:"},
		{"unknown command", []string{"dance"}, nil, ExitUsage, "", `unknown command "dance"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			code := Run(t.Context(), tree(func(context.Context, []string) error { return c.err }), c.args, &stdout, &stderr)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(stdout.String(), c.stdout) || (c.stdout == "") != (stdout.Len() == 0) {
				t.Errorf("stdout %q, want %q in it", stdout.String(), c.stdout)
			}
			if !strings.Contains(stderr.String(), c.stderr) || (c.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("stderr %q, want %q in it", stderr.String(), c.stderr)
			}
			if strings.Contains(stdout.String(), "secret-switch") {
				t.Error("help shows a hidden flag")
			}
		})
	}
}

// TestUnbundle: flags as getopt lets them be written are those that package flag reads.
func TestUnbundle(t *testing.T) {
	for line, want := range map[string]string{
		"flows -nr file - tcp":       "flows -n -r file - tcp",
		"flows -nxr- --count 5":      "flows -n -x -r=- --count 5",
		"flows -nn tcp":              "flows -n -n tcp",
		"flows -r -nx -nx":           "flows -r -nx -n -x",
		"flows -nr -nx -nx":          "flows -n -r -nx -n -x",
		"flows --r -nx -r=1 -xn":     "flows --r -nx -r=1 -x -n",
		"flows - -nx":                "flows - -nx",
		"flows -r - -nx":             "flows -r - -n -x",
		"flows -r - tcp":             "flows -r - tcp",
		"flows -r - - tcp":           "flows -r - - tcp",
		"flows -r -- -nx -=3":        "flows -r -- -n -x -=3",
		"flows -- -nx":               "flows -- -nx",
		"flows a -xn - -xn":          "flows a -x -n - -xn",
		"flows -count 5 -nope -help": "flows -count 5 -nope -help",
		"-nx flows":                  "-nx flows",
		"-r":                         "-r",
		"FLOWS -n=true -nx=1 -":      "FLOWS -n=true -nx=1 -",
	} {
		root := tree(nil)
		prepare(root, "prog", &bytes.Buffer{})
		if got := strings.Join(unbundle(root, strings.Fields(line)), " "); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func FuzzUnbundle(f *testing.F) {
	f.Add("flows\n-r\n-\n-nx\n-=\n\n--")
	f.Fuzz(func(t *testing.T, lines string) {
		root := tree(nil)
		prepare(root, "prog", &bytes.Buffer{})
		args := strings.Split(lines, "\n")
		if got := unbundle(root, args); len(got) < len(args) {
			t.Errorf("%q became %q", args, got)
		}
	})
}

func TestConfFile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
		warning    string
		err        string
	}{
		{"bare", "ARGUS_COUNT=5", 5, "", ""},
		{"quoted, spaces, comment", "  ARGUS_COUNT = \"7\"  # seven\n\n# nothing", 7, "", ""},
		{"without prefix", "count=3 # three", 3, "", ""},
		{"as Argus comments", "ARGUS_COUNT=6 // six", 6, "", ""},
		{"as Argus comments behind quotes", "ARGUS_COUNT=\"8\"\t// eight", 8, "", ""},
		{"no value but a comment", "ARGUS_COUNT= # many", 0, "", `argus.conf:1: bad value ""`},
		{"marks inside a value", "ARGUS_COUNT=a//b#c", 0, "", `argus.conf:1: bad value "a//b#c"`},
		{"windows line ends", "ARGUS_COUNT=4\r\n", 4, "", ""},
		{"empty", "", 0, "", ""},
		{"unknown", "\nARGUS_DAEMON=no\n", 0, `argus.conf:2: unknown setting "ARGUS_DAEMON"`, ""},
		{"bad value", "# x\nARGUS_COUNT=many", 0, "", `argus.conf:2: bad value "many" for ARGUS_COUNT`},
		{"no equals sign", "ARGUS_COUNT", 0, "", `argus.conf:1: "ARGUS_COUNT" is not NAME=value`},
		{"open quotes", `ARGUS_COUNT="5`, 0, "", "argus.conf:1: the quotes of ARGUS_COUNT do not close"},
		{"a line without end", strings.Repeat("x", maxConfLine+1), 0, "", "argus.conf:1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "argus.conf")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			fs := flag.NewFlagSet("", flag.ContinueOnError)
			count := fs.Int("count", 0, "")
			var warning string
			err := ff.Parse(fs, nil, ff.WithConfigFile(file), ff.WithConfigFileParser(ConfFile(fs, func(m string) { warning += m }, nil)))
			if *count != c.want {
				t.Errorf("count %d, want %d", *count, c.want)
			}
			if !strings.Contains(warning, c.warning) || (c.warning == "") != (warning == "") {
				t.Errorf("warning %q, want %q", warning, c.warning)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func FuzzConfFile(f *testing.F) {
	f.Add("ARGUS_COUNT=5\n# x\nARGUS_X=\"a b\" # y\n")
	f.Add("ARGUS_COUNT=\"5\nARGUS_=\n=\n")
	f.Fuzz(func(t *testing.T, text string) {
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		fs.String("count", "", "")
		ConfFile(fs, func(string) {}, nil)(strings.NewReader(text), func(name, value string) error {
			if name != "count" {
				t.Errorf("sets %q, which is no flag", name)
			}
			if strings.Contains(value, "\n") {
				t.Errorf("value %q runs over its line", value)
			}
			return nil
		})
	})
}

// TestCompletion asks a real bash and a real zsh what they offer after some words.
func TestCompletion(t *testing.T) {
	var script strings.Builder
	root := tree(nil)
	arguments := map[string][]string{"flows": {"tcp", "udp"}}
	root.Subcommands = append(root.Subcommands, Completion(root, arguments))
	if err := writeCompletion(&script, root, arguments, "bash"); err != nil {
		t.Fatal(err)
	}
	// As zsh's bashcompinit calls a function of bash's.
	const asZsh = "compdef() { :; }\nautoload -U +X bashcompinit && bashcompinit\nemulate sh\nsetopt kshglob noshglob braceexpand nokshautoload\n"
	for shell, before := range map[string]string{"bash": "", "zsh": asZsh} {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skip(shell + " is not installed")
			}
			for words, want := range map[string]string{
				"prog ":               "flows completion",
				"prog fl":             "flows",
				"prog flows --":       "--count",
				"prog flows t":        "tcp",
				"prog flows -n u":     "udp",
				"prog flows -r f - u": "udp",
				"prog flows -r u":     "",
				"prog completion t":   "",
			} {
				fields := strings.Split(words, " ")
				ask := before + script.String() + "\nCOMP_WORDS=('" + strings.Join(fields, "' '") + "')\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_prog\necho ${COMPREPLY[@]}\n"
				cmd := exec.Command(path, "-c", ask)
				cmd.Env = append(os.Environ(), "ZDOTDIR="+t.TempDir())
				out, err := cmd.CombinedOutput()
				offered := strings.Fields(string(out))
				if shell == "zsh" { // it chooses among them by itself
					offered = slices.DeleteFunc(offered, func(w string) bool { return !strings.HasPrefix(w, fields[len(fields)-1]) })
				}
				if err != nil || strings.Join(offered, " ") != want {
					t.Errorf("after %q %s offers %q (%v), want %q", words, shell, out, err, want)
				}
			}
		})
	}
}

package cli

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/peterbourgon/ff/v3"
)

// maxConfLine bounds a line of a configuration file, in octets.
const maxConfLine = 64 << 10

// Setting is a line of a configuration file.
type Setting struct {
	Name   string // as it is written, with or without the prefix ARGUS_
	Value  string
	Quoted bool   // it stood in double quotes
	Place  string // file:line
}

// ConfFile returns a parser of argus.conf syntax for the flags of fs: lines of NAME=value, the value bare or in double
// quotes; a line that begins with # is a comment, and so is what follows # or // behind a space. ARGUS_SPOOL_SIZE=1G sets
// the flag spool-size; the prefix ARGUS_ may be left out. translate, if there is one, turns the settings of the whole file into those to use.
// A name that is no flag goes to warn with its place; a value that the flag refuses is an error naming file and line.
func ConfFile(fs *flag.FlagSet, warn func(message string), translate func([]Setting) ([]Setting, error)) ff.ConfigFileParser {
	return func(r io.Reader, set func(name, value string) error) error {
		settings, err := readConf(r)
		if err == nil && translate != nil {
			settings, err = translate(settings)
		}
		if err != nil {
			return err
		}
		for _, s := range settings {
			name := FlagName(s.Name)
			if fs.Lookup(name) == nil {
				warn(fmt.Sprintf("%s: unknown setting %q is ignored", s.Place, s.Name))
				continue
			}
			if err := set(name, s.Value); err != nil {
				return fmt.Errorf("%s: bad value %q for %s: %w", s.Place, s.Value, s.Name, err)
			}
		}
		return nil
	}
}

// readConf reads the settings of a file.
func readConf(r io.Reader) (settings []Setting, err error) {
	name := "configuration"
	if f, ok := r.(interface{ Name() string }); ok {
		name = f.Name()
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxConfLine)
	n := 0
	for lines.Scan() {
		n++
		s, ok, err := confLine(lines.Text())
		s.Place = fmt.Sprintf("%s:%d", name, n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Place, err)
		}
		if ok {
			settings = append(settings, s)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, n+1, err)
	}
	return settings, nil
}

// FlagName returns the name of the flag that a setting of a configuration file stands for.
func FlagName(key string) string {
	key = strings.TrimPrefix(strings.ToLower(key), "argus_")
	return strings.ReplaceAll(key, "_", "-")
}

// confLine splits one line of argus.conf syntax. ok is false for an empty line or a comment.
func confLine(line string) (s Setting, ok bool, err error) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return s, false, nil
	}
	key, value, found := strings.Cut(line, "=")
	s.Name = strings.TrimSpace(key)
	if !found || s.Name == "" || strings.ContainsAny(s.Name, " \t\"") {
		return s, false, fmt.Errorf("%q is not NAME=value", line)
	}
	value = strings.TrimSpace(value)
	if s.Quoted = strings.HasPrefix(value, `"`); !s.Quoted {
		s.Value = uncomment(" " + value)
		return s, true, nil
	}
	value, rest, found := strings.Cut(value[1:], `"`)
	if !found || uncomment(" "+rest) != "" {
		return s, false, fmt.Errorf("the quotes of %s do not close", s.Name)
	}
	s.Value = value
	return s, true, nil
}

// uncomment cuts a bare value where a comment begins: only behind a space, so that paths and addresses may hold the marks.
func uncomment(value string) string {
	for i := 1; i < len(value); i++ {
		if (value[i-1] == ' ' || value[i-1] == '\t') && (value[i] == '#' || strings.HasPrefix(value[i:], "//")) {
			return strings.TrimSpace(value[:i])
		}
	}
	return strings.TrimSpace(value)
}

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

// ConfFile returns a parser of argus.conf syntax for the flags of fs: lines of NAME=value, the value bare or in double
// quotes; a line that begins with # is a comment, and so is what follows # or // behind a space. ARGUS_SPOOL_SIZE=1G sets
// the flag spool-size; the prefix ARGUS_ may be left out.
// A name that is no flag goes to warn with its place; a value that the flag refuses is an error naming file and line.
func ConfFile(fs *flag.FlagSet, warn func(message string)) ff.ConfigFileParser {
	return func(r io.Reader, set func(name, value string) error) error {
		name := "configuration"
		if f, ok := r.(interface{ Name() string }); ok {
			name = f.Name()
		}
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxConfLine)
		n := 0
		for lines.Scan() {
			n++
			key, value, ok, err := confLine(lines.Text())
			if err != nil {
				return fmt.Errorf("%s:%d: %w", name, n, err)
			}
			if !ok {
				continue
			}
			flagName := FlagName(key)
			if fs.Lookup(flagName) == nil {
				warn(fmt.Sprintf("%s:%d: unknown setting %q is ignored", name, n, key))
				continue
			}
			if err := set(flagName, value); err != nil {
				return fmt.Errorf("%s:%d: bad value %q for %s: %w", name, n, value, key, err)
			}
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n+1, err)
		}
		return nil
	}
}

// FlagName returns the name of the flag that a setting of a configuration file stands for.
func FlagName(key string) string {
	key = strings.TrimPrefix(strings.ToLower(key), "argus_")
	return strings.ReplaceAll(key, "_", "-")
}

// confLine splits one line of argus.conf syntax. ok is false for an empty line or a comment.
func confLine(line string) (key, value string, ok bool, err error) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", "", false, nil
	}
	key, value, found := strings.Cut(line, "=")
	key = strings.TrimSpace(key)
	if !found || key == "" || strings.ContainsAny(key, " \t\"") {
		return "", "", false, fmt.Errorf("%q is not NAME=value", line)
	}
	value = strings.TrimSpace(value)
	if !strings.HasPrefix(value, `"`) {
		return key, uncomment(" " + value), true, nil
	}
	value, rest, found := strings.Cut(value[1:], `"`)
	if !found || uncomment(" "+rest) != "" {
		return "", "", false, fmt.Errorf("the quotes of %s do not close", key)
	}
	return key, value, true, nil
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

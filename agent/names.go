package agent

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// shortNameLen is the room that a record has for the name of its interface (Argus record format, section 2.1).
const shortNameLen = 4

// shortName returns a name of at most 4 octets that is not in use: the name itself, its beginning as Argus would cut it,
// its beginning and end, or at last a letter and three digits drawn from it. The whole name goes into the records' label.
func shortName(name string, used func(string) bool) string {
	n := len(name)
	if n <= shortNameLen && !used(name) {
		return name
	}
	for _, try := range []string{name[:min(n, shortNameLen)], name[:min(n, 2)] + name[max(n-2, 0):], name[:min(n, 1)] + name[max(n-3, 0):]} {
		if len(try) <= shortNameLen && !used(try) {
			return try
		}
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	const space = 36 * 36 * 36
	for i := range uint32(space) {
		digits := strconv.FormatUint(uint64((h.Sum32()+i)%space), 36)
		try := name[:min(n, 1)] + ("000" + digits)[len(digits):]
		if len(try) <= shortNameLen && !used(try) {
			return try
		}
	}
	return name[:min(n, shortNameLen)]
}

// infKey is the label's key of an interface's whole name.
const infKey = "inf"

// label returns what the records of an interface say beside their flow, the same in all of them: its name where that is too long
// for them, then what the operator has them say.
func (c *Config) label(name string) []byte {
	pairs := make([]argus.Pair, 0, 1+len(c.Label))
	if len(name) > shortNameLen {
		pairs = append(pairs, argus.Pair{Key: infKey, Value: name})
	}
	for _, text := range c.Label {
		key, value, _ := strings.Cut(text, "=")
		pairs = append(pairs, argus.Pair{Key: key, Value: value})
	}
	return argus.AppendLabel(nil, pairs...)
}

const (
	maxLabelKey = 32  // octets
	maxLabels   = 512 // octets of all pairs: tools that merge flows merge their labels, and nothing reads more than 1016
)

// checkLabel holds the operator's pairs to what every reader prints as it is.
func (c *Config) checkLabel() error {
	var keys []string
	size := 0
	for _, text := range c.Label {
		key, value, found := strings.Cut(text, "=")
		switch {
		case !found || key == "" || len(key) > maxLabelKey || strings.Trim(key, keyLetters) != "":
			return fmt.Errorf("label %q: want KEY=VALUE, a key has at most %d letters, digits and any of .-_", text, maxLabelKey)
		case key == infKey:
			return fmt.Errorf("label %q: %s is the name of the interface", text, infKey)
		case slices.Contains(keys, key):
			return fmt.Errorf("label %q: the key stands twice", text)
		case value == "" || !utf8.ValidString(value) || strings.ContainsAny(value, `"\`) || strings.ContainsFunc(value, unprintable):
			return fmt.Errorf(`label %q: want a value of printable characters without " and \`, text)
		}
		keys, size = append(keys, key), size+len(`"":"",`)+len(text)-1
	}
	if size > maxLabels {
		return fmt.Errorf("the labels take %d octets of each record, want at most %d", size, maxLabels)
	}
	return nil
}

const keyLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

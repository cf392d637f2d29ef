package agent

import (
	"strings"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// takeInterface reads ARGUS_INTERFACE.
func takeInterface(t *translation, s *cli.Setting) (why string) {
	names, notes := interfaceNames(s.Value)
	t.set(s, "interface", strings.Join(names, ","))
	return strings.Join(notes, ", ")
}

// anyInterface stands for all of them, whichever others are named.
const anyInterface = "any"

// interfaceNames reads the value of ARGUS_INTERFACE: names, or ind:, dup: and bond: with a list of them, in brackets or not, where
// each may have a link type in parentheses and a /srcid behind it. any and all are anyInterface. notes tell what of the value has no effect.
func interfaceNames(value string) (names, notes []string) {
	combined, sid := strings.ContainsAny(strings.TrimSpace(value), " \t"), false
	for item := range fieldsOutsideQuotes(value) {
		item = strings.Trim(item, "[]")
		for {
			kind, rest, found := strings.Cut(item, ":")
			if !found || kind != "ind" && kind != "dup" && kind != "bond" {
				break
			}
			combined = combined || kind != "ind"
			item = strings.Trim(rest, "[]")
		}
		name, id, _ := strings.Cut(item, "/")
		sid = sid || id != "" && id[0] != '/' && id != "inf"
		name, _, _ = strings.Cut(strings.Trim(name, "[]"), "(")
		if name == "any" || name == "all" {
			name = anyInterface
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names, notesOf(combined, sid)
}

func notesOf(combined, sid bool) (notes []string) {
	if combined {
		notes = append(notes, "each interface is metered by itself")
	}
	if sid {
		notes = append(notes, "a host has one id (ARGUS_MONITOR_ID), its records name the interface")
	}
	return notes
}

// fieldsOutsideQuotes yields what commas and spaces separate.
func fieldsOutsideQuotes(value string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		inside := false
		for field := range strings.FieldsFuncSeq(value, func(r rune) bool {
			if r == '"' {
				inside = !inside
			}
			return !inside && (r == ',' || r == ' ' || r == '\t')
		}) {
			if !yield(field) {
				return
			}
		}
	}
}

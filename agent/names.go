package agent

import (
	"hash/fnv"
	"strconv"
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

// interfaceLabel is the label of the records of an interface whose name does not fit into them.
func interfaceLabel(name string) []byte {
	if len(name) <= shortNameLen {
		return nil
	}
	return []byte(`{"inf":` + strconv.QuoteToASCII(name) + `}`)
}

package agent

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// monitorSpace is the namespace of the UUIDs that stand for names (RFC 9562 section 5.5).
var monitorSpace = uuid.NewV5(uuid.NamespaceURL, "argus://monitor/")

// The kinds of identities of a few octets (Argus record format, section 2.1).
const (
	idIPv4   = 0x01
	idIPv6   = 0x02
	idInt    = 0x20
	idString = 0x21
)

// monitorID reads the value of ARGUS_MONITOR_ID as argus.conf(5) describes it, [type:/]sid[/inf], where a record always has the
// interface that it is of. What argus has as four octets stays that in the UUID (argus.ID.Host), so that a v3 stream has the same
// srcid as Argus's. It returns the nil UUID for `hostuuid` and for nothing.
func monitorID(value string) (uuid.UUID, error) {
	v := strings.TrimSpace(value)
	kind, rest, typed := strings.Cut(v, ":/")
	if !typed {
		kind, rest = "", v
	}
	sid, _, _ := strings.Cut(rest, "/")
	if strings.HasPrefix(rest, `"`) { // a string may hold anything
		sid = rest
		if i := strings.LastIndex(rest, `"/`); i > 0 {
			sid = rest[:i+1]
		}
	}
	id, ok := readID(kind, sid)
	switch {
	case !ok:
		return id, fmt.Errorf("monitor ID %q: want a UUID, `hostuuid`, `hostname`, an IPv4 or IPv6 address, "+
			"a number below 2^32, a host name or a \"string\"", value)
	case id == uuid.Max || id.IsNil() && sid != "" && sid != hostUUID:
		return id, fmt.Errorf("monitor ID %s: all hosts that leave it unset would share it; leave it out to use the host's own", v)
	}
	return id, nil
}

const hostUUID = "`hostuuid`"

// readID reads an identity that is of the kind uuid, ipv4, ipv6, int or str, or of any with "".
func readID(kind, sid string) (id uuid.UUID, ok bool) {
	may := func(k string) bool { return kind == "" || kind == k }
	if text, quotes := quoted(sid); quotes {
		if u, err := uuid.FromString(text); err == nil && may("uuid") {
			return u, true
		}
		return stringID(text), may("str") && text != "" && !strings.ContainsFunc(text, unprintable)
	}
	if sid == "" || sid == hostUUID {
		return uuid.Nil, may("uuid")
	}
	if sid == "`hostname`" {
		name, err := os.Hostname()
		return uuid.NewV5(monitorSpace, name), err == nil && name != "" && kind == ""
	}
	if u, err := uuid.FromString(sid); err == nil && may("uuid") {
		return u, true
	}
	if a, err := netip.ParseAddr(sid); err == nil && a.Zone() == "" {
		if a.Is4() {
			return shortID(idIPv4, a.AsSlice()), may("ipv4")
		}
		return shortID(idIPv6, a.AsSlice()), may("ipv6")
	}
	if n, err := strconv.ParseUint(sid, 10, 32); err == nil && may("int") {
		return shortID(idInt, binary.BigEndian.AppendUint32(nil, uint32(n))), true
	}
	return stringID(sid), may("str") && isName(sid)
}

// stringID holds a string of up to four octets; Argus would cut a longer one, which then would stand for several hosts.
func stringID(text string) uuid.UUID {
	if len(text) <= 4 {
		return shortID(idString, []byte(text))
	}
	return uuid.NewV5(monitorSpace, text)
}

func shortID(kind uint8, octets []byte) uuid.UUID {
	id := argus.ID{Kind: kind}
	copy(id.Bytes[:], octets)
	return id.Host()
}

// isName tells whether v can be a host name (RFC 1123 section 2.1) and not a number that is too large or part of a UUID.
func isName(v string) bool {
	const digits, letters = "0123456789", "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ"
	const name = digits + letters + "abcdefABCDEF.-_"
	if v == "" || len(v) > 253 || strings.Trim(v, name) != "" || v[0] == '-' || v[0] == '.' {
		return false
	}
	return strings.ContainsAny(v, letters) || !strings.ContainsAny(v, digits)
}

func quoted(v string) (string, bool) {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1], true
	}
	return "", false
}

func unprintable(r rune) bool { return !strconv.IsPrint(r) }

package platform

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gofrs/uuid/v5"
)

// monitorSpace is the namespace of the UUIDs that stand for monitor IDs which are not UUIDs (RFC 9562 section 5.5).
var monitorSpace = uuid.NewV5(uuid.NamespaceURL, "argus://monitor/")

// monitorID reads the value of ARGUS_MONITOR_ID as argus.conf(5) describes it. It returns the nil UUID for `hostuuid`.
func monitorID(value, hostname string) (uuid.UUID, string, error) {
	const origin = "ARGUS_MONITOR_ID"
	v := strings.TrimSpace(value)
	switch v {
	case "`hostuuid`":
		return uuid.Nil, "", nil
	case "`hostname`":
		if hostname == "" {
			return uuid.Nil, "", fmt.Errorf("monitor ID %s: this host has no name; give a UUID", v)
		}
		return uuid.NewV5(monitorSpace, hostname), origin, nil
	}
	if s, ok := quoted(v); ok {
		if id, err := uuid.FromString(s); err == nil {
			return checkID(id, v)
		}
		if s == "" || strings.ContainsFunc(s, unprintable) {
			return uuid.Nil, "", fmt.Errorf("monitor ID %q: a string ID is one or more printable characters", value)
		}
		return uuid.NewV5(monitorSpace, s), origin, nil
	}
	if id, err := uuid.FromString(v); err == nil {
		return checkID(id, v)
	}
	if a, err := netip.ParseAddr(v); err == nil && a.Is4() {
		return uuid.NewV5(monitorSpace, a.String()), origin, nil
	}
	if n, err := strconv.ParseUint(v, 10, 32); err == nil {
		return uuid.NewV5(monitorSpace, strconv.FormatUint(n, 10)), origin, nil
	}
	if isName(v) {
		return uuid.NewV5(monitorSpace, v), origin, nil
	}
	return uuid.Nil, "", fmt.Errorf("monitor ID %q: want a UUID, `hostuuid`, `hostname`, an IPv4 address, "+
		"a number below 2^32, a host name or a \"string\"", value)
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

func checkID(id uuid.UUID, v string) (uuid.UUID, string, error) {
	if id.IsNil() || id == uuid.Max {
		return uuid.Nil, "", fmt.Errorf("monitor ID %s: all hosts that leave it unset would share it; leave it out to use the host's own", v)
	}
	return id, "ARGUS_MONITOR_ID", nil
}

func quoted(v string) (string, bool) {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1], true
	}
	return "", false
}

func unprintable(r rune) bool { return !strconv.IsPrint(r) }

package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Source names a server of Argus records.
type Source struct {
	Network string      // "tcp", "unix", or "udp": then Address is where records are awaited
	Address string      // host:port, or a path
	Filter  string      // what the server is asked for, in the words of ra; it may send more; empty: all
	TLS     *tls.Config // nil: in the clear

	Dial func(ctx context.Context) (net.Conn, error) // how to get there, if not by Network and Address
}

var schemes = map[string]string{"argus": "tcp", "argus-tcp": "tcp", "argus-tls": "tcp", "argus-udp": "udp", "argus-unix": "unix"}

// ParseSource reads the forms that ra -S takes: host[:port], argus://, argus-tcp:// and argus-udp:// before it, and user@, which no
// server without SASL asks for. Ours are argus-tls:// and the path of a socket, which has a / in it.
func ParseSource(text string) (Source, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "argus", text
		if strings.Contains(text, "/") {
			return Source{Network: "unix", Address: text}, nil
		}
	}
	s := Source{Network: schemes[scheme]}
	switch {
	case s.Network == "":
		return Source{}, fmt.Errorf("source %.200q: %q is not read; want host[:port], argus://, argus-tcp://, argus-tls://, argus-udp:// or a path", text, scheme)
	case s.Network == "unix":
		s.Address = rest
		return s, nil
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	host, port, err := splitHostPort(strings.TrimSuffix(rest, "/"))
	if err != nil {
		return Source{}, fmt.Errorf("source %.200q: %w", text, err)
	}
	if s.Network == "udp" && strings.EqualFold(host, "any") { // ra's word
		host = ""
	}
	if host == "" && s.Network == "tcp" {
		return Source{}, fmt.Errorf("source %.200q has no host", text)
	}
	s.Address = net.JoinHostPort(host, port)
	if scheme == "argus-tls" {
		s.TLS = &tls.Config{ServerName: host}
	}
	return s, nil
}

// splitHostPort takes an address apart, whose port may be missing.
func splitHostPort(text string) (host, port string, err error) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil && strings.HasPrefix(text, "[") == strings.HasSuffix(text, "]") {
		return a.String(), DefaultPort, nil
	}
	host, port = text, DefaultPort
	if strings.Contains(text, ":") {
		host, port, err = net.SplitHostPort(text)
	}
	if err == nil && port == "" {
		err = errors.New("the port is missing behind the colon")
	}
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	return host, port, err
}

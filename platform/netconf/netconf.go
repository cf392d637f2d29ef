// Package netconf reads what the system's administrator has set for programs that call others: search domains of names, and proxies.
package netconf

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// mostDomains is how many search domains are taken: glibc took 6 for decades.
const mostDomains = 8

// SearchDomains returns the domains in which this host looks for names without a dot, in order, without a trailing dot: of resolv.conf(5),
// on Windows of the registry and the network adapters. Where none is set it is the domain of the host's own name. The list may be empty.
func SearchDomains() []string {
	var good []string
	for _, d := range searchDomains() {
		d = strings.ToLower(strings.Trim(d, ". \t"))
		if d == "" || d == "local" || len(d) > 253 || strings.ContainsAny(d, " /\\@:\"") || slices.Contains(good, d) { // "local" is mDNS's, RFC 6762
			continue
		}
		if good = append(good, d); len(good) == mostDomains {
			break
		}
	}
	return good
}

// resolvConf returns the search list of a resolv.conf(5): of the last search or domain line.
func resolvConf(text string) (domains []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		line, _, _ = strings.Cut(line, ";")
		switch f := strings.Fields(line); {
		case len(f) > 1 && f[0] == "search":
			domains = f[1:]
		case len(f) > 1 && f[0] == "domain":
			domains = f[1:2]
		}
	}
	return domains
}

// domainOf returns what follows the first dot of a host's name.
func domainOf(host string) string {
	_, domain, _ := strings.Cut(host, ".")
	return domain
}

// Proxies are the system's settings for HTTPS. The zero value has none.
type Proxies struct {
	HTTPS  string   // host:port or URL; "" for none
	Bypass []string // hosts that are reached without: names and addresses with * in them, .domain, networks, "<local>" for names without a dot
}

// System returns the settings of the system for services: on Windows those of the account, of the machine, or of WinHTTP; on macOS those of the
// network service in use. Other systems have none but the environment's, which are not looked at here.
func System() Proxies { return system() }

// For returns the proxy to reach a host by, nil for none.
func (p Proxies) For(host string) *url.URL {
	if p.HTTPS == "" || slices.ContainsFunc(p.Bypass, func(b string) bool { return matches(b, host) }) {
		return nil
	}
	text := p.HTTPS
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "socks5" {
		return nil
	}
	return u
}

// matches tells whether a host is meant by one entry of a bypass list.
func matches(entry, host string) bool {
	entry, host = strings.ToLower(strings.TrimSpace(entry)), strings.ToLower(strings.TrimSuffix(host, "."))
	addr, err := netip.ParseAddr(host)
	isName := err != nil
	if entry == "<local>" {
		return isName && !strings.Contains(host, ".")
	}
	if n, err := netip.ParsePrefix(entry); err == nil {
		return !isName && n.Contains(addr.Unmap())
	}
	if isName && strings.HasPrefix(entry, ".") {
		return strings.HasSuffix(host, entry) || host == entry[1:]
	}
	return entry != "" && glob(entry, host)
}

// glob matches a pattern with * for any octets.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	first, rest := parts[0], parts[1:]
	if len(rest) == 0 {
		return pattern == s
	}
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	last := rest[len(rest)-1]
	for _, p := range rest[:len(rest)-1] {
		_, after, found := strings.Cut(s, p)
		if !found {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, last)
}

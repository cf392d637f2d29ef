package netconf

import (
	"encoding/binary"
	"strings"
)

// internetSettings reads the values ProxyEnable, ProxyServer and ProxyOverride of Windows' Internet Settings: one proxy for
// all, or "http=host:port;https=host:port".
func internetSettings(enabled bool, server, override string) (p Proxies) {
	if enabled {
		p.HTTPS = proxyServer(server)
		p.Bypass = splitList(override)
	}
	return p
}

func proxyServer(server string) (proxy string) {
	for part := range strings.FieldsFuncSeq(server, func(r rune) bool { return r == ';' || r == ' ' }) {
		scheme, address, several := strings.Cut(part, "=")
		switch {
		case several && strings.EqualFold(scheme, "https"):
			return address
		case !several && proxy == "":
			proxy = part
		}
	}
	return proxy
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' })
}

const (
	winHTTPHeader = 12
	useProxy      = 2 // the bit of the flags that says that there is one
)

// winHTTP reads WinHttpSettings, what `netsh winhttp set proxy` writes: size or version, counter, flags, then the proxy and the bypass list, each
// with its length before it, all in little-endian 32 bits.
func winHTTP(b []byte) (p Proxies) {
	if len(b) < winHTTPHeader || binary.LittleEndian.Uint32(b[8:])&useProxy == 0 {
		return p
	}
	server, rest := counted(b[winHTTPHeader:])
	bypass, _ := counted(rest)
	if p.HTTPS = proxyServer(server); p.HTTPS != "" {
		p.Bypass = splitList(bypass)
	}
	return p
}

func counted(b []byte) (text string, rest []byte) {
	if len(b) < 4 {
		return "", nil
	}
	n := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return "", nil
	}
	return string(b[:n]), b[n:]
}

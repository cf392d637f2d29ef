package netconf

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

const (
	tcpip    = `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
	internet = `SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings`
	policy   = `SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings`
)

func searchDomains() (domains []string) {
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, tcpip, registry.QUERY_VALUE); err == nil {
		defer k.Close()
		for _, name := range []string{"SearchList", "Domain", "NV Domain", "DhcpDomain"} {
			if s, _, err := k.GetStringValue(name); err == nil {
				domains = append(domains, splitList(s)...)
			}
		}
	}
	domains = append(domains, adapterSuffixes()...)
	if len(domains) == 0 {
		if host, err := os.Hostname(); err == nil {
			domains = append(domains, domainOf(host))
		}
	}
	return domains
}

// adapterSuffixes returns the DNS suffix of each network adapter that is up.
func adapterSuffixes() (suffixes []string) {
	size := uint32(16 << 10)
	for range 4 {
		buf := make([]byte, size)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, windows.GAA_FLAG_SKIP_UNICAST|windows.GAA_FLAG_SKIP_MULTICAST, 0, first, &size)
		if err == windows.ERROR_BUFFER_OVERFLOW {
			continue
		}
		if err != nil {
			return nil
		}
		for a := first; a != nil; a = a.Next {
			if a.OperStatus == windows.IfOperStatusUp && a.DnsSuffix != nil {
				suffixes = append(suffixes, windows.UTF16PtrToString(a.DnsSuffix))
			}
		}
		return suffixes
	}
	return nil
}

// system looks where a service finds settings: of its account, of the machine, of group policy, and what netsh winhttp has set.
func system() Proxies {
	for _, place := range []struct {
		root registry.Key
		path string
	}{{registry.LOCAL_MACHINE, policy}, {registry.CURRENT_USER, internet}, {registry.LOCAL_MACHINE, internet}} {
		if p := settingsAt(place.root, place.path); p.HTTPS != "" {
			return p
		}
	}
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, internet+`\Connections`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return Proxies{}
	}
	defer k.Close()
	b, _, err := k.GetBinaryValue("WinHttpSettings")
	if err != nil {
		return Proxies{}
	}
	return winHTTP(b)
}

func settingsAt(root registry.Key, path string) Proxies {
	k, err := registry.OpenKey(root, path, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return Proxies{}
	}
	defer k.Close()
	enabled, _, _ := k.GetIntegerValue("ProxyEnable")
	server, _, _ := k.GetStringValue("ProxyServer")
	override, _, _ := k.GetStringValue("ProxyOverride")
	return internetSettings(enabled == 1, server, override)
}

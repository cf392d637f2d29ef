//go:build !windows

package netconf

import "os"

func searchDomains() []string {
	if text, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		if d := resolvConf(string(text)); len(d) > 0 {
			return d
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return nil
	}
	return []string{domainOf(host)}
}

package netconf

import "os"

func system() Proxies {
	text, err := os.ReadFile("/Library/Preferences/SystemConfiguration/preferences.plist")
	if err != nil {
		return Proxies{}
	}
	return systemConfiguration(string(text))
}

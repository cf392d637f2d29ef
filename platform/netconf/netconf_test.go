package netconf

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

func TestSearchList(t *testing.T) {
	for text, want := range map[string]string{
		"nameserver 192.0.2.1\nsearch a.test b.test # our own\n": "a.test b.test",
		"domain old.test\nsearch new.test\n":                     "new.test",
		"search new.test\ndomain old.test extra\n":               "old.test",
		"search\nnameserver ::1":                                 "",
		"; search no.test\n\tsearch\tx.test.":                    "x.test.",
	} {
		if got := strings.Join(resolvConf(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if domainOf("host.a.test") != "a.test" || domainOf("host") != "" {
		t.Error("domain of a host's name")
	}
}

func blob(flags uint32, server, bypass string) []byte {
	b := []byte{0x28, 0, 0, 0, 7, 0, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, flags)
	for _, s := range []string{server, bypass} {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

func TestWindowsSettings(t *testing.T) {
	for name, x := range map[string]struct {
		p      Proxies
		https  string
		bypass string
	}{
		"one for all":      {internetSettings(true, "proxy:8080", "*.local;<local>"), "proxy:8080", "*.local <local>"},
		"by protocol":      {internetSettings(true, "http=a:1;https=b:2;ftp=c:3", ""), "b:2", ""},
		"no https":         {internetSettings(true, "http=a:1", ""), "", ""},
		"switched off":     {internetSettings(false, "proxy:8080", ""), "", ""},
		"winhttp":          {winHTTP(blob(3, "proxy:3128", "10.*;<local>")), "proxy:3128", "10.* <local>"},
		"winhttp direct":   {winHTTP(blob(1, "proxy:3128", "")), "", ""},
		"winhttp cut":      {winHTTP(blob(3, "proxy:3128", "")[:20]), "", ""},
		"winhttp lies":     {winHTTP([]byte("\x28\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00\xff\xff\xff\xffp:1")), "", ""},
		"winhttp is empty": {winHTTP(nil), "", ""},
	} {
		if x.p.HTTPS != x.https || strings.Join(x.p.Bypass, " ") != x.bypass {
			t.Errorf("%s: %+v", name, x.p)
		}
	}
}

const preferences = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
 <key>CurrentSet</key><string>/Sets/S1</string>
 <key>NetworkServices</key><dict>
  <key>A</key><dict><key>Proxies</key><dict><key>HTTPSEnable</key><integer>0</integer><key>HTTPSProxy</key><string>off</string></dict></dict>
  <key>B</key><dict><key>Proxies</key><dict>
   <key>ExceptionsList</key><array><string>*.local</string><string>169.254/16</string></array>
   <key>ExcludeSimpleHostnames</key><integer>1</integer>
   <key>HTTPSEnable</key><integer>1</integer><key>HTTPSPort</key><integer>3128</integer><key>HTTPSProxy</key><string>proxy.a.test</string>
  </dict><key>More</key><true/></dict>
 </dict>
 <key>Sets</key><dict><key>S1</key><dict><key>Network</key><dict><key>Global</key><dict><key>IPv4</key><dict>
  <key>ServiceOrder</key><array><string>A</string><string>B</string></array></dict></dict></dict></dict></dict>
</dict></plist>`

func TestMacSettings(t *testing.T) {
	p := systemConfiguration(preferences)
	if p.HTTPS != "proxy.a.test:3128" || !slices.Equal(p.Bypass, []string{"*.local", "169.254/16", "<local>"}) {
		t.Errorf("%+v", p)
	}
	for _, text := range []string{"", "bplist00\x00", preferences[:200], strings.Repeat("<dict>", 100000), strings.ReplaceAll(preferences, "S1", "..")} {
		if p := systemConfiguration(text); p.HTTPS != "" && !strings.Contains(text, "..") {
			t.Errorf("%.20q: %+v", text, p)
		}
	}
}

func TestBypass(t *testing.T) {
	p := Proxies{HTTPS: "proxy:8080", Bypass: []string{"<local>", "*.a.test", "10.*", "192.0.2.0/24", ".b.test", "exact.test", "*mid*dle*"}}
	for host, direct := range map[string]bool{
		"collector": true, "x.a.test": true, "a.test": false, "10.1.2.3": true, "100.1.2.3": false, "192.0.2.77": true, "198.51.100.1": false,
		"b.test": true, "x.b.test": true, "exact.test": true, "EXACT.test": true, "inexact.test": false, "2001:db8::1": false, "a.midxdle.test": true,
	} {
		if got := p.For(host) == nil; got != direct {
			t.Errorf("%s: direct %v, want %v", host, got, direct)
		}
	}
	if u := p.For("x.test"); u == nil || u.String() != "http://proxy:8080" {
		t.Errorf("%v", u)
	}
	for _, bad := range []string{"https://p:1", "ftp://p", "http://", "http://a b", "::"} {
		if u := (Proxies{HTTPS: bad}).For("x.test"); u != nil {
			t.Errorf("%q gives %v", bad, u)
		}
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(preferences), "host.a.test")
	f.Add(blob(3, "proxy:3128", "10.*;<local>"), "10.1.2.3")
	f.Add([]byte("search a.test\n"), "")
	f.Fuzz(func(t *testing.T, text []byte, host string) {
		for _, p := range []Proxies{systemConfiguration(string(text)), winHTTP(text), internetSettings(true, string(text), host)} {
			if u := p.For(host); u != nil && (p.HTTPS == "" || u.Host == "") {
				t.Errorf("%+v gives %v", p, u)
			}
		}
		for _, d := range resolvConf(string(text)) {
			if d == "" || strings.ContainsAny(d, " \t\n") {
				t.Errorf("search domain %q", d)
			}
		}
	})
}

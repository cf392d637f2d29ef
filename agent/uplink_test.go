package agent

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// TestWhichProxy: the configured one goes before the environment's, and none is none.
func TestWhichProxy(t *testing.T) {
	r := &http.Request{URL: &url.URL{Scheme: "https", Host: "collector.test:4561"}}
	t.Setenv("HTTPS_PROXY", "http://env.test:1")
	for configured, want := range map[string]string{
		"":                               "http://env.test:1",
		"none":                           "",
		"http://user:pw@proxy.test:3128": "http://user:pw@proxy.test:3128",
		"socks5://proxy.test:1080":       "socks5://proxy.test:1080",
	} {
		c := Config{Proxy: configured}
		u, err := c.ProxyOf(r)
		got := ""
		if u != nil {
			got = u.String()
		}
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", configured, got, err, want)
		}
	}
}

func TestUplinkSettingsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"proxy":        func(c *Config) { c.Proxy = "https://user:secret@proxy.test" },
		"proxy: want":  func(c *Config) { c.Proxy = "proxy.test:3128" },
		"collector-ca": func(c *Config) { c.CA = "12:34" },
		"key store":    func(c *Config) { c.KeyStore = "disk" },
	} {
		c := DefaultConfig()
		change(&c)
		err := c.check()
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := DefaultConfig()
	c.CA = strings.Repeat("aB:", 31) + "ab"
	c.KeyStore, c.Proxy = "tpm:/dev/tpmrm0", "none"
	if err := c.check(); err != nil {
		t.Error(err)
	}
}

// TestSpread: who starts an agent by hand sees it connect at once; after an upgrade a fleet does not.
func TestSpread(t *testing.T) {
	if c := platform.ReadClocks(); c.Awake+c.Slept < int64(bootTime) {
		t.Skip("this machine has just been booted")
	}
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for i, x := range []struct {
		version string
		apart   bool
	}{{"1", false}, {"1", false}, {"2", true}, {"2", false}} {
		if d := spread(root, x.version, zap.NewNop()); (d == fleetSpread) != x.apart || d != 0 && d != fleetSpread {
			t.Errorf("start %d, version %s: %v", i, x.version, d)
		}
	}
}

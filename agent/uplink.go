package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/platform"
	"github.com/argus-endpoint/argus-endpoint/platform/netconf"
	"github.com/argus-endpoint/argus-endpoint/uplink"
)

const noProxy = "none"

// checkUplink completes what the flags of the way to the collector could not.
func (c *Config) checkUplink() error {
	if _, err := c.collectorCA(); err != nil {
		return err
	}
	if c.Proxy != "" && c.Proxy != noProxy {
		if _, err := parseProxy(c.Proxy); err != nil {
			return err
		}
	}
	return uplink.CheckKeyStore(c.KeyStore)
}

// collectorCA returns the fingerprint of the configured CA, zero for none.
func (c *Config) collectorCA() (ca [sha256.Size]byte, err error) {
	if c.CA == "" {
		return ca, nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(c.CA, ":", ""))
	if err != nil || len(b) != len(ca) {
		return ca, errors.New("collector-ca: want the 64 hexadecimal digits that argus-collector ca show prints")
	}
	return [sha256.Size]byte(b), nil
}

// parseProxy reads the URL of a proxy; its error does not repeat what may be a password.
func parseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "socks5" {
		return nil, errors.New("proxy: want a URL such as http://proxy.example.org:3128, http://USER:PASSWORD@..., socks5://..., or none")
	}
	return u, nil
}

// ProxyOf returns the proxy to reach a collector by: the configured one, else the environment's, else the system's.
func (c *Config) ProxyOf(r *http.Request) (*url.URL, error) {
	switch {
	case c.Proxy == noProxy:
		return nil, nil
	case c.Proxy != "":
		return parseProxy(c.Proxy)
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if os.Getenv(name) != "" {
			return http.ProxyFromEnvironment(r)
		}
	}
	return netconf.System().For(r.URL.Hostname()), nil
}

const (
	versionFile = "version" // of the program that ran last
	fleetSpread = time.Minute
	bootTime    = 2 * time.Minute
)

// spread is how far the first attempts of a fleet are to lie apart: where something made all hosts start at once, the power or an upgrade. Who
// starts an agent by hand sees it connect at once.
func spread(state *os.Root, version string, log *zap.Logger) time.Duration {
	last, _ := state.ReadFile(versionFile)
	if string(last) != version {
		if err := platform.WriteFile(state, versionFile, []byte(version), 0o600); err != nil {
			log.Warn("the version was not noted", zap.String("code", "state-write"), zap.Error(fmt.Errorf("%s: %w", versionFile, err)))
		}
	}
	clocks := platform.ReadClocks()
	if time.Duration(clocks.Awake+clocks.Slept) < bootTime || len(last) > 0 && string(last) != version {
		return fleetSpread
	}
	return 0
}

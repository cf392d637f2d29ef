package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// The SRV records of collectors, _argus-collector._tcp (RFC 2782).
const (
	srvService = "argus-collector"
	srvProto   = "tcp"
	srvMost    = 16 // targets that are taken
)

// The search for a collector goes on in search domains that do not answer, at first often: a host starts before its network does.
const (
	dnsOften  = 10 * time.Minute
	dnsEvery  = time.Second
	lookAgain = 15 * time.Minute // where DNS works and knows no collector; a network change comes first
)

var (
	errNoCollector = errors.New("no collector is known: give an enrolment token or an address")
	errFound       = errors.New("collectors were found")
)

// discover works out the token and the collectors' addresses that are known without asking anybody.
func (c *Client) discover(ctx context.Context) {
	if !c.look {
		return
	}
	c.look = false
	token, collectors := c.c.Token, c.c.Collectors
	if token == "" && c.c.Discover != nil {
		var found []string
		if token, found = c.c.Discover(ctx); len(collectors) == 0 {
			collectors = found
		}
	}
	if token == "" && len(collectors) == 0 {
		collectors = c.id.collectors()
	}
	c.token = nil
	if token != "" {
		if t, err := wire.ParseToken(token); err != nil {
			c.c.Log.Warn("token is not used", zap.String("code", "uplink-token"), zap.Error(err))
		} else {
			c.token = &t
			collectors = append(slices.Clone(collectors), t.Collectors...)
		}
	}
	c.use(collectors)
	c.domains = nil
	if len(c.addresses) == 0 && c.c.Domains != nil {
		c.domains = c.c.Domains()
	}
}

// use takes the addresses that make sense.
func (c *Client) use(collectors []string) {
	c.addresses, c.at = nil, 0
	for _, a := range collectors {
		if wire.CheckAddress(a) == nil && !slices.Contains(c.addresses, a) {
			c.addresses = append(c.addresses, a)
		}
	}
}

// search asks for the collectors of the next search domain: one query an attempt. errFound tells that the next attempt has somebody to call.
func (c *Client) search(ctx context.Context) error {
	if len(c.domains) == 0 {
		return errNoCollector
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	domain := c.domains[0]
	found, err := lookupCollectors(ctx, domain)
	if len(found) > 0 {
		c.use(found)
		c.c.Log.Info("collectors found in DNS", zap.String("code", "uplink-discovered"), zap.String("domain", domain), zap.Strings("collectors", found))
		return errFound
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && !e.IsNotFound {
		c.domains = append(c.domains[1:], domain)
		return err // it may answer another time, and another domain now
	}
	if c.domains = c.domains[1:]; len(c.domains) == 0 {
		return errNoCollector
	}
	return errFound
}

// unknown says how long to wait when nobody is known to call, negative for ever.
func (c *Client) unknown(err error) time.Duration {
	c.look = true
	switch {
	case len(c.id.collectors()) > 0: // DNS was asked because the collectors of the certificate have been away for long: now these again
		return backoff(c.outage())
	case c.c.Domains == nil:
		c.enter(StateNoCollector, err.Error())
		return -1
	}
	c.enter(StateNoCollector, err.Error())
	return lookAgain/2 + rand.N(lookAgain)
}

// suspect searches anew for collectors that nobody configured, when all that are known have been away for long: they may have moved.
func (c *Client) suspect() {
	if c.token == nil && len(c.c.Collectors) == 0 && c.c.Domains != nil {
		if c.domains = c.c.Domains(); len(c.domains) > 0 {
			c.addresses = nil
		}
	}
}

// lookupCollectors returns what a domain's SRV records name as host:port: by priority, and at random by weight within one.
func lookupCollectors(ctx context.Context, domain string) ([]string, error) {
	_, records, err := resolver.LookupSRV(ctx, srvService, srvProto, strings.TrimSuffix(domain, ".")+".")
	if len(records) == 0 && err != nil {
		return nil, fmt.Errorf("look for collectors in %s: %w", domain, err)
	}
	var found []string
	for _, r := range records {
		host := strings.TrimSuffix(r.Target, ".")
		if host == "" { // "." says that there is no such service
			continue
		}
		if found = append(found, net.JoinHostPort(host, strconv.Itoa(int(r.Port)))); len(found) == srvMost {
			break
		}
	}
	return found, nil
}

// dnsFailed tells whether an attempt failed because names cannot be looked up now.
func dnsFailed(err error) bool {
	e, ok := errors.AsType[*net.DNSError](err)
	return ok && !e.IsNotFound
}

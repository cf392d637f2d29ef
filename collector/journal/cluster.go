package journal

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/nats-io/nats.go"
)

// Cluster is an external NATS cluster with JetStream, and who we are there. Secrets are in files only: a command line and the
// environment are read by others.
type Cluster struct {
	URLs  []string // nats://host:4222 or tls://host:4222; one reachable server is enough, it names the others
	Creds string   // file of a user's JWT and key; empty: none
	CA    string   // PEM file of the authority of the servers' certificates; empty: the system's
	Cert  string   // PEM files of a client certificate and its key; empty: none
	Key   string
	Role  string // receive, or write: answers come to subjects below _INBOX and this, which the other role may not read; empty: receive
}

// Check tells what is wrong with c and what to do about it.
func (c *Cluster) Check() error {
	for _, text := range c.URLs {
		u, err := url.Parse(text)
		switch {
		case err != nil: // its text may hold a password
			return errors.New("a NATS URL cannot be read: want nats://host:4222 or tls://host:4222")
		case u.User != nil:
			return fmt.Errorf("the NATS URL of %s holds a name or a password, which others can read: put them into a file for --nats-creds", u.Host)
		case u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "":
			return fmt.Errorf("NATS URL %q: want nats://host:4222 or tls://host:4222", text)
		}
	}
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("--nats-cert and --nats-key belong together")
	}
	if len(c.URLs) == 0 && (c.Creds != "" || c.CA != "" || c.Cert != "") {
		return errors.New("--nats-creds, --nats-ca, --nats-cert and --nats-key are for a cluster: name it with --nats")
	}
	for _, file := range []string{c.Creds, c.CA, c.Cert, c.Key} {
		if file == "" {
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("a file for the NATS cluster: %w", err)
		}
		f.Close()
	}
	return nil
}

const (
	connectTimeout = 5 * time.Second
	// A server that does not answer two pings is given up for another: a cut link is noticed in 15 s.
	pingInterval, pingsLost = 5 * time.Second, 2
	reconnectWait           = 500 * time.Millisecond
)

// Connect returns a connection that finds another server by itself, for ever, when it loses one. While there is none, what is
// sent fails at once. The first connection is tried once, on each server.
func (c *Cluster) Connect(ctx context.Context, name string) (*nats.Conn, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	options := []nats.Option{nats.Name(name), nats.CustomInboxPrefix("_INBOX." + cmp.Or(c.Role, "receive")), nats.Timeout(connectTimeout), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait), nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(pingsLost),
		nats.ReconnectBufSize(-1), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})} // callers see their own errors
	if c.Creds != "" {
		options = append(options, nats.UserCredentials(c.Creds))
	}
	if c.CA != "" || c.Cert != "" {
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		options = append(options, nats.ClientCert(c.Cert, c.Key))
	}
	nc, err := nats.Connect(strings.Join(c.URLs, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", strings.Join(c.URLs, ","), err)
	}
	if err := ctx.Err(); err != nil {
		nc.Close()
		return nil, err
	}
	if most := nc.MaxPayload(); most < wire.MaxCompressed+headerBytes {
		nc.Close()
		return nil, fmt.Errorf("NATS at %s takes messages of %d octets, a batch may have %d: set max_payload: 2MB in nats-server.conf",
			strings.Join(c.URLs, ","), most, wire.MaxCompressed+headerBytes)
	}
	return nc, nil
}

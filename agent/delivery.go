package agent

import (
	"context"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/platform/netconf"
	"github.com/argus-endpoint/argus-endpoint/uplink"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// UplinkStatus is how the delivery to the collector stands.
type UplinkStatus struct {
	State     string    `json:"state"` // "no collector", "connecting", "pending", "up", "waiting" or "rejected"
	Reason    string    `json:"reason,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Collector string    `json:"collector,omitempty"`

	Batches     uint64    `json:"batches"` // taken by the collector; repeated ones count again
	Records     uint64    `json:"records"`
	Bytes       uint64    `json:"bytes"` // compressed
	Failures    uint64    `json:"failures"`
	Quarantined uint64    `json:"batches_quarantined"`
	Certificate time.Time `json:"certificate_until,omitzero"`

	Key      string `json:"key,omitempty"`       // SHA-256 of the monitor's public key, as the collector shows it
	KeyStore string `json:"key_store,omitempty"` // "file" or "tpm"
	CA       string `json:"ca,omitempty"`        // SHA-256 of each CA that the collector is known by
	Proxy    string `json:"proxy,omitempty"`
}

// delivery is the uplink of an agent.
type delivery struct {
	agent  *Agent
	client *uplink.Client
	told   string // the token, or error, that the log was last told of; used by the client's goroutine only
	seen   string // the token, or error, that the client knows or was woken for; used by look only
}

// prepare makes the client. It knows the configured collectors and token; a token file is looked for as long as neither is known.
func (d *delivery) prepare(a *Agent) (err error) {
	d.agent = a
	d.seen = d.present() // the client takes it by itself
	var domains func() []string
	if a.config.Discover {
		domains = netconf.SearchDomains
	}
	ca, err := a.config.collectorCA()
	if err != nil {
		return err
	}
	d.client, err = uplink.New(uplink.Config{
		Token: a.config.Token, Collectors: a.config.Collectors, Discover: d.discover, Domains: domains, CA: ca,
		Proxy: a.config.ProxyOf, Spread: spread(a.state.root, a.version, a.log),
		Dir: a.state.path(identityDir), KeyStore: a.config.KeyStore, Monitor: a.host.ID, Name: a.host.Name, Version: a.version,
		Queue: a.spool, BatchInterval: a.config.BatchInterval, Log: a.log.Named("uplink"),
		Preamble: func(b []byte) []byte {
			enc := argus.Encoder{Monitor: a.host.ID, Interface: manName}
			return enc.AppendManagement(b, a.mar.start(time.Now()))
		},
	})
	return err
}

// discover looks for a token file.
func (d *delivery) discover(context.Context) (token string, collectors []string) {
	token, origin, err := d.agent.config.FindToken()
	if err == nil && token != "" {
		_, err = wire.ParseToken(token)
	}
	message, news := "enrolment token found", token
	if err != nil {
		message, news, token = "enrolment token is not used", err.Error(), ""
	}
	if news != "" && d.told != news {
		d.told = news
		d.agent.log.Info(message, zap.String("code", "token"), zap.String("from", origin), zap.Error(err))
	}
	return token, nil
}

func (d *delivery) run(ctx context.Context) error { return d.client.Run(ctx) }

// finishTime is what the last words may take: a service is to stop within 5 s.
const finishTime = 2 * time.Second

// finish delivers the last words of an agent that is stopped in order, if the collector was there.
func (d *delivery) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), finishTime)
	defer cancel()
	if d.agent.spool.Sync() == nil {
		d.client.Finish(ctx)
	}
}

func (d *delivery) own(src, dst netip.AddrPort) bool { return d.client.Own(src, dst) }

// wake tells the client that the network has changed. A connection that works is only given up when the host's own addresses
// are others: routes and links of containers come and go all day.
func (d *delivery) wake(moved bool) {
	if moved || d.client.Stats().State != uplink.StateUp {
		d.client.Wake()
	}
}

const (
	lookSoon  = 5 * time.Second // for a token, while the host is not enrolled
	lookLater = time.Minute
)

// watchToken looks for a token file until ctx ends.
func (d *delivery) watchToken(ctx context.Context) error {
	for wait := lookSoon; pause(ctx, wait); {
		wait = lookLater
		if d.look() {
			wait = lookSoon
		}
	}
	return nil
}

// look wakes a client that is not enrolled, or no longer, when a token file has come or is another. It tells whether one may still be wanted.
func (d *delivery) look() bool {
	if s := d.client.Stats(); !s.NotAfter.IsZero() && s.State != uplink.StateRejected {
		return false
	}
	if token := d.present(); token != d.seen {
		d.seen = token
		d.client.Wake()
	}
	return true
}

// present returns the token that is there now, or what is wrong with it: the client says so, once.
func (d *delivery) present() string {
	token, _, err := d.agent.config.FindToken()
	if err != nil {
		return err.Error()
	}
	return token
}

func (d *delivery) status() UplinkStatus {
	s := d.client.Stats()
	return UplinkStatus{
		State: string(s.State), Reason: s.Reason, Since: s.Since, Collector: s.Collector, Batches: s.Batches, Records: s.Records,
		Bytes: s.Bytes, Failures: s.Attempts, Quarantined: s.Quarantined, Certificate: s.NotAfter,
		Key: s.Key, KeyStore: s.KeyStore, CA: s.CA, Proxy: s.Proxy,
	}
}

// sent returns how many records a collector has answered for.
func (d *delivery) sent() uint64 { return d.client.Stats().Sent }

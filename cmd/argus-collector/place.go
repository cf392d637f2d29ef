package main

import (
	"flag"
	"os"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/collector"
)

// addPlace gives fs the flags that say where a collector's things are.
func addPlace(fs *flag.FlagSet, p *collector.Place) {
	fs.StringVar(&p.State, "state", p.State, "the collector's `folder` on this machine")
	fs.StringVar(&p.Store, "store", p.Store, "the Parquet files are in this `folder`, or in s3://bucket/prefix?endpoint=host:port; in the state folder when left out, which a cluster's must not be")
	fs.Var((*list)(&p.Nats.URLs), "nats", "use the NATS cluster of these `URLs`, separated by commas, instead of the state folder")
	fs.StringVar(&p.Nats.Creds, "nats-creds", "", "the cluster knows us by this `file` of credentials")
	fs.StringVar(&p.Nats.CA, "nats-ca", "", "the certificates of the cluster are signed by the authority in this PEM `file`")
	fs.StringVar(&p.Nats.Cert, "nats-cert", "", "the cluster knows us by the certificate in this PEM `file`")
	fs.StringVar(&p.Nats.Key, "nats-key", "", "the key of --nats-cert is in this PEM `file`")
}

// placeFlags returns the flag set of a command that looks at a collector's things. Variables of the environment set the place
// (ARGUS_STATE, ARGUS_STORE, ARGUS_NATS ...) and nothing else: a forgotten ARGUS_N must not change what a command prints.
func placeFlags(name string) (fs *flag.FlagSet, p *collector.Place) {
	fs = flag.NewFlagSet(name, flag.ContinueOnError)
	p = &collector.Place{State: collector.DefaultConfig().State}
	addPlace(fs, p)
	fs.VisitAll(func(f *flag.Flag) {
		if v, ok := os.LookupEnv("ARGUS_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))); ok {
			_ = f.Value.Set(v) // they take any text; Check judges it
			f.DefValue = f.Value.String()
		}
	})
	return fs, p
}

// list is a flag of texts separated by commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(text string) error {
	*l = nil
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			*l = append(*l, s)
		}
	}
	return nil
}

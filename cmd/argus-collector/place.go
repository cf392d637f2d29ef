package main

import (
	"cmp"
	"flag"
	"os"
	"reflect"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
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

// configFile is that of the service, as packages install it.
const configFile = "/etc/argus-collector/argus-collector.conf"

// placeFlags returns the flag set of a command that looks at a collector's things. By default these are the service's, as its
// configuration file says (another one: ARGUS_CONFIG). Variables of the environment set the place (ARGUS_STATE, ARGUS_STORE, ARGUS_NATS
// ...) and nothing else: a forgotten ARGUS_N must not change what a command prints.
func placeFlags(name string) (fs *flag.FlagSet, p *collector.Place) {
	fs = flag.NewFlagSet(name, flag.ContinueOnError)
	p = &collector.Place{State: collector.DefaultConfig().State}
	addPlace(fs, p)
	readPlace(fs, serviceFile())
	state := fs.Lookup("state")
	state.Value = &stateFlag{state.Value, p, *p}
	fs.VisitAll(func(f *flag.Flag) {
		if v, ok := os.LookupEnv("ARGUS_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))); ok {
			_ = f.Value.Set(v) // they take any text; Check judges it
		}
		f.DefValue = f.Value.String()
	})
	return fs, p
}

func serviceFile() string { return cmp.Or(os.Getenv("ARGUS_CONFIG"), configFile) }

// readPlace sets flags of fs to what a configuration file says. Its other settings are for the service, which tells what is wrong with them.
func readPlace(fs *flag.FlagSet, file string) {
	f, err := os.Open(file)
	if err != nil { // there is none, or it is not for this user
		return
	}
	defer f.Close()
	_ = cli.ConfFile(fs, func(string) {}, nil)(f, fs.Set)
}

// stateFlag is the flag --state. Another state folder than the service's is another collector's: what the file says of store and
// cluster is not about it.
type stateFlag struct {
	flag.Value
	place *collector.Place
	file  collector.Place
}

// Set makes it the folder text.
func (s *stateFlag) Set(text string) error {
	if text != s.file.State {
		if s.place.Store == s.file.Store {
			s.place.Store = ""
		}
		if reflect.DeepEqual(s.place.Nats, s.file.Nats) {
			s.place.Nats = collector.Place{}.Nats
		}
	}
	return s.Value.Set(text)
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

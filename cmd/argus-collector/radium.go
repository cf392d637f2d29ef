package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus/feed"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3/ffcli"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const radiumHelp = `Collects from Argus sensors and radiums of version 3 and 5, as radium does, until stopped: their records come into the store beside those
of the agents, as they are and under the identity of the sensor. It works beside a running collector (run), for which it waits, or with
a NATS cluster, as a role of its own. A source is host[:561], argus://host:port, argus-udp://:port (await datagrams), argus-tls://host:port,
or the path of a socket.

The Argus protocol has no acknowledgement: what a sensor sends while nobody is connected is lost, and argus-collector gaps says when that was.
Records are on the collector's disk a second after they came.

Examples:
  argus-collector radium 192.0.2.10 192.0.2.11:562
  argus-collector radium --filter 'not port 22' argus://radium.example.net:561
  argus-collector radium argus-udp://0.0.0.0:561`

type radiumOptions struct {
	place      *collector.Place
	filter, ca string
	level      zapcore.Level
}

func radiumCommand() *ffcli.Command {
	fs, place := placeFlags("radium")
	o := radiumOptions{place: place, level: zapcore.InfoLevel}
	fs.StringVar(&o.filter, "filter", "", "ask the sources for what this `expression` chooses, in the words of ra")
	fs.StringVar(&o.ca, "ca", "", "the certificates of argus-tls sources are signed by the authority in this PEM `file`; by one that the system trusts when left out")
	fs.TextVar(&o.level, "log-level", o.level, "log at this `level`: debug, info, warn or error")
	return &ffcli.Command{
		Name:       "radium",
		ShortUsage: "argus-collector radium [flags] SOURCE...",
		ShortHelp:  "collect from Argus sensors and radiums",
		LongHelp:   radiumHelp,
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			sources, err := o.sources(args)
			if err != nil {
				return cli.Usagef("%w", err)
			}
			return o.run(ctx, sources)
		},
	}
}

func (o *radiumOptions) sources(args []string) (list []feed.Source, err error) {
	if len(args) == 0 {
		return nil, errors.New("collect from where? Give the addresses of sensors or radiums")
	}
	var roots *x509.CertPool
	if o.ca != "" {
		pem, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, err
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca %s has no certificate", o.ca)
		}
	}
	for _, text := range args {
		s, err := feed.ParseSource(text)
		if err != nil {
			return nil, err
		}
		s.Filter = o.filter
		if s.TLS != nil {
			s.TLS = &tls.Config{ServerName: s.TLS.ServerName, RootCAs: roots, MinVersion: tls.VersionTLS12}
		}
		list = append(list, s)
	}
	return list, nil
}

// radiumAgain is the wait before a collector that does not run, or a cluster that does not answer, is looked for again.
const radiumAgain = 2 * time.Second

func (o *radiumOptions) run(ctx context.Context, sources []feed.Source) (err error) {
	log := newLogger(os.Stderr, o.level)
	for {
		g, err := openIngest(ctx, o.place, false, o.level)
		if err == nil {
			err = errors.Join(collector.Radium(ctx, g, sources, log), g.Close())
			if err != nil {
				return fmt.Errorf("radium: %w", err)
			}
			log.Info("stopped")
			return nil
		}
		if !errors.Is(err, collector.ErrNotRunning) && !o.place.Clustered() {
			return err
		}
		log.Warn("no collector can be reached: it is waited for", zap.String("code", "collector"), zap.Error(err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(radiumAgain):
		}
	}
}

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/peterbourgon/ff/v3/ffcli"
)

func caCommand() *ffcli.Command {
	return &ffcli.Command{
		Name:       "ca",
		ShortUsage: "argus-collector ca show|rotate|retire|import [flags]",
		ShortHelp:  "show and replace the authority that issues certificates",
		LongHelp: `The authority is made by itself and lasts ten years. To replace it nothing is stopped:
rotate or import makes another one that issues from now on, hosts fetch its certificates within an hour of their next batch, and
when show tells that none has a certificate of the old one any more, retire ends the trust in it.

Examples:
  argus-collector ca show
  argus-collector ca rotate
  argus-collector ca retire`,
		Subcommands: []*ffcli.Command{caShow(), caRotate(), caRetire(), caImport()},
	}
}

func caShow() *ffcli.Command {
	fs, place := placeFlags("show")
	asJSON := fs.Bool("json", false, "print one JSON object a line")
	return &ffcli.Command{
		Name:       "show",
		ShortUsage: "argus-collector ca show [--json]",
		ShortHelp:  "print the authorities that are trusted, and how many hosts have certificates of each",
		LongHelp:   "The fingerprint is that of the CA certificate, as argus-endpoint status prints it.\n\nExamples:\n  argus-collector ca show",
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("ca show takes no argument, got %q", args[0])
			}
			authority, err := place.FindAuthority(ctx)
			if err != nil {
				return err
			}
			defer authority.Close()
			return printCAs(authority, *asJSON)
		},
	}
}

func printCAs(authority *pki.Authority, asJSON bool) error {
	list, err := authority.CAs()
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(list)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FINGERPRINT\tSTATE\tHOSTS\tUNTIL\tSUBJECT")
	for _, c := range list {
		state := "trusted"
		if c.Issues {
			state = "issues"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", c.Fingerprint, state, c.Monitors, c.NotAfter.Local().Format(time.DateOnly), c.Subject)
	}
	return w.Flush()
}

// caFlags returns the flags of a command that changes the authorities, and what applies a change and prints what there is then.
func caFlags(name string, open func(*collector.Place, context.Context) (*pki.Authority, error)) (*flag.FlagSet, func(func(*pki.Authority) error) func(context.Context, []string) error) {
	fs, place := placeFlags(name)
	return fs, func(change func(*pki.Authority) error) func(context.Context, []string) error {
		return func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("ca %s takes no argument, got %q", name, args[0])
			}
			authority, err := open(place, ctx)
			if err != nil {
				return err
			}
			defer authority.Close()
			if err := change(authority); err != nil {
				return err
			}
			return printCAs(authority, false)
		}
	}
}

func caRotate() *ffcli.Command {
	fs, exec := caFlags("rotate", (*collector.Place).FindAuthority)
	return &ffcli.Command{
		Name:       "rotate",
		ShortUsage: "argus-collector ca rotate",
		ShortHelp:  "make a new authority, which issues from now on; the present one stays trusted",
		LongHelp: `Every receiver follows within seconds, no host is refused. Tokens that were made before stay good until the old authority is retired.

Examples:
  argus-collector ca rotate`,
		FlagSet: fs,
		Exec:    exec((*pki.Authority).Rotate),
	}
}

func caRetire() *ffcli.Command {
	fs, exec := caFlags("retire", (*collector.Place).FindAuthority)
	force := fs.Bool("force", false, "also while hosts have certificates of it: they must enrol anew, with a new token")
	return &ffcli.Command{
		Name:       "retire",
		ShortUsage: "argus-collector ca retire [--force]",
		ShortHelp:  "end the trust in the authority before the present one",
		LongHelp: `It is refused while hosts have certificates of the old one still, and says how many. Tokens from before the rotation end with it.

Examples:
  argus-collector ca retire`,
		FlagSet: fs,
		Exec:    exec(func(a *pki.Authority) error { return a.Retire(*force) }),
	}
}

func caImport() *ffcli.Command {
	fs, exec := caFlags("import", openAuthority)
	cert := fs.String("cert", "", "the authority's certificate is in this PEM `file`")
	key := fs.String("key", "", "its private key is in this PEM `file`")
	return &ffcli.Command{
		Name:       "import",
		ShortUsage: "argus-collector ca import --cert FILE --key FILE",
		ShortHelp:  "use an authority of your own, such as an intermediate one of your company",
		LongHelp: `Before the first token and the first host it takes the place of the one that was made; later it is a rotation.
Hosts trust exactly this certificate, not the authority above it. One that may not have another below it (path length 0) can be imported, and
keeps proving the collector through the next rotation.

Examples:
  argus-collector ca import --cert argus-ca.pem --key argus-ca.key`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			if *cert == "" || *key == "" {
				return cli.Usagef("ca import wants --cert and --key")
			}
			certPEM, err := os.ReadFile(*cert)
			if err != nil {
				return fmt.Errorf("ca import: %w", err)
			}
			keyPEM, err := os.ReadFile(*key)
			if err != nil {
				return fmt.Errorf("ca import: %w", err)
			}
			return exec(func(a *pki.Authority) error { return a.Import(certPEM, keyPEM) })(ctx, args)
		},
	}
}

package main

import (
	"context"
	"errors"
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

func tokenCommand() *ffcli.Command {
	return &ffcli.Command{
		Name:        "token",
		ShortUsage:  "argus-collector token create|list|revoke [flags]",
		ShortHelp:   "make, list and revoke the tokens that agents enrol with",
		Subcommands: []*ffcli.Command{tokenCreate(), tokenList(), tokenRevoke()},
	}
}

const createHelp = `A token carries the collector's addresses, the fingerprint of its authority and a secret: an agent needs nothing else.

Examples:
  argus-collector token create --site berlin --group laptops --uses 200 --expires 30d
  argus-endpoint --token "$(argus-collector token create)"`

func tokenCreate() *ffcli.Command {
	fs, place := placeFlags("create")
	var to addresses
	fs.Var(&to, "address", "agents reach the collector as `host:port` (repeat it, or separate by commas); what the running collector advertises when left out")
	life := days(7 * 24 * time.Hour)
	fs.Var(&life, "expires", "no agent enrols with it after this `time`, such as 30d or 36h")
	uses := fs.Int("uses", 0, "at most this `number` of agents enrol with it; 0 is no limit")
	var labels pki.Labels
	fs.StringVar(&labels.Site, "site", "", "agents that enrol with it are of this `site`")
	fs.StringVar(&labels.Group, "group", "", "agents that enrol with it are of this `group`")
	fs.StringVar(&labels.Label, "label", "", "a `text` of your own, kept with the token and its agents")
	return &ffcli.Command{
		Name:       "create",
		ShortUsage: "argus-collector token create [flags]",
		ShortHelp:  "print a new token; it is shown once",
		LongHelp:   createHelp,
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("token create takes no argument, got %q", args[0])
			}
			if life == 0 || *uses < 0 {
				return cli.Usagef("--expires must be above 0 and --uses not below: got %v and %d", time.Duration(life), *uses)
			}
			if err := fillAddresses(ctx, place, &to); err != nil {
				return err
			}
			authority, err := openAuthority(place, ctx)
			if err != nil {
				return err
			}
			defer authority.Close()
			token, info, err := authority.CreateToken(to, time.Duration(life), *uses, labels)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "token %.8s for %s, good until %s; it is not shown again:\n", info.ID, to.String(), info.Expires.Local().Format(time.DateTime))
			_, err = fmt.Println(token)
			return err
		},
	}
}

// fillAddresses makes to the addresses of the running collector unless it has some, or those that one on this machine would have.
func fillAddresses(ctx context.Context, place *collector.Place, to *addresses) error {
	if len(*to) > 0 {
		return nil
	}
	running, err := collector.Addresses(ctx, place)
	switch {
	case err == nil:
		*to = running
	case place.Clustered() && errors.Is(err, collector.ErrNotRunning): // where they will be, this machine does not know
		return fmt.Errorf("%w: start one, or give the address of receivers or balancer with --address", err)
	case place.Clustered():
		return err
	default:
		*to = configuredAddresses(place)
	}
	return nil
}

// configuredAddresses returns the addresses of the collector of this place once it runs: those of the service's configuration file if its
// state is there, else what a collector without settings advertises.
func configuredAddresses(place *collector.Place) addresses {
	c := collector.DefaultConfig()
	fs := flag.NewFlagSet("addresses", flag.ContinueOnError)
	fs.StringVar(&c.State, "state", c.State, "")
	fs.StringVar(&c.Listen, "listen", c.Listen, "")
	fs.Var((*addresses)(&c.Advertise), "advertise", "")
	readPlace(fs, serviceFile())
	if c.State != place.State {
		c = collector.DefaultConfig()
	}
	return collector.Advertised(c.Listen, c.Advertise)
}

// openAuthority opens the authority, or makes it before the collector's first start and says so: it may be a mistake.
func openAuthority(place *collector.Place, ctx context.Context) (*pki.Authority, error) {
	authority, err := place.FindAuthority(ctx)
	if !errors.Is(err, os.ErrNotExist) {
		return authority, err
	}
	where := place.State
	if place.Clustered() {
		where = "this cluster"
	}
	fmt.Fprintf(os.Stderr, "no collector has run on %s yet: only one that runs there will know of this\n", where)
	return place.OpenAuthority(ctx)
}

func tokenList() *ffcli.Command {
	fs, place := placeFlags("list")
	asJSON := fs.Bool("json", false, "print one JSON object a line")
	return &ffcli.Command{
		Name:       "list",
		ShortUsage: "argus-collector token list [--json]",
		ShortHelp:  "print what is known of all tokens; never their secrets",
		LongHelp:   "Examples:\n  argus-collector token list --json | jq 'select(.used > 0)'",
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("token list takes no argument, got %q", args[0])
			}
			authority, err := place.FindAuthority(ctx)
			if err != nil {
				return err
			}
			defer authority.Close()
			list, err := authority.Tokens()
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(list)
			}
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "TOKEN\tSTATE\tUSED\tEXPIRES\tSITE\tGROUP\tLABEL")
			for _, t := range list {
				used := fmt.Sprint(t.Used)
				if t.Uses > 0 {
					used = fmt.Sprintf("%d of %d", t.Used, t.Uses)
				}
				fmt.Fprintf(w, "%.8s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.State(time.Now()), used, t.Expires.Local().Format(time.DateTime), t.Site, t.Group, t.Label)
			}
			return w.Flush()
		},
	}
}

func tokenRevoke() *ffcli.Command {
	fs, place := placeFlags("revoke")
	return &ffcli.Command{
		Name:       "revoke",
		ShortUsage: "argus-collector token revoke TOKEN",
		ShortHelp:  "let no more agents enrol with a token; those enrolled stay",
		LongHelp:   "TOKEN is the beginning of its ID, as in the list.\n\nExamples:\n  argus-collector token revoke 3f2a91bc",
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) != 1 {
				return cli.Usagef("token revoke wants one argument: the beginning of the token's ID (see: argus-collector token list)")
			}
			authority, err := place.FindAuthority(ctx)
			if err != nil {
				return err
			}
			defer authority.Close()
			info, err := authority.RevokeToken(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "token %.8s is revoked\n", info.ID)
			return nil
		},
	}
}

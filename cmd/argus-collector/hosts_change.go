package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/gofrs/uuid/v5"
	"github.com/peterbourgon/ff/v3/ffcli"
)

const hostMeaning = `HOST is a monitor's UUID, its name, or the first 8 or more digits of its key's fingerprint. A name is only what a host says of
itself: before you approve one, compare the fingerprint with what argus-endpoint status prints on that host.`

// hostsChanges are the commands that decide on one host.
func hostsChanges() []*ffcli.Command {
	return []*ffcli.Command{
		hostsChange("approve", "approved", "let a host that waits use its key, or one that was revoked or rejected send",
			"A host waits when it came without a token, or when its UUID is known with another key (installed anew, or a clone).", (*pki.Authority).Approve),
		hostsChange("reject", "rejected", "turn down a host that waits",
			"The key that waits is refused from now on; a key that the host has beside it stays good.", (*pki.Authority).Reject),
		hostsChange("revoke", "revoked", "refuse a host from now on",
			"It is refused within five seconds at every receiver, and keeps what it has recorded. Approve it to let it send again.", (*pki.Authority).Revoke),
	}
}

// hostsChange is a command that does one thing to one monitor.
func hostsChange(name, done, short, long string, change func(*pki.Authority, uuid.UUID) error) *ffcli.Command {
	fs, place := placeFlags(name)
	asJSON := fs.Bool("json", false, "print what is known of the host afterwards as one JSON object")
	return &ffcli.Command{
		Name:       name,
		ShortUsage: fmt.Sprintf("argus-collector hosts %s [--json] HOST", name),
		ShortHelp:  short,
		LongHelp: fmt.Sprintf("%s\n\n%s\n\nExamples:\n  argus-collector hosts %s 3f2a91bc\n  argus-collector hosts %[3]s 0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a",
			long, hostMeaning, name),
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return cli.Usagef("hosts %s wants one argument: the host's UUID, name or key (see: argus-collector hosts)", name)
			}
			authority, err := place.FindAuthority(ctx)
			if err != nil {
				return err
			}
			defer authority.Close()
			m, err := authority.Find(args[0])
			if err != nil {
				return err
			}
			if err := change(authority, m.ID); err != nil {
				return err
			}
			if !*asJSON {
				fmt.Fprintf(os.Stderr, "%s: %s %s (%s) key %.16s\n", done, m.ID, m.Name, m.OS, m.Fingerprint())
				return nil
			}
			if m, err = authority.Find(m.ID.String()); err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(m)
		},
	}
}

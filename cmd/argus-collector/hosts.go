package main

import (
	"encoding/json"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"
)

func hostsCommand() *ffcli.Command {
	list := hostsList()
	return &ffcli.Command{
		Name:       "hosts",
		ShortUsage: "argus-collector hosts [list|srcid|approve|reject|revoke] [flags]",
		ShortHelp:  "print the hosts that send, approve those that wait, revoke others",
		LongHelp: `Without a command it prints the list: name, monitor UUID, state, how long ago it was last heard, how complete it is (in the
last 24 hours: see argus-collector gaps), records in the store, the version of its agent, and why it is in that state. The states, the worst first:

  clone?        two spools deliver in turn under one identity: two machines
  inconsistent  a sum in what the agent says does not close
  blind         the agent lives, and ships nothing or does not see an interface
  silent        nothing has been heard for 5 minutes (--silent)
  unknown       the store has records of it, and the certificate authority does not know it
  pending       it asked without a token, or with another key than before: compare the key with argus-endpoint status
  stopped       the agent was stopped in order
  revoked       it is refused
  imported      its records are from files (argus-collector import)
  up            all is well

Examples:
  argus-collector hosts
  argus-collector hosts --worst --since 7d
  argus-collector hosts --only blind,silent --json | jq -r .name
  argus-collector hosts approve 0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a`,
		FlagSet:     list.FlagSet,
		Exec:        list.Exec,
		Subcommands: append([]*ffcli.Command{hostsList(), hostsSrcid()}, hostsChanges()...),
	}
}

func printJSON[T any](list []T) error {
	enc := json.NewEncoder(os.Stdout)
	for _, v := range list {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

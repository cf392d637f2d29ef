package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/gofrs/uuid/v5"
	"github.com/peterbourgon/ff/v3/ffcli"
)

// srcid is what a host is called in streams of version 3, which have no room for its UUID.
type srcid struct {
	SrcID   netip.Addr `json:"srcid"`
	Monitor uuid.UUID  `json:"monitor"`
	Name    string     `json:"name"`
}

func hostsSrcid() *ffcli.Command {
	fs, place := placeFlags("srcid")
	asJSON := fs.Bool("json", false, "print one JSON object a line")
	return &ffcli.Command{
		Name:       "srcid",
		ShortUsage: "argus-collector hosts srcid [--json]",
		ShortHelp:  "print by which srcid tools of the Argus 3 line know each host",
		LongHelp: `A stream of version 3 (--feed-v3, flows -w --argus-version 3) has 32 bits for the sensor. A host is its UUID's 32-bit FNV-1a
hash there; a sensor that came with an address or a number keeps it. Each line has the srcid, the host's UUID and its name.
Two hosts of one srcid are said on stderr: 1 in 8,600 fleets of 1,000 hosts has such a pair.

Examples:
  argus-collector hosts srcid
  ra -S localhost -s stime,srcid,saddr,daddr | ...        the names are in the table`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("hosts srcid takes no argument, got %q", args[0])
			}
			now := time.Now()
			hosts, err := collector.Hosts(ctx, place, collector.Query{Since: now.Add(-time.Hour), Until: now, Now: now, Silent: collector.DefaultSilent})
			if err != nil {
				return err
			}
			return printSrcids(srcids(hosts), *asJSON)
		},
	}
}

// srcids returns the table in the order of ids, those of one id beside each other.
func srcids(hosts []collector.Host) (list []srcid) {
	for i := range hosts {
		id := argus.MonitorV3(hosts[i].Monitor)
		addr := netip.AddrFrom4([4]byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)})
		list = append(list, srcid{addr, hosts[i].Monitor, hosts[i].Name})
	}
	slices.SortFunc(list, func(a, b srcid) int {
		return cmp.Or(a.SrcID.Compare(b.SrcID), cmp.Compare(a.Monitor.String(), b.Monitor.String()))
	})
	return list
}

func printSrcids(list []srcid, asJSON bool) error {
	for i := range list {
		s := &list[i]
		if i > 0 && list[i-1].SrcID == s.SrcID {
			fmt.Fprintf(os.Stderr, "argus-collector: %v is %v and %v: give one of the hosts another --monitor-id\n", s.SrcID, list[i-1].Monitor, s.Monitor)
		}
		if asJSON {
			if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Printf("%v\t%v\t%s\n", s.SrcID, s.Monitor, screen(s.Name)); err != nil {
			return err
		}
	}
	return nil
}

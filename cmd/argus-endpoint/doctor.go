package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/platform"
	"github.com/argus-endpoint/argus-endpoint/uplink"
)

func doctorCommand() *ffcli.Command {
	config := agent.DefaultConfig()
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	config.Flags(flags)
	return &ffcli.Command{
		Name:       "doctor",
		ShortUsage: "argus-endpoint doctor [flags]",
		ShortHelp:  "check what the agent needs, and say what to do where something is missing",
		FlagSet:    flags,
		LongHelp: `Checks privileges, interfaces, clock, name resolution, the way to the collector, and the spool, with the
configuration that the agent would have. Exit code 1 if anything is wrong.

Example:
  sudo argus-endpoint doctor`,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("doctor takes no arguments, not %q", args[0])
			}
			d := &doctor{out: printable{os.Stdout}, config: &config}
			err := config.Load(flags, func(message string) { d.bad("configuration", message, "correct the line, or remove it") })
			if err != nil {
				return err
			}
			return d.examine(ctx)
		},
	}
}

// doctor prints a line for each thing that it looks at.
type doctor struct {
	out    io.Writer
	config *agent.Config
	wrong  int
}

func (d *doctor) ok(what, found string) { fmt.Fprintf(d.out, "ok    %-15s %s\n", what, found) }

func (d *doctor) bad(what, found, todo string) {
	d.wrong++
	fmt.Fprintf(d.out, "WRONG %-15s %s\n      %-15s -> %s\n", what, found, "", todo)
}

func (d *doctor) examine(ctx context.Context) error {
	status, err := agent.ReadStatus(ctx, d.config.State)
	d.privileges()
	d.interfaces()
	d.clock()
	d.collector(ctx, status)
	d.service(status)
	d.agent(status, err)
	if d.wrong > 0 {
		return fmt.Errorf("doctor: %d of these are wrong", d.wrong)
	}
	return nil
}

func (d *doctor) privileges() {
	list, err := platform.Interfaces()
	if err != nil || len(list) == 0 {
		return // interfaces says so
	}
	in := &list[0]
	for i := range list {
		if list[i].Meter && list[i].Kind != "loopback" { // which not every way to capture sees
			in = &list[i]
		}
	}
	src, err := capture.Open(in.Name, in.Index, capture.Options{})
	switch {
	case err == nil:
		_ = src.Close()
		d.ok("privileges", "frames can be captured")
	case errors.Is(err, fs.ErrPermission):
		d.bad("privileges", "this process may not capture", mayCapture())
	case errors.Is(err, errors.ErrUnsupported):
		d.bad("privileges", err.Error(), "use a system with a capture source; capture files can be read on this one")
	default:
		advice := "see whether the interface is up"
		if runtime.GOOS == "linux" {
			advice += " and the kernel has packet sockets (CONFIG_PACKET)"
		}
		d.bad("privileges", err.Error(), advice)
	}
}

// mayCapture says how a process may capture on this system.
func mayCapture() string {
	switch runtime.GOOS {
	case "linux":
		return "run as root, or give the program CAP_NET_RAW: setcap cap_net_raw+ep " + os.Args[0]
	case "windows":
		return "run as an administrator"
	}
	return "run as root, with sudo"
}

func (d *doctor) interfaces() {
	list, err := platform.Interfaces()
	if err != nil {
		d.bad("interfaces", err.Error(), "see whether the process may open netlink sockets (seccomp, RestrictAddressFamilies)")
		return
	}
	var metered, idle []string
	found := map[string]bool{}
	for _, in := range list {
		found[in.Name] = true
		if want, reason := d.config.Wants(&in); want {
			metered = append(metered, in.Name)
		} else {
			idle = append(idle, in.Name+" ("+reason+")")
		}
	}
	for _, name := range d.config.Interfaces {
		if !found[name] {
			d.bad("interfaces", "there is no interface "+name, "it will be metered when it appears; else correct --interface")
		}
	}
	if len(metered) == 0 {
		d.bad("interfaces", "none is to be metered: "+strings.Join(idle, ", "), "bring one up, or name one with --interface")
		return
	}
	text := "to be metered: " + strings.Join(metered, ", ")
	if len(idle) > 0 {
		text += "; not: " + strings.Join(idle, ", ")
	}
	d.ok("interfaces", text)
}

// clock looks for times that no certificate would survive. How far it is from the collector's is told with that.
func (d *doctor) clock() {
	now := time.Now()
	if now.Year() < 2025 || now.Year() > 2100 {
		d.bad("clock", "it says "+now.UTC().Format(time.RFC3339), "set it: certificates and flow times depend on it")
		return
	}
	d.ok("clock", now.UTC().Format(time.RFC3339))
}

// agent tells how the running agent, or what it left, is.
func (d *doctor) agent(s *agent.Status, err error) {
	switch {
	case errors.Is(err, agent.ErrNotRunning):
		d.bad("agent", err.Error(), "start it: argus-endpoint run, or the service")
		d.folder()
		return
	case err != nil:
		advice := "run doctor as root"
		if runtime.GOOS == "windows" {
			advice = "run doctor as an administrator"
		}
		d.bad("agent", err.Error(), advice)
		return
	}
	d.ok("agent", fmt.Sprintf("%s, pid %d, since %s, %d packets metered", s.Version, s.PID, s.Started.UTC().Format(time.RFC3339), s.Totals.Metered))
	for _, in := range s.Interfaces {
		if in.Panics > 0 || !in.Metered && in.Restarts > 0 {
			d.bad("interface "+in.Name, in.Reason, "report it, with the log's lines of code meter-ended")
		}
	}
	if n := s.Totals.RingDropped; n*1000 > s.Totals.Captured {
		d.bad("ring", fmt.Sprintf("%d frames were lost for want of CPU time, beside %d captured", n, s.Totals.Captured), "give the agent more CPU time (CPUWeight)")
	}
	d.delivery(&s.Uplink)
	d.truth(s)
	sp := &s.Spool
	switch {
	case sp.Degraded != "":
		d.bad("spool", "in memory only: "+sp.Degraded, "make the folder writable: "+s.State)
	case sp.Dropped > 0:
		d.bad("spool", fmt.Sprintf("%d records were given up for want of room", sp.Dropped), "give it more with --spool-size, or let the collector be reached")
	default:
		d.ok("spool", fmt.Sprintf("%d records wait, %s of %s", sp.Pending, octets(sp.Bytes), octets(sp.Limit)))
	}
}

// truth looks at what the agent says of itself.
func (d *doctor) truth(s *agent.Status) {
	if s.BadConfig != "" {
		d.bad("configuration", s.BadConfig, "correct it: the last good one is in use")
	}
	for _, x := range s.SwitchedOff {
		d.bad("crashes", x.Path+" is off until "+x.Until.UTC().Format(time.RFC3339), "report it, with the log's lines of code meter-ended and decoder-off; another version tries again at once")
	}
	t := &s.Totals
	if n := t.Missing(); n != 0 || t.Captured != t.Metered+t.Unmetered {
		d.bad("accounts", fmt.Sprintf("the sums do not close: %d records, %d frames", n, int64(t.Captured)-int64(t.Metered+t.Unmetered)), "report it, with argus-endpoint status --json")
	} else {
		d.ok("accounts", fmt.Sprintf("%d records: %d durable, %d waiting, %d given up", t.Inherited+t.Spooled+t.Reports, t.Durable, t.Pending, t.Discarded))
	}
}

// delivery tells how the running agent stands with its collector; that it knows none has been said.
func (d *doctor) delivery(u *agent.UplinkStatus) {
	switch uplink.State(u.State) {
	case uplink.StateNoCollector:
	case uplink.StateUp:
		d.ok("delivery", fmt.Sprintf("to %s, %d records sent", u.Collector, u.Records))
	default:
		todo := "see the lines about the collector"
		if uplink.State(u.State) == uplink.StatePending {
			todo = "approve this host at the collector, after comparing its key " + u.Key
		}
		d.bad("delivery", strings.TrimSpace(u.State+" "+u.Reason), todo)
	}
}

// folder looks at the state folder of an agent that does not run.
func (d *doctor) folder() {
	dir := d.config.State
	f, err := os.CreateTemp(dir, "doctor-*")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok("spool", dir+" does not exist yet: the first start makes it")
	case err != nil:
		d.bad("spool", err.Error(), "make the folder writable for the agent, or give another with --state")
	default:
		_ = f.Close()
		_ = os.Remove(f.Name())
		d.ok("spool", dir+" can be written")
	}
}

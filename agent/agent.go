package agent

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/platform"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
)

// Agent is the endpoint. New makes it, Run does its work.
type Agent struct {
	config  Config
	version string
	log     *zap.Logger

	began     time.Time
	state     *state
	host      platform.Host
	previous  *platform.Host // the one that the state folder was copied from
	spool     *spool.Spool
	uplink    delivery
	feeds     feeds
	outputs   outputs
	clocks    *clocks
	crashes   *crashes
	meters    meters
	facts     *facts
	mar       reporter
	ledger    ledger
	reporting sync.Mutex // one account after the other
	reports   pulse
	checking  sync.Mutex     // held while a check begins, and while the last ones are waited for
	checks    sync.WaitGroup // of the spool, by alive
	gaveBack  uint64         // frames captured when memory was last given back
	degraded  time.Time      // since when the spool cannot write, zero while it can
	memory    int64          // what the Go runtime is to stay within, octets
	flows     int            // how many may be open

	readClocks func() platform.Instant                              // tests have clocks of their own
	local      func(a netip.Addr, port uint16) (here, listens bool) // and more to say of an end
}

// New returns an agent that does nothing until Run. version is the program's, for status and log.
func New(c Config, version string, log *zap.Logger) *Agent {
	a := &Agent{config: c, version: version, log: log, readClocks: platform.ReadClocks}
	a.facts = newFacts(a.tell)
	return a
}

// Run meters, keeps and delivers until ctx ends, and returns when all that it started has ended: within five seconds.
// An error that comes with cli.ExitRunning tells that another agent owns the state folder.
func (a *Agent) Run(ctx context.Context) (err error) {
	a.began = time.Now()
	if a.state, err = openState(a.config.State); err != nil {
		return err
	}
	inOrder := !a.state.unclean // a start that is refused changes nothing
	defer func() { a.state.close(inOrder) }()
	if err := a.identify(); err != nil {
		return err
	}
	a.spool, err = spool.Open(a.state.path(spoolDir), spool.Options{MaxBytes: a.config.SpoolSize, Host: a.host.ID.String()})
	if err != nil {
		return fmt.Errorf("open the spool: %w", err)
	}
	if err := a.uplink.prepare(a); err != nil {
		_ = a.spool.Close()
		return err
	}
	a.memory = a.config.limitMemory()
	a.prepare()
	a.openOutputs()
	a.report(a.began, flow.CauseStart)
	if a.state.unclean {
		a.log.Warn("the last run did not end in order", zap.String("code", "unclean-restart"), zap.String("end", a.crashes.before))
		a.event(Event{Kind: "unclean-restart", To: a.began, Text: "the agent's last run did not end in order: " + a.crashes.before})
	}
	a.crashes.tell()
	a.lookAfterSpool()
	err = a.work(ctx)
	a.crashes.close()
	a.report(time.Now(), flow.CauseStop)
	a.outputs.close()
	a.uplink.finish()
	cerr := a.spool.Close()
	inOrder = cerr == nil
	if cerr != nil && err == nil {
		err = fmt.Errorf("close the spool: %w", cerr)
	}
	return err
}

// identify finds out who this host is, and keeps what belongs to another one apart.
func (a *Agent) identify() (err error) {
	id, err := monitorID(a.config.MonitorID)
	if err != nil {
		return err
	}
	a.host, err = platform.Identify(id, a.state.root)
	if err != nil {
		return err
	}
	if !a.host.Previous.IsNil() {
		previous := a.host
		a.previous = &previous
		a.log.Warn("the state folder belonged to another host: this one begins anew", zap.String("code", "state-cloned"),
			zap.Stringer("previous", a.host.Previous), zap.Stringer("monitor", a.host.ID))
		if err := a.state.setAside(&a.host); err != nil {
			return err
		}
	}
	if a.config.BadFile != "" {
		a.log.Error("the configuration file is bad: the last good one is used", zap.String("code", "config-bad"), zap.String("error", a.config.BadFile))
	} else if err := a.config.keepGood(a.state.root); err != nil {
		a.log.Warn("a bad configuration file would find no good one", zap.String("code", "config"), zap.Error(err))
	}
	a.log.Info("agent starts", zap.String("version", a.version), zap.Stringer("monitor", a.host.ID),
		zap.String("origin", a.host.Origin), zap.String("state", a.config.State))
	return nil
}

// prepare wires the parts.
func (a *Agent) prepare() {
	a.flows = a.config.flowLimit()
	a.crashes = openCrashes(a.state.root, a.version, a.state.unclean, a.decoderOff)
	if a.crashes.isOff(pathProcess) {
		a.flows = max(a.flows/lessForCrash, leastFlows)
	}
	a.clocks = newClocks(a.readClocks, a.clockChanged)
	a.meters = meters{
		clocks: a.clocks, config: &a.config, log: a.log.Named("meter"), room: newRoom(a.flows), monitor: a.host.ID,
		emit: a.keepFlows, own: a.uplink.own, changed: a.uplink.wake, ended: a.reportEnd,
		pulse: make(pulse), slots: make(map[slotKey]*slot), ending: make(map[*slot]bool), crashes: a.crashes, local: a.local,
	}
	a.meters.seen = func(list []platform.Interface, short map[int]string) {
		a.facts.network(list, short)
		a.facts.look(a.meters.ends.seen.Load().Sockets(), false)
	}
	if a.local == nil {
		a.meters.local = a.meters.ends.local
	}
	a.reports = make(pulse)
	a.feeds = a.newFeeds()
	a.mar = reporter{
		config: &a.config, began: a.began, last: a.began, totals: a.meters.totals,
		pending: func() uint64 { return a.spool.Stats().Pending },
		readers: func() int { n, _ := a.feeds.count(); return n },
	}
}

// work runs the parts until ctx ends or one of them cannot go on.
func (a *Agent) work(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.listen()
	a.openFeeds()
	var wg sync.WaitGroup
	var once sync.Once
	var failure error // of the part that could not go on
	part := func(run func(context.Context) error) {
		wg.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				once.Do(func() { failure = err })
				cancel()
			}
		})
	}
	a.meters.ready = func() { a.ready(ctx) }
	part(a.meters.run)
	part(a.uplink.run)
	part(a.uplink.watchToken)
	part(a.reportRegularly)
	part(a.watchClock)
	spooling, stopSpooling := context.WithCancel(context.Background())
	var spoolDone sync.WaitGroup
	spoolDone.Go(func() { _ = a.spool.Run(spooling) }) // also takes the last records of the meters to the disk
	wg.Wait()
	stopSpooling()
	spoolDone.Wait()
	cancel() // no check begins any more
	a.checking.Lock()
	a.checks.Wait()
	a.checking.Unlock()
	a.unlisten()
	a.feeds.remote.close()
	return failure
}

// collectEvery is after how many status records an agent that has little to do gives back the memory of the start, and of
// connections that have come and gone.
const collectEvery = 10

// calmAfter is when the records of a report are on the disk, and the uplink has done with what they brought about.
const calmAfter = 5 * time.Second

func (a *Agent) reportRegularly(ctx context.Context) error {
	t := time.NewTicker(a.config.MARInterval)
	defer t.Stop()
	calm := time.NewTimer(calmAfter)
	defer calm.Stop()
	for n, sent := 0, true; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-a.reports:
		case <-t.C:
			a.clocks.now()
			if err := a.lookAfterState(); err != nil {
				return err
			}
			a.report(time.Now(), flow.CauseStatus)
			a.meters.ends.look(a.meters.log)
			a.facts.look(a.meters.ends.seen.Load().Sockets(), true)
			sent = false
			calm.Reset(min(calmAfter, a.config.MARInterval/2))
		case <-calm.C:
			a.giveBack(!sent && n%collectEvery == 0)
			if !sent { // but the batch comes yet
				n, sent = n+1, true
				calm.Reset(a.config.BatchInterval)
			}
		}
	}
}

func (a *Agent) status() *Status {
	a.meters.readTraffic()
	each, _, total := a.totals()
	sp := a.spool.Stats()
	s := &Status{
		Version: a.version, PID: os.Getpid(), Monitor: a.host.ID, MonitorOrigin: a.host.Origin, Host: a.host.Name,
		BadConfig: a.config.BadFile, Started: a.began, Now: time.Now(), UncleanRestart: a.state.unclean, State: a.config.State,
		Interfaces: a.meters.inOrder(each), Totals: total, FlowLimit: a.flows, MemoryLimit: a.memory, Uplink: a.uplink.status(),
		Spool: SpoolStatus{
			Epoch: fmt.Sprintf("%016x", sp.Epoch), Next: sp.Next, Durable: sp.Durable, Pending: sp.Pending, Bytes: sp.Bytes,
			Limit: a.config.SpoolSize, Dropped: sp.Dropped, Quarantined: sp.Quarantined, Degraded: sp.Degraded,
		},
	}
	a.ledger.mu.Lock()
	s.Events = slices.Clone(a.ledger.events)
	a.ledger.mu.Unlock()
	for _, x := range a.crashes.off() {
		s.SwitchedOff = append(s.SwitchedOff, SwitchedOff{Path: x.Path, Since: x.At, Until: x.until()})
	}
	s.Readers, s.SlowReaders = a.feeds.count()
	s.Unknown = a.facts.why()
	if why := a.meters.ends.why.Load(); why != nil {
		s.Unknown = *why
	}
	if a.previous != nil {
		s.ClonedFrom = &a.previous.Previous
	}
	return s
}

package agent

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/platform"
)

// meters keeps a meter on every interface that is wanted, as interfaces come and go.
type meters struct {
	config  *Config
	log     *zap.Logger
	room    *room // of the flow tables together
	monitor uuid.UUID
	version argus.Version
	emit    emitter
	clocks  *clocks
	crashes *crashes                                             // nil: nobody counts
	local   func(a netip.Addr, port uint16) (here, listens bool) // flow.Config.Local
	own     func(src, dst netip.AddrPort) bool
	changed func(moved bool)       // called on a change of the network: whether the host's addresses are others; may be nil
	ended   func(*InterfaceStatus) // called when the metering of an interface has ended; may be nil

	ready func() // called once, when metering has begun, or it is known why it cannot; may be nil
	pulse pulse

	seen func(list []platform.Interface, short map[int]string) // called with what is there, and the short names of what is metered; may be nil

	addrs  []string // of the host, when last seen
	ends   localEnds
	wg     sync.WaitGroup
	mu     sync.Mutex // guards what follows
	slots  map[slotKey]*slot
	ending map[*slot]bool       // no longer in slots, but their last records are still to come
	idle   []platform.Interface // not metered, with the reason
	gone   Counters             // of interfaces that went away
	fatal  error
}

// slotKey names an interface as long as it is the same: a new name is a new one to whoever reads the records.
type slotKey struct {
	index int
	name  string
}

// run meters until ctx ends. It returns an error only when nothing can be metered for want of privileges or of support.
func (ms *meters) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := platform.Watch(ctx)
	ms.update(ctx, cancel)
	if ms.ready != nil {
		ms.first(ctx, ms.ready)
	}
	for more := true; more; {
		select {
		case <-ms.pulse:
		case _, more = <-changed:
			if more {
				ms.update(ctx, cancel)
			}
		}
	}
	ms.wg.Wait()
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return ms.fatal
}

// update looks at the network as it is now, and tells who wants to know.
func (ms *meters) update(ctx context.Context, cancel context.CancelFunc) {
	ms.clocks.now()
	ms.ends.look(ms.log)
	list, err := platform.Interfaces()
	if err != nil {
		ms.log.Warn("interfaces not listed", zap.String("code", "interfaces"), zap.Error(err))
		return
	}
	if addrs := addresses(list); ms.changed != nil {
		moved := !slices.Equal(addrs, ms.addrs)
		ms.addrs = addrs
		ms.changed(moved)
	}
	ms.fit(ctx, cancel, list)
	if ms.seen != nil {
		ms.seen(list, ms.shortNames())
	}
}

// fit starts and ends meters so that they fit the interfaces of list.
func (ms *meters) fit(ctx context.Context, cancel context.CancelFunc, list []platform.Interface) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	wanted := make(map[slotKey]bool, len(list))
	ms.idle = ms.idle[:0]
	var begin []platform.Interface
	for _, in := range list {
		key := slotKey{in.Index, in.Name}
		want, reason := ms.config.Wants(&in)
		if !want {
			in.Meter, in.Reason = false, reason
			ms.idle = append(ms.idle, in)
			continue
		}
		wanted[key] = true
		if s := ms.slots[key]; s == nil {
			begin = append(begin, in)
		} else {
			s.again()
		}
	}
	for key, s := range ms.slots {
		if !wanted[key] {
			s.cancel()
			delete(ms.slots, key)
			ms.ending[s] = true
		}
	}
	if len(begin) == 0 {
		return
	}
	counts, _ := platform.ReadTraffic() // without them, they are not told
	for _, in := range begin {
		s := ms.begin(ctx, in, cancel)
		if now, ok := counts[in.Index]; ok {
			s.traffic(now)
		}
	}
}

// shortNames returns the names by which records call the interfaces that are metered, by index.
func (ms *meters) shortNames() map[int]string {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	short := make(map[int]string, len(ms.slots))
	for key, s := range ms.slots {
		short[key.index] = s.short
	}
	return short
}

// readTraffic asks the system what it has counted.
func (ms *meters) readTraffic() {
	counts, err := platform.ReadTraffic()
	if err != nil {
		return
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for _, s := range ms.slots {
		if now, ok := counts[s.in.Index]; ok {
			s.traffic(now)
		}
	}
}

// interrupt makes the meters that sleep look at the clocks.
func (ms *meters) interrupt() {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for _, s := range ms.slots {
		s.interrupt()
	}
}

// addresses returns those with their networks by which the host can be reached from elsewhere, in order.
func addresses(list []platform.Interface) (addrs []string) {
	for _, in := range list {
		for _, a := range in.Addrs {
			if in.Up && a.Addr().IsGlobalUnicast() {
				addrs = append(addrs, a.String())
			}
		}
	}
	slices.Sort(addrs)
	return addrs
}

func (ms *meters) begin(ctx context.Context, in platform.Interface, stopAll context.CancelFunc) *slot {
	ctx, cancel := context.WithCancel(ctx)
	s := newSlot(in, cancel, ms.crashes)
	s.short = shortName(in.Name, func(name string) bool {
		return name == manName || slices.ContainsFunc(slices.Collect(maps.Values(ms.slots)), func(o *slot) bool { return o.short == name })
	})
	ms.slots[slotKey{in.Index, in.Name}] = s
	ms.log.Info("metering", zap.String("interface", in.Name), zap.String("kind", in.Kind))
	ms.wg.Go(func() {
		defer cancel()
		if err := s.run(ctx, ms.newMeter, ms.log); err != nil {
			ms.refused(s, err, stopAll)
			return
		}
		st := ms.forget(s)
		if ms.ended != nil {
			ms.ended(&st)
		}
		ms.log.Info("metering ended", zap.String("interface", in.Name))
	})
	return s
}

// refused notes that s cannot be metered. The slot stays, so that the reason is seen and the interface is not tried for ever.
func (ms *meters) refused(s *slot, err error, stopAll context.CancelFunc) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.log.Error("interface is not metered", zap.String("code", "capture-refused"), zap.String("interface", s.in.Name), zap.Error(err))
	if !ms.anyLeft() {
		ms.fatal = err
		stopAll()
	}
}

// forget takes s, which has ended, out, and returns its last status. What it counted stays in the totals.
func (ms *meters) forget(s *slot) InterfaceStatus {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	st, done := s.status()
	ms.gone.add(&done)
	delete(ms.ending, s)
	if key := (slotKey{s.in.Index, s.in.Name}); ms.slots[key] == s {
		delete(ms.slots, key)
	}
	return st
}

// anyLeft tells whether some interface may still be metered. The caller holds the lock.
func (ms *meters) anyLeft() bool {
	for _, s := range ms.slots {
		s.mu.Lock()
		ok := s.running || s.err == nil || s.restarts > 0
		s.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}

func (ms *meters) newMeter(s *slot) (*meter, error) {
	config, again := *ms.config, time.Time{}
	if ms.crashes != nil {
		if ms.crashes.isOff(interfacePath + s.in.Name) {
			return nil, errOff
		}
		config, again = ms.crashes.allowed(config)
	}
	src, err := capture.Open(s.in.Name, s.in.Index, config.capture())
	if err != nil {
		return nil, err
	}
	m := newMeter(&config, ms.room, ms.local, src,
		argus.Encoder{Version: ms.version, Monitor: ms.monitor, Interface: s.short, Label: config.label(s.in.Name)}, ms.emit)
	m.clocks, m.own, m.state, m.until = ms.clocks, ms.own, s.told, again
	return m, nil
}

// totals returns the counters of all interfaces since the start, and how many are metered now.
func (ms *meters) totals() (c Counters, metered int) {
	each, c := ms.census()
	for i := range each {
		if each[i].Metered {
			metered++
		}
	}
	return c, metered
}

// census returns the status of every interface that is metered, or is to be, and the counters of all since the start, those
// that went away included, at one moment.
func (ms *meters) census() (each []InterfaceStatus, total Counters) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	total = ms.gone
	take := func(s *slot) {
		st, c := s.status()
		each = append(each, st)
		total.add(&c)
	}
	for s := range ms.ending {
		take(s)
	}
	for _, s := range ms.slots {
		take(s)
	}
	return each, total
}

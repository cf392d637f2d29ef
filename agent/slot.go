package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/platform"
)

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = time.Minute
	calmRun    = time.Minute // a meter that lasted this long begins again with firstRetry
)

// errPanic is wrapped by the error of a meter that met a defect of ours.
var errPanic = errors.New("internal error")

// slot keeps one interface metered: it opens the source, and again when that was lost or its meter failed.
type slot struct {
	in      platform.Interface
	short   string
	cancel  context.CancelFunc
	kick    chan struct{} // ends a pause before the next try
	tried   chan struct{} // closed when the first try to meter has come to something
	try     sync.Once     // closes it
	since   time.Time
	crashes *crashes // told of a panic; nil: nobody counts

	mu       sync.Mutex     // guards what follows
	src      capture.Source // of the meter that runs
	method   string         // by which it takes the frames
	past     Counters       // of the meters that have ended
	now      Counters       // of the one that runs
	running  bool
	restarts uint64
	panics   uint64
	err      error            // why the last meter ended
	nic      platform.Traffic // what the system has counted since `since`, valid with nicKnown
	nicLast  platform.Traffic // what it said when last read
	nicKnown bool
	asked    []chan struct{} // closed at the next sign of life

	said []byte // the last status record; the reports' lock guards it
}

// newSlot returns a slot that meters nothing until run. cancel ends it, crashes may be nil.
func newSlot(in platform.Interface, cancel context.CancelFunc, crashes *crashes) *slot {
	return &slot{in: in, cancel: cancel, kick: make(chan struct{}, 1), tried: make(chan struct{}), since: time.Now(), crashes: crashes}
}

// traffic takes what the system counts of the interface now. The first reading is where the counting begins.
func (s *slot) traffic(now platform.Traffic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nicKnown {
		s.nic.Add(s.nicLast, now)
	}
	s.nicLast, s.nicKnown = now, true
}

// run meters until ctx ends. make gives a new meter for the interface.
func (s *slot) run(ctx context.Context, newMeter func(*slot) (*meter, error), log *zap.Logger) error {
	retry := firstRetry
	for {
		began := time.Now()
		err := s.once(ctx, newMeter)
		if ctx.Err() != nil {
			return nil
		}
		if hopeless(err) {
			return err
		}
		if time.Since(began) >= calmRun {
			retry = firstRetry
		}
		if err == nil {
			log.Info("what was switched off is tried again", zap.String("code", "decoder-on"), zap.String("interface", s.in.Name))
			continue
		}
		if errors.Is(err, errOff) {
			log.Error("interface is not metered", zap.String("code", "decoder-off"), zap.String("interface", s.in.Name), zap.Error(err))
			if !pause(ctx, time.Until(s.crashes.until(interfacePath+s.in.Name))) {
				return nil
			}
			continue
		}
		wait := retry
		if retry == firstRetry && errors.Is(err, capture.ErrInterfaceDown) {
			wait = 0 // it may be up again already
		}
		log.Warn("meter ended", zap.String("code", "meter-ended"), zap.String("interface", s.in.Name), zap.Error(err), zap.Duration("retry", wait))
		select {
		case <-ctx.Done():
			return nil
		case <-s.kick:
		case <-time.After(wait):
		}
		retry = min(2*retry, lastRetry)
		s.mu.Lock()
		s.restarts++
		s.mu.Unlock()
	}
}

// hopeless tells whether trying again does not help.
func hopeless(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported)
}

// once runs one meter to its end, without an error when it is time to try again what is switched off. A panic in it ends that meter
// only; the records made so far are kept.
func (s *slot) once(ctx context.Context, newMeter func(*slot) (*meter, error)) (err error) {
	m, err := newMeter(s)
	if err != nil {
		s.ended(err)
		return err
	}
	stats, _ := m.src.Stats()
	s.mu.Lock()
	s.running, s.src, s.method = true, m.src, stats.Method
	s.mu.Unlock()
	s.try.Do(func() { close(s.tried) })
	defer func() {
		if p := recover(); p != nil {
			stack := debug.Stack()
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, stack)
			if path := m.blame(stack, s.in.Name); s.crashes != nil && s.crashes.add(path, fmt.Sprint(p)) && strings.HasPrefix(path, interfacePath) {
				err = fmt.Errorf("%w: %w", errOff, err)
			}
			m.abandon(stack)
		}
		_ = m.src.Close()
		m.end()
		s.ended(err)
	}()
	if !m.until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, m.until)
		defer cancel()
	}
	return m.run(ctx)
}

// pause waits and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (s *slot) ended(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.now.ended()
	s.past.add(&done)
	s.now, s.running, s.src, s.method, s.err = Counters{}, false, nil, "", err
	s.show()
	s.try.Do(func() { close(s.tried) })
	if errors.Is(err, errPanic) {
		s.panics++
	}
}

// again ends a pause of the slot, if it is in one: the network has changed.
func (s *slot) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
}

// interrupt ends the sleep of the meter.
func (s *slot) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.src != nil {
		s.src.Interrupt()
	}
}

// told takes a meter's counters.
func (s *slot) told(c Counters) {
	s.mu.Lock()
	s.now = c
	s.show()
	s.mu.Unlock()
}

func (s *slot) counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.past
	c.add(&s.now)
	return c
}

package agent

import (
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

const (
	leastStep  = 2 * time.Second // a smaller change of the clock is none
	leastSleep = 2 * time.Second
)

// clocks tells meters the time, and notices that the system slept or that its clock was set.
type clocks struct {
	read    func() platform.Instant // platform.ReadClocks; tests have clocks of their own
	changed func(kind string, from, to time.Time)

	mu    sync.Mutex // guards what follows
	began platform.Instant
	told  moment // what was last told of: its offset and slept
}

// moment is what the clocks show, ns.
type moment struct {
	wall   int64 // since 1970, whatever it was set to
	steady int64 // the wall clock's time of the agent's start, and since then the time that the system was awake
	slept  int64 // since it was booted
}

// offset is how far the wall clock is from the steady one.
func (m moment) offset() int64 { return m.wall - m.steady }

func newClocks(read func() platform.Instant, changed func(kind string, from, to time.Time)) *clocks {
	c := &clocks{read: read, changed: changed, began: read()}
	c.told = c.moment(c.began)
	return c
}

func (c *clocks) moment(i platform.Instant) moment {
	return moment{wall: i.Wall, steady: c.began.Wall + i.Awake - c.began.Awake, slept: i.Slept}
}

// now returns what the clocks show. It tells of a sleep or a step that nobody has told of.
func (c *clocks) now() moment {
	c.mu.Lock()
	now := c.moment(c.read())
	slept := now.slept - c.told.slept
	step := now.offset() - c.told.offset() - slept
	if slept < int64(leastSleep) {
		slept = 0
	}
	if max(step, -step) < int64(leastStep) {
		step = 0
	}
	if slept != 0 || step != 0 {
		c.told = now
	}
	c.mu.Unlock()
	at := time.Unix(0, now.wall)
	if slept != 0 {
		c.changed("asleep", at.Add(-time.Duration(slept)), at)
	}
	if step != 0 {
		c.changed("clock-step", at.Add(-time.Duration(step)), at)
	}
	return now
}

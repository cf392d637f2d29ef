package await

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// judge takes the place of a test that may fail.
type judge struct {
	testing.TB
	said string
}

func (j *judge) Helper() {}

func (j *judge) Fatalf(format string, args ...any) {
	j.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestEvent(t *testing.T) {
	for _, c := range []struct {
		within, after, failed time.Duration // failed: after which time at the latest, 0 for never
	}{
		{time.Second, 0, 0}, {time.Second, 9 * time.Second, 0}, {time.Second, 11 * time.Second, 10200 * time.Millisecond},
		{time.Minute, 119 * time.Second, 0}, {time.Minute, 3 * time.Minute, 120200 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			j, began, took := &judge{}, time.Now(), time.Duration(0)
			go func() {
				took = Event(j, c.within, "the end", func() bool { return time.Since(began) >= c.after })
			}()
			time.Sleep(c.after + c.within*20)
			synctest.Wait()
			if (j.said != "") != (c.failed > 0) || c.failed == 0 && (took < c.after || took > c.after+100*time.Millisecond) {
				t.Errorf("%+v: %q after %v", c, j.said, took)
			}
		})
	}
}

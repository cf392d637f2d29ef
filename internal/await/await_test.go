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
	end  time.Time // of the whole test, zero for none
}

func (j *judge) Deadline() (time.Time, bool) { return j.end, !j.end.IsZero() }

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

// TestEventBeforeTheEnd: what did not come is told before the test binary's timeout ends all tests without a word of it.
func TestEventBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &judge{end: time.Now().Add(30 * time.Second)}
		go func() {
			Event(j, 20*time.Second, "the end", func() bool { return false })
		}()
		time.Sleep(29 * time.Second)
		synctest.Wait()
		if j.said == "" {
			t.Error("nothing is said a second before the end")
		}
		time.Sleep(time.Hour)
	})
}

package capture

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func testQueue(snap, ring int) *queue {
	return newQueue("eth7", 7, "test", Options{SnapLen: snap, Ring: ring})
}

func TestQueueLendsWhatWasPut(t *testing.T) {
	q := testQueue(64, 0)
	first, second := bytes.Repeat([]byte{1}, 100), []byte{2, 2, 2}
	q.put(&note{at: 1e18 + 5, length: 1500, link: LinkRaw, outgoing: true, notVerified: true}, first)
	q.put(&note{at: 1e18 + 6, length: 1, link: LinkEthernet}, second)
	f := Frame{Link: 99, GSOSize: 9, HasVLAN: true}
	data, err := q.Next(&f, 0)
	if err != nil || !bytes.Equal(data, first[:64]) || f.CaptureLength != 64 || f.Length != 1500 || f.Timestamp.UnixNano() != 1e18+5 ||
		f.Link != LinkRaw || !f.Outgoing || !f.ChecksumNotReady || f.InterfaceIndex != 7 || f.GSOSize != 0 || f.HasVLAN {
		t.Errorf("%d octets, %+v, %v", len(data), f, err)
	}
	kept := data
	data, err = q.Next(&f, 0)
	if err != nil || !bytes.Equal(data, second) || f.Length != 3 || f.Outgoing || f.ChecksumNotReady || f.Link != LinkEthernet {
		t.Errorf("%v, %+v, %v: a frame is as long as what was captured of it at least", data, f, err)
	}
	if cap(kept) != 64 {
		t.Errorf("one may append to a frame over the next one: %d", cap(kept))
	}
	if _, err = q.Next(&f, 0); !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
	if s, err := q.Stats(); s != (Stats{Received: 2, Method: "test"}) || err != nil {
		t.Error(s, err)
	}
}

// TestQueueIsBounded: what does not fit is counted, and there is room again when Next has come so far.
func TestQueueIsBounded(t *testing.T) {
	const frames = 4000
	q := testQueue(512, 512<<10)
	q.lost = func() (uint64, error) { return 11, nil }
	put := func() {
		for range frames {
			q.put(&note{length: 1500}, make([]byte, 1500))
		}
	}
	take := func() (n uint64) {
		var f Frame
		for {
			if _, err := q.Next(&f, 0); err != nil {
				return n
			}
			n++
		}
	}
	put()
	if n := take(); n == 0 || n > 256<<10/(512+noteSize) {
		t.Errorf("%d frames in a buffer of 256 KiB", n)
	}
	put()
	take()
	if s, err := q.Stats(); s.Received+s.Dropped != 2*frames+11 || err != nil {
		t.Errorf("%+v, %v: of %d frames, and 11 that the system lost", s, err, 2*frames)
	}
}

// TestQueueGivesMemoryBack a minute after a burst.
func TestQueueGivesMemoryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(512, 2<<20)
		var f Frame
		round := func(frames int) {
			for range frames {
				q.put(&note{}, make([]byte, 512))
			}
			for _, err := q.Next(&f, 0); err == nil; _, err = q.Next(&f, 0) {
			}
		}
		held := func() int { return cap(q.fill) + cap(q.spare) }
		round(1500)
		round(1500)
		if held() < 2*1500*512 {
			t.Fatalf("%d octets", held())
		}
		time.Sleep(2 * quietTime)
		for range 3 {
			round(1)
		}
		if held() > 4*leastBuffer {
			t.Errorf("%d octets two minutes after a burst", held())
		}
	})
}

func TestQueueWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(512, 0)
		var f Frame
		next := func(wait time.Duration) (time.Duration, error) {
			began := time.Now()
			_, err := q.Next(&f, wait)
			return time.Since(began), err
		}
		later := func(f func()) { go func() { time.Sleep(time.Second); f() }() }

		if d, err := next(time.Minute); d != time.Minute || !errors.Is(err, ErrTimeout) {
			t.Error("nothing comes:", d, err)
		}
		later(func() { q.put(&note{}, []byte{1}); q.flush() })
		if d, err := next(time.Minute); d != time.Second || err != nil {
			t.Error("a frame comes:", d, err)
		}
		later(q.Interrupt)
		if d, err := next(time.Minute); d != time.Second || !errors.Is(err, ErrTimeout) {
			t.Error("interrupted:", d, err)
		}
		q.Interrupt()
		if d, err := next(0); d != 0 || !errors.Is(err, ErrTimeout) {
			t.Error("does not wait:", d, err)
		}
		if d, err := next(time.Minute); d != 0 || !errors.Is(err, ErrTimeout) {
			t.Error("interrupted before it waits:", d, err)
		}
		if d, err := next(time.Minute); d != time.Minute || !errors.Is(err, ErrTimeout) {
			t.Error("an interrupt holds once:", d, err)
		}
		q.put(&note{}, []byte{1})
		later(func() { q.fail(ErrInterfaceDown) })
		if d, err := next(time.Minute); d != 0 || err != nil {
			t.Error("what is there comes without a flush:", d, err)
		}
		for range 2 {
			if _, err := next(time.Minute); !errors.Is(err, ErrInterfaceDown) {
				t.Error("it ended:", err)
			}
		}
	})
}

func TestQueueCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stopped := testQueue(512, 0), 0
		q.stop = func() { stopped++ }
		q.put(&note{}, []byte{1})
		go func() {
			time.Sleep(time.Second)
			_, _ = q.Close(), q.Close()
		}()
		var f Frame
		_, _ = q.Next(&f, 0)
		if _, err := q.Next(&f, time.Minute); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if _, err := q.Next(&f, 0); !errors.Is(err, net.ErrClosed) || stopped != 1 {
			t.Error(err, stopped)
		}
	})
}

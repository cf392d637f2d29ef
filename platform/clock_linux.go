package platform

import (
	"context"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

func readClocks() (i Instant) {
	i.Wall = clockOf(unix.CLOCK_REALTIME)
	i.Awake = clockOf(unix.CLOCK_MONOTONIC)
	i.Slept = clockOf(unix.CLOCK_BOOTTIME) - i.Awake
	return i
}

func clockOf(id int32) int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(id, &t) // of these clocks it cannot fail
	return t.Nano()
}

// clockChanges returns a function that blocks until the clock is set or the system wakes up: then the kernel cancels a timer of
// the wall clock that asked for it (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). It returns false once ctx has ended.
func clockChanges(ctx context.Context) (wait func() bool, err error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("timer: %w", err)
	}
	never := unix.ItimerSpec{Value: unix.NsecToTimespec(math.MaxInt64)}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &never, nil); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("timer: %w", err)
	}
	timer := os.NewFile(uintptr(fd), "timer") // not blocking, so that Close ends a read
	conn, err := timer.SyscallConn()
	if err != nil {
		timer.Close()
		return nil, fmt.Errorf("timer: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { timer.Close() })
	buf := make([]byte, 8)
	return func() bool {
		err := conn.Read(func(fd uintptr) bool {
			_, err := unix.Read(int(fd), buf)
			return err != unix.EAGAIN && err != unix.EINTR // ECANCELED it is
		})
		if err != nil {
			stop()
			timer.Close()
			return false
		}
		return true
	}, nil
}

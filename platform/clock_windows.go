package platform

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	unbiasedInterruptTime = windows.NewLazySystemDLL("kernel32.dll").NewProc("QueryUnbiasedInterruptTime")

	powrprof        = windows.NewLazySystemDLL("powrprof.dll")
	registerSleep   = powrprof.NewProc("PowerRegisterSuspendResumeNotification")
	unregisterSleep = powrprof.NewProc("PowerUnregisterSuspendResumeNotification")

	sleepNotices notices
)

func readClocks() Instant {
	i := Instant{Wall: time.Now().UnixNano()}
	var awake uint64 // units of 100 ns
	if ok, _, _ := unbiasedInterruptTime.Call(uintptr(unsafe.Pointer(&awake))); ok != 0 {
		i.Awake = int64(awake) * 100
		i.Slept = int64(windows.DurationSinceBoot()) - i.Awake
	}
	return i
}

// clockChanges has the system call back when it goes to sleep or wakes up. That the clock was set it tells windows and services only.
func clockChanges(ctx context.Context) (wait func() bool, err error) {
	if err := registerSleep.Find(); err != nil {
		return nil, fmt.Errorf("notices of sleep: %w", err)
	}
	const callBack = 2 // DEVICE_NOTIFY_CALLBACK
	c := sleepNotices.join()
	subscription := &struct{ callback, context uintptr }{callback: sleepNotices.callback()}
	var handle uintptr
	if code, _, _ := registerSleep.Call(callBack, uintptr(unsafe.Pointer(subscription)), uintptr(unsafe.Pointer(&handle))); code != 0 {
		sleepNotices.leave(c)
		return nil, fmt.Errorf("notices of sleep: %w", windows.Errno(code))
	}
	return sleepNotices.wait(ctx, c, func() { _, _, _ = unregisterSleep.Call(handle) }), nil
}

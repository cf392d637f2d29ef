package platform

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var unbiasedInterruptTime = windows.NewLazySystemDLL("kernel32.dll").NewProc("QueryUnbiasedInterruptTime")

func readClocks() Instant {
	i := Instant{Wall: time.Now().UnixNano()}
	var awake uint64 // units of 100 ns
	if ok, _, _ := unbiasedInterruptTime.Call(uintptr(unsafe.Pointer(&awake))); ok != 0 {
		i.Awake = int64(awake) * 100
		i.Slept = int64(windows.DurationSinceBoot()) - i.Awake
	}
	return i
}

package platform

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

func TestInterfacesAgreeWithNet(t *testing.T) {
	want, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	list, err := Interfaces()
	if err != nil || len(list) == 0 || len(list) != len(want) {
		t.Fatalf("%d interfaces of %d: %v", len(list), len(want), err)
	}
	traffic, err := ReadTraffic()
	if err != nil || len(traffic) != len(list) {
		t.Errorf("the counters of %d interfaces of %d: %v", len(traffic), len(list), err)
	}
	for _, w := range want {
		i := slices.IndexFunc(list, func(in Interface) bool { return in.Index == w.Index })
		if i < 0 {
			t.Errorf("%d, %s, is missing", w.Index, w.Name)
			continue
		}
		in, loopback := list[i], w.Flags&net.FlagLoopback != 0
		if in.Name != w.Name || in.Up != (w.Flags&net.FlagUp != 0) || (in.Kind == "loopback") != loopback || !loopback && in.MAC.String() != w.HardwareAddr.String() {
			t.Errorf("%+v, net says %+v", in, w)
		}
		addrs, _ := w.Addrs()
		for _, a := range addrs {
			if !slices.ContainsFunc(in.Addrs, func(p netip.Prefix) bool { return p.String() == a.String() }) {
				t.Errorf("%s: %v lacks %v", in.Name, in.Addrs, a)
			}
		}
		t.Logf("%+v %+v", in, traffic[in.Index])
	}
}

func TestNoticesEndWithTheirContext(t *testing.T) {
	for range 3 { // the system's registrations are given back
		ctx, cancel := context.WithCancel(t.Context())
		network, clock := Watch(ctx), WatchClock(ctx)
		cancel()
		for range network {
		}
		for range clock {
		}
	}
}

// The system calls from threads of its own.
func TestNoticesComeFromForeignThreads(t *testing.T) {
	var n notices
	c := n.join()
	create := windows.NewLazySystemDLL("kernel32.dll").NewProc("CreateThread")
	for range 20 {
		thread, _, err := create.Call(0, 0, n.callback(), 0, 0, 0)
		if thread == 0 {
			t.Fatal(err)
		}
		select {
		case <-c:
		case <-time.After(10 * time.Second): // without a timer that runs the runtime takes this for a deadlock
			t.Fatal("not told")
		}
		if _, err := windows.WaitForSingleObject(windows.Handle(thread), windows.INFINITE); err != nil {
			t.Error(err)
		}
		_ = windows.CloseHandle(windows.Handle(thread))
	}
}

func TestNoticesGoToAllWhoWait(t *testing.T) {
	var n notices
	a, b := n.join(), n.join()
	for range 3 {
		n.notify() // waits for nobody
	}
	<-a
	<-b
	n.leave(a)
	n.notify()
	<-b
	select {
	case <-a:
		t.Error("one that has left was told")
	default:
	}
}

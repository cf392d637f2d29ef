package platform

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// notices go from callbacks of the system, on threads of its own, to those who wait for them.
type notices struct {
	mu      sync.Mutex
	waiting map[chan struct{}]bool
	once    sync.Once
	entry   uintptr // of callback: the runtime keeps those for ever, so there is one
}

// join returns a channel in which one value stands for any number of notices since the last.
func (n *notices) join() chan struct{} {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting == nil {
		n.waiting = make(map[chan struct{}]bool)
	}
	n.waiting[c] = true
	return c
}

func (n *notices) leave(c chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.waiting, c)
}

// notify must not wait: the system's thread has others to tell.
func (n *notices) notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.waiting {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// callback returns the address of a function of three words that notifies.
func (n *notices) callback() uintptr {
	n.once.Do(func() {
		n.entry = windows.NewCallback(func(_, _, _ uintptr) uintptr { n.notify(); return 0 })
	})
	return n.entry
}

// wait returns a function that blocks until a notice comes, and returns false once ctx has ended and cancel was called.
func (n *notices) wait(ctx context.Context, c chan struct{}, cancel func()) func() bool {
	return func() bool {
		select {
		case <-c:
			return true
		case <-ctx.Done():
			cancel()
			n.leave(c)
			return false
		}
	}
}

var networkNotices notices

// subscribe has the system call back when an interface, an address or a route changes.
func subscribe(ctx context.Context) (wait func() bool, err error) {
	c := networkNotices.join()
	var handles []windows.Handle
	cancel := func() {
		for _, h := range handles {
			_ = windows.CancelMibChangeNotify2(h) // which waits for calls that are under way
		}
	}
	for _, register := range []func(uint16, uintptr, unsafe.Pointer, bool, *windows.Handle) error{
		windows.NotifyIpInterfaceChange, windows.NotifyUnicastIpAddressChange, windows.NotifyRouteChange2,
	} {
		var h windows.Handle
		err := register(windows.AF_UNSPEC, networkNotices.callback(), nil, false, &h)
		if err == nil && h == 0 { // Wine says yes, and never calls
			err = errors.ErrUnsupported
		}
		if err != nil {
			cancel()
			networkNotices.leave(c)
			return nil, fmt.Errorf("notices of network changes: %w", err)
		}
		handles = append(handles, h)
	}
	return networkNotices.wait(ctx, c, cancel), nil
}

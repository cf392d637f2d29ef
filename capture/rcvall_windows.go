package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Numbers of mstcpip.h and winsock2.h. The level RCVALL_IPLEVEL does not switch the adapter to promiscuous mode, as RCVALL_ON would.
const (
	sioRcvall     = 0x98000001
	rcvallIPLevel = 3
	rcvallBuffer  = 1 << 20 // octets that a socket holds
	rcvallTimeout = 500     // milliseconds, after which a socket without a packet looks whether it is to end
	soRcvTimeo    = 0x1006
	wsaNoInherit  = 0x80
)

// rcvall is a raw socket for each address of an interface.
type rcvall struct {
	q       *queue
	sockets []rawSocket
	done    sync.WaitGroup
}

type rawSocket struct {
	handle syscall.Handle
	local  netip.Addr
}

func openRcvall(name string, a *adapter, o Options) (Source, error) {
	if a.loopback {
		return nil, fmt.Errorf("raw sockets do not see the loopback interface: %w", errors.ErrUnsupported)
	}
	r := &rcvall{q: newQueue(name, a.index, "rcvall: IP only", o)}
	var refused error
	for _, local := range a.addrs {
		h, err := rawSocketOf(local, a.index)
		if err != nil {
			refused = fmt.Errorf("raw socket for %s: %w", local, err)
			continue
		}
		r.sockets = append(r.sockets, rawSocket{h, local})
	}
	switch {
	case len(r.sockets) > 0:
	case refused != nil:
		return nil, refused
	default:
		return nil, fmt.Errorf("it has no IP address: %w", ErrInterfaceDown)
	}
	r.q.stop = r.stop
	for i := range r.sockets {
		r.done.Go(func() { r.receive(&r.sockets[i]) })
	}
	return r.q, nil
}

// rawSocketOf returns a socket that gets every IP packet which an address's interface sends or receives. The functions are those of
// package syscall, which package net has in the program already.
func rawSocketOf(local netip.Addr, index int) (syscall.Handle, error) {
	family, protocol := int32(syscall.AF_INET), int32(syscall.IPPROTO_IP)
	var to syscall.Sockaddr = &syscall.SockaddrInet4{Addr: [4]byte(local.AsSlice())}
	if local.Is6() {
		family, protocol = syscall.AF_INET6, syscall.IPPROTO_IPV6
		in6 := &syscall.SockaddrInet6{Addr: local.As16()}
		if local.IsLinkLocalUnicast() {
			in6.ZoneId = uint32(index)
		}
		to = in6
	}
	s, err := windows.WSASocket(family, syscall.SOCK_RAW, protocol, nil, 0, wsaNoInherit)
	if err != nil {
		return 0, rawError(err)
	}
	h, level, answered := syscall.Handle(s), uint32(rcvallIPLevel), uint32(0)
	if err = syscall.Bind(h, to); err == nil {
		_ = syscall.SetsockoptInt(h, syscall.SOL_SOCKET, syscall.SO_RCVBUF, rcvallBuffer)
		err = syscall.SetsockoptInt(h, syscall.SOL_SOCKET, soRcvTimeo, rcvallTimeout)
	}
	if err == nil {
		err = syscall.WSAIoctl(h, sioRcvall, (*byte)(unsafe.Pointer(&level)), 4, nil, 0, &answered, nil, 0)
	}
	if err != nil {
		_ = syscall.Closesocket(h)
		return 0, rawError(err)
	}
	return h, nil
}

func rawError(err error) error {
	switch {
	case errors.Is(err, windows.WSAEACCES), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (run as administrator, or as the service): %w", err, fs.ErrPermission)
	case errors.Is(err, windows.WSAEPROTONOSUPPORT), errors.Is(err, windows.WSAEPROTOTYPE), errors.Is(err, windows.WSAEOPNOTSUPP):
		return fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	return err
}

// receive puts what a socket gets into the queue, until that is closed or the socket's address goes.
func (r *rcvall) receive(s *rawSocket) {
	data := make([]byte, 1<<16)
	buf := syscall.WSABuf{Len: uint32(len(data)), Buf: &data[0]}
	for {
		var n, flags uint32
		err := syscall.WSARecv(s.handle, &buf, 1, &n, &flags, nil, nil)
		switch {
		case r.q.closed.Load():
			return
		case errors.Is(err, windows.WSAETIMEDOUT):
			continue
		case errors.Is(err, windows.WSAEMSGSIZE):
			n = uint32(len(data))
		case err != nil:
			r.q.fail(fmt.Errorf("receive for %s: %w: %w", s.local, ErrInterfaceDown, err))
			return
		}
		if note, ok := rawNote(data[:n], s.local, time.Now().UnixNano()); ok {
			r.q.put(&note, data[:n])
			r.q.flush()
		} else {
			r.q.drop(1)
		}
	}
}

// stop closes the sockets when nobody receives any more: the number of one that is closed may be that of another file at once.
func (r *rcvall) stop() {
	r.done.Wait()
	for _, s := range r.sockets {
		_ = syscall.Closesocket(s.handle)
	}
}

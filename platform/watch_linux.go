package platform

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// subscribe joins the kernel's groups for links, addresses and routes. The returned function blocks until one of them
// speaks, and returns false once ctx has ended.
func subscribe(ctx context.Context) (wait func() bool, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK |
		unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE})
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("netlink groups: %w", err)
	}
	sock := os.NewFile(uintptr(fd), "netlink") // not blocking, so that Close ends a read
	conn, err := sock.SyscallConn()
	if err != nil {
		sock.Close()
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { sock.Close() })
	buf := make([]byte, 4096) // what is longer is cut: that something changed is all there is to know
	return func() bool {
		err := conn.Read(func(fd uintptr) bool {
			_, err := unix.Read(int(fd), buf)
			// ENOBUFS: notices were lost, which is a notice too.
			return err != unix.EAGAIN && err != unix.EINTR
		})
		if err != nil {
			stop()
			sock.Close()
			return false
		}
		return true
	}, nil
}

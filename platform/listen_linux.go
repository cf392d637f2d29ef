package platform

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// readSockets asks sock_diag(7) for the listening sockets alone. /proc/net/tcp tells the same, but walks the connections of
// the host for it, or the room for them: 3 ms against 0.05 ms.
func (l *Listeners) readSockets() error {
	const (
		requestLen = 56      // struct inet_diag_req_v2 (linux/inet_diag.h)
		listening  = 1 << 10 // TCP_LISTEN
	)
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		ask := make([]byte, requestLen)
		ask[0], ask[1] = family, unix.IPPROTO_TCP
		binary.NativeEndian.PutUint32(ask[4:], listening)
		err := nlDump(unix.NETLINK_SOCK_DIAG, unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP, ask, func(m nlMessage) {
			if s, ok := parseListener(m); ok {
				l.add(s)
			}
		})
		switch {
		case errors.Is(err, unix.ENOENT) && family == unix.AF_INET6: // a kernel without IPv6
		case errors.Is(err, unix.ENOENT):
			return fmt.Errorf("%w: load the kernel module tcp_diag", err)
		case err != nil:
			return err
		}
	}
	return nil
}

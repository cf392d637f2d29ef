package platform

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// subscribe opens a routing socket (route(4)). The returned function blocks until the system tells of a change of links, addresses or
// routes, and returns false once ctx has ended.
func subscribe(ctx context.Context) (wait func() bool, err error) {
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("routing socket: %w", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("routing socket: %w", err)
	}
	// The system does not say when it had no room for a message.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 256<<10)
	sock := os.NewFile(uintptr(fd), "route") // not blocking, so that Close ends a read
	stop := context.AfterFunc(ctx, func() { sock.Close() })
	buf := make([]byte, 16<<10)
	return func() bool {
		for {
			n, err := sock.Read(buf)
			if err != nil {
				stop()
				sock.Close()
				return false
			}
			if changesRoutes(buf[:n]) {
				return true
			}
		}
	}, nil
}

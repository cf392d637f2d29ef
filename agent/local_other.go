//go:build !windows

package agent

import (
	"context"
	"net"
)

// whoReads is who may open the local socket, and what others can do.
const whoReads = "by root and by the group " + serviceGroup + " only: use sudo, or join the group"

func listenSocket(path string) (net.Listener, error) { return net.Listen("unix", path) }

func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", path)
}

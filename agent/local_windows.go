package agent

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// whoReads is who may open the local socket, and what others can do.
const whoReads = "by administrators only: run this from a prompt that was started as one"

const (
	maxKeyed = 1 << 10         // octets of the file that stands for a socket
	keyWait  = 5 * time.Second // for the key of who has connected
)

// listenSocket listens on a unix socket: Windows has them since Server 2019 and version 1803 of Windows 10. Where they are not
// there, a port of the loopback stands for it. Its file holds the address, a key that was drawn for it and the answer to the key: who
// can read the file may connect, as it is with a socket, and knows whether it is the agent that took the call. Another program may
// have the port of an agent that was cut off.
func listenSocket(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if !errors.Is(err, windows.WSAEAFNOSUPPORT) {
		return l, err
	}
	if l, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	key, answer := rand.Text(), rand.Text()
	if err := os.WriteFile(path, []byte(l.Addr().String()+" "+key+" "+answer), 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	return &keyedListener{Listener: l, path: path, key: key, answer: answer}, nil
}

func dialSocket(ctx context.Context, path string) (conn net.Conn, err error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Mode().IsRegular():
		conn, err = dialKeyed(ctx, path)
	default:
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	switch {
	case errors.Is(err, windows.WSAECONNREFUSED):
		err = errors.Join(syscall.ECONNREFUSED, err)
	case errors.Is(err, windows.WSAEACCES):
		err = errors.Join(fs.ErrPermission, err)
	}
	return conn, err
}

// dialKeyed goes where the file says that stands for a socket.
func dialKeyed(ctx context.Context, path string) (net.Conn, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyed))
	if err != nil {
		return nil, err
	}
	words := strings.Fields(string(b))
	if len(words) != 3 || !strings.HasPrefix(words[0], "127.0.0.1:") {
		return nil, fmt.Errorf("%s names no port of this host and its keys", path)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", words[0])
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(keyWait))
	heard := make([]byte, len(words[2]))
	if _, err = io.WriteString(conn, words[1]); err == nil {
		_, err = io.ReadFull(conn, heard)
	}
	if err != nil || subtle.ConstantTimeCompare(heard, []byte(words[2])) != 1 {
		_ = conn.Close()
		return nil, errors.Join(syscall.ECONNREFUSED, err) // the agent is gone, and somebody else is there
	}
	return conn, conn.SetDeadline(time.Time{})
}

// keyedListener lets in who sends its key.
type keyedListener struct {
	net.Listener
	path, key, answer string
}

func (l *keyedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &keyedConn{Conn: conn, l: l}, nil
}

func (l *keyedListener) Close() error {
	_ = os.Remove(l.path)
	return l.Listener.Close()
}

// keyedConn says and hears nothing before it has heard the key.
type keyedConn struct {
	net.Conn
	l    *keyedListener
	once sync.Once
	err  error
}

func (c *keyedConn) admit() error {
	c.once.Do(func() {
		late := time.AfterFunc(keyWait, func() { _ = c.Close() })
		defer late.Stop()
		key := make([]byte, len(c.l.key))
		if _, c.err = io.ReadFull(c.Conn, key); c.err == nil && subtle.ConstantTimeCompare(key, []byte(c.l.key)) != 1 {
			c.err = windows.ERROR_ACCESS_DENIED
		}
		if c.err == nil {
			_, c.err = io.WriteString(c.Conn, c.l.answer)
		}
	})
	return c.err
}

func (c *keyedConn) Read(b []byte) (int, error) {
	if err := c.admit(); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *keyedConn) Write(b []byte) (int, error) {
	if err := c.admit(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// LocalAddr names the file, as that of a socket.
func (c *keyedConn) LocalAddr() net.Addr { return &net.UnixAddr{Net: "unix", Name: c.l.path} }

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// serviceGroup may read status and flows besides root, if the system has such a group.
const serviceGroup = "argus-endpoint"

const (
	pathStatus = "/v1/status"
	pathFlows  = "/v1/flows"

	streamType   = "application/vnd.argus.v5"
	maxLocal     = 64               // connections at once
	writeTimeout = 10 * time.Second // for a reader that does not read
)

// server answers local readers on a unix socket in the state folder.
type server struct {
	listener net.Listener
	http     http.Server
	wg       sync.WaitGroup
}

// listenLocal opens the socket. Who may connect is decided by the file system: root, and the service's group.
func listenLocal(st *state, handler http.Handler) (*server, error) {
	path := st.path(socketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // left by a run that was cut off
		return nil, fmt.Errorf("local socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	gid := -1
	if g, err := user.LookupGroup(serviceGroup); err == nil {
		gid, _ = strconv.Atoi(g.Gid)
	}
	if gid >= 0 && os.Geteuid() == 0 {
		_ = os.Lchown(path, -1, gid)
		_ = st.root.Chown(".", -1, gid)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("local socket: %w", err)
	}
	s := &server{listener: &limited{Listener: l, free: make(chan struct{}, maxLocal)}}
	s.http.Handler = handler
	s.http.ReadHeaderTimeout = 5 * time.Second
	s.http.IdleTimeout = time.Minute
	s.wg.Go(func() { _ = s.http.Serve(s.listener) })
	return s, nil
}

// close ends the server. The streams must have been ended before.
func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.wg.Wait()
}

func (a *Agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathStatus, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a.status())
	})
	mux.HandleFunc("GET "+pathFlows, a.serveFlows)
	return mux
}

// serveFlows streams the records that are made from now on, as an Argus stream.
func (a *Agent) serveFlows(w http.ResponseWriter, r *http.Request) {
	blocks := a.live.join()
	defer a.live.leave(blocks)
	w.Header().Set("Content-Type", streamType)
	out := http.NewResponseController(w)
	enc := argus.Encoder{Monitor: a.host.ID}
	block := enc.AppendManagement(nil, a.mar.start(time.Now()))
	for open := true; open; {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := w.Write(block); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case block, open = <-blocks:
		}
	}
}

// limited is a listener that takes only so many connections at once.
type limited struct {
	net.Listener
	free chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &limitedConn{Conn: c, done: func() { <-l.free }}, nil
		default:
			_ = c.Close()
		}
	}
}

type limitedConn struct {
	net.Conn
	once sync.Once
	done func()
}

func (c *limitedConn) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}

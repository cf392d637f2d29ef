package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/nats-io/nats.go"
)

// ErrNotRunning tells that no collector runs on a state folder.
var ErrNotRunning = errors.New("no collector is running")

// maxSeen bounds the answer to pathSeen: a million monitors.
const maxSeen = seenSize << 20

// flushTimeout bounds a flush: a journal that filled up in an outage of the store takes longer, and the next commit's time is near.
const flushTimeout = time.Minute

// Follow returns the Argus stream of what arrives from now on at the collector, of one monitor or, Nil, of all.
func Follow(ctx context.Context, p *Place, monitor uuid.UUID) (io.ReadCloser, error) {
	if p.Clustered() {
		return p.followCluster(ctx, monitor)
	}
	path := pathFollow
	if !monitor.IsNil() {
		path += "?host=" + url.QueryEscape(monitor.String())
	}
	return ask(ctx, p.State, http.MethodGet, path)
}

func (p *Place) followCluster(ctx context.Context, monitor uuid.UUID) (io.ReadCloser, error) {
	parts, err := p.join(ctx, false, 0, 0)
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	ready := make(chan struct{})
	go func() {
		defer parts.conn.Close()
		in.CloseWithError(follow(ctx, parts.journal, batchesOf(monitor), func() { close(ready) }, func(stream []byte) error {
			_, err := in.Write(stream) // a closed reader fails it
			return err
		}))
	}()
	select {
	case <-ready:
		return out, nil
	case <-time.After(joinTimeout):
		return nil, errors.Join(fmt.Errorf("follow: the cluster did not answer within %v", joinTimeout), out.Close())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Flush brings everything that has arrived at the collector into the store.
func Flush(ctx context.Context, p *Place) error {
	if p.Clustered() {
		return p.flushCluster(ctx)
	}
	body, err := ask(ctx, p.State, http.MethodPost, pathFlush)
	if err != nil {
		return err
	}
	return body.Close()
}

// flushCluster asks the writers of all shards at once.
func (p *Place) flushCluster(ctx context.Context) error {
	parts, err := p.join(ctx, false, 0, 0)
	if err != nil {
		return err
	}
	defer parts.conn.Close()
	limited, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	all := make(chan error)
	for shard := range parts.journal.Shards() {
		go func() {
			reply, err := parts.conn.RequestWithContext(limited, subjectFlush+strconv.Itoa(shard), nil)
			switch {
			case errors.Is(err, nats.ErrNoResponders):
				err = fmt.Errorf("%w: shard %d has no writer now", ErrNotRunning, shard)
			case err != nil:
				err = fmt.Errorf("flush shard %d: %w", shard, err)
			case len(reply.Data) > 0:
				err = fmt.Errorf("flush shard %d: %.300q", shard, reply.Data)
			}
			all <- err
		}()
	}
	for range parts.journal.Shards() {
		err = errors.Join(err, <-all)
	}
	return err
}

// ReadStatus asks the collector that runs on a state folder how it is.
func ReadStatus(ctx context.Context, p *Place) (*Status, error) {
	b, err := askBody(ctx, p.State, pathStatus, 1<<20)
	if err != nil {
		return nil, err
	}
	var s Status
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("the collector's status: %w", err)
	}
	return &s, nil
}

// askBody returns the answer to a GET, of at most limit octets.
func askBody(ctx context.Context, state, path string, limit int64) ([]byte, error) {
	body, err := ask(ctx, state, http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, limit))
	if err != nil {
		return nil, fmt.Errorf("ask the collector: %w", err)
	}
	return b, nil
}

func ask(ctx context.Context, state, method, path string) (io.ReadCloser, error) {
	return send(ctx, state, method, path, nil, nil)
}

// errBusy tells that the collector cannot do now what it was asked for, or ended meanwhile.
var errBusy = errors.New("ask the collector")

func send(ctx context.Context, state, method, path string, header http.Header, body []byte) (io.ReadCloser, error) {
	socket := filepath.Join(state, socketFile)
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://collector"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w on the state folder %s", ErrNotRunning, state)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("socket %s is for root and the collector's group: use sudo, or join the group: %w", socket, fs.ErrPermission)
	case err != nil: // it was killed
		return nil, fmt.Errorf("%w: %w", errBusy, err)
	case resp.StatusCode >= 300:
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // as much as there is
		resp.Body.Close()
		err := fmt.Errorf("for %s: %s: %s", path, resp.Status, strings.TrimSpace(string(why)))
		if resp.StatusCode == http.StatusServiceUnavailable {
			return nil, fmt.Errorf("%w %w", errBusy, err)
		}
		return nil, fmt.Errorf("ask the collector %w", err)
	}
	return resp.Body, nil
}

package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/uuid/v5"
)

// ErrNotRunning tells that no collector runs on a state folder.
var ErrNotRunning = errors.New("no collector is running")

// Follow returns the Argus stream of what arrives from now on at the collector, of one monitor or, Nil, of all.
func Follow(ctx context.Context, p *Place, monitor uuid.UUID) (io.ReadCloser, error) {
	path := pathFollow
	if !monitor.IsNil() {
		path += "?host=" + url.QueryEscape(monitor.String())
	}
	return ask(ctx, p.State, http.MethodGet, path)
}

// Flush brings everything that has arrived at the collector into the store.
func Flush(ctx context.Context, p *Place) error {
	body, err := ask(ctx, p.State, http.MethodPost, pathFlush)
	if err != nil {
		return err
	}
	return body.Close()
}

// ReadStatus asks the collector how it is.
func ReadStatus(ctx context.Context, p *Place) (*Status, error) {
	body, err := ask(ctx, p.State, http.MethodGet, pathStatus)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var s Status
	if err := json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&s); err != nil {
		return nil, fmt.Errorf("the collector's status: %w", err)
	}
	return &s, nil
}

func ask(ctx context.Context, state, method, path string) (io.ReadCloser, error) {
	socket := filepath.Join(state, socketFile)
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://collector"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w on the state folder %s", ErrNotRunning, state)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("socket %s is for root and the collector's group: use sudo, or join the group: %w", socket, fs.ErrPermission)
	case err != nil:
		return nil, fmt.Errorf("ask the collector: %w", err)
	case resp.StatusCode >= 300:
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // as much as there is
		resp.Body.Close()
		return nil, fmt.Errorf("ask the collector for %s: %s: %s", path, resp.Status, strings.TrimSpace(string(why)))
	}
	return resp.Body, nil
}

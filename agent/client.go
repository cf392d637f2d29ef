package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
)

// ErrNotRunning tells that no agent runs on a state folder.
var ErrNotRunning = errors.New("no agent is running")

// ReadStatus asks the agent that runs on the state folder how it is.
func ReadStatus(ctx context.Context, state string) (*Status, error) {
	body, err := get(ctx, state, pathStatus)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var s Status
	if err := json.NewDecoder(io.LimitReader(body, 16<<20)).Decode(&s); err != nil {
		return nil, fmt.Errorf("the agent's status: %w", err)
	}
	return &s, nil
}

// OpenFlows returns the Argus stream of the flows that the agent on the state folder reports from now on.
func OpenFlows(ctx context.Context, state string) (io.ReadCloser, error) {
	return get(ctx, state, pathFlows)
}

func get(ctx context.Context, state, path string) (io.ReadCloser, error) {
	socket := filepath.Join(state, socketFile)
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w on the state folder %s", ErrNotRunning, state)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the agent's socket %s may be opened by root and by the group %s only: use sudo, or join the group: %w", socket, serviceGroup, fs.ErrPermission)
	case err != nil:
		return nil, fmt.Errorf("ask the agent: %w", err)
	case resp.StatusCode != http.StatusOK:
		_ = resp.Body.Close()
		return nil, fmt.Errorf("ask the agent for %s: %s", path, resp.Status)
	}
	return resp.Body, nil
}

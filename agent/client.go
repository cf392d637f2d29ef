package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"syscall"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/feed"
)

// ErrNotRunning tells that no agent runs on a state folder.
var ErrNotRunning = errors.New("no agent is running")

// maxStatus bounds the agent's answer, octets.
const maxStatus = 16 << 20

// ReadStatus asks the agent that runs on the state folder how it is.
func ReadStatus(ctx context.Context, state string) (*Status, error) {
	b, err := feed.Ask(ctx, localSource(state), askStatus, maxStatus)
	if err != nil {
		return nil, localError(state, err)
	}
	var s Status
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("the agent's status: %w", err)
	}
	return &s, nil
}

// OpenFlows returns the Argus stream of the flows that the agent on the state folder reports from now on.
func OpenFlows(ctx context.Context, state string) (io.ReadCloser, error) {
	in, err := feed.Open(ctx, localSource(state))
	if err != nil {
		return nil, localError(state, err)
	}
	return in, nil
}

func localSource(state string) feed.Source {
	path := filepath.Join(state, socketFile)
	return feed.Source{Address: path, Dial: func(ctx context.Context) (net.Conn, error) { return dialSocket(ctx, path) }}
}

// localError says what an error of the agent's socket means.
func localError(state string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w on the state folder %s", ErrNotRunning, state)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the agent's socket %s may be opened %s: %w",
			filepath.Join(state, socketFile), whoReads, fs.ErrPermission)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, argus.ErrFormat) {
		return fmt.Errorf("ask the agent: %w: one of another version runs, restart it", err)
	}
	return fmt.Errorf("ask the agent: %w", err)
}

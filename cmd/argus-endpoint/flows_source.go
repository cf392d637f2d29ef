package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/internal/reader"
)

// meter makes records of the frames of a capture file.
func (f *flowsFlags) meter(ctx context.Context, in io.Reader, to *reader.Sink) error {
	src, err := capture.NewReader(in)
	if err != nil {
		return err
	}
	defer src.Close()
	return f.stream(to).File(ctx, src)
}

// stream is a meter whose records go to a sink.
func (f *flowsFlags) stream(to *reader.Sink) *agent.Stream {
	return &agent.Stream{Config: f.config, Version: f.Version(), Emit: to.Records}
}

// readLive gives the flows of this machine to a sink, until ctx ends.
func (f *flowsFlags) readLive(ctx context.Context, to *reader.Sink) error {
	to.Live("")
	err := f.fromAgent(ctx, to)
	if !errors.Is(err, agent.ErrNotRunning) {
		return err
	}
	to.Note(fmt.Sprintf("argus-endpoint: %v: capturing a second time, only for these lines", err))
	if f.inf != "" {
		f.config.Interfaces = []string{f.inf}
	}
	return f.stream(to).Live(ctx, newLogger(os.Stderr, zap.ErrorLevel.String()))
}

// fromAgent reads the flows of the running agent.
func (f *flowsFlags) fromAgent(ctx context.Context, to *reader.Sink) error {
	status, err := agent.ReadStatus(ctx, f.config.State)
	if err != nil {
		return err
	}
	if f.inf != "" {
		name, err := shortName(status, f.inf)
		if err != nil {
			return err
		}
		to.Live(name)
	}
	stream, err := agent.OpenFlows(ctx, f.config.State)
	if err != nil {
		return err
	}
	defer stream.Close()
	err = reader.ReadStream(stream, to)
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		return errors.New("the agent has ended, or dropped this reader because it was too slow")
	}
	return err
}

// shortName returns the name that an interface has in the agent's records.
func shortName(s *agent.Status, name string) (string, error) {
	for _, in := range s.Interfaces {
		if in.Name != name {
			continue
		}
		if !in.Metered && in.Reason != "" { // without a reason its meter is about to begin
			return "", fmt.Errorf("the agent does not meter %s: %s", name, in.Reason)
		}
		return in.Short, nil
	}
	return "", cli.Usagef("-i %s: this machine has no such interface", name)
}

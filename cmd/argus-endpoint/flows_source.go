package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// readFile gives the records of a file, or the flows of a capture file, to out.
func (f *flowsFlags) readFile(ctx context.Context, out *flowsOutput) error {
	name, open := f.read, os.Open
	if f.read == "-" {
		name, open = "standard input", openStdin
	}
	in, err := open(f.read)
	if err != nil {
		return err
	}
	defer in.Close()
	stop := context.AfterFunc(ctx, func() { _ = in.Close() })
	defer stop()
	buffered := bufio.NewReaderSize(in, 1<<16)
	prefix, err := buffered.Peek(16)
	if err != nil && (!errors.Is(err, io.EOF) || len(prefix) == 0) {
		return fmt.Errorf("%s: nothing to read: %w", name, err)
	}
	if argus.IsStream(prefix) {
		err = readStream(buffered, out)
	} else {
		err = f.meter(ctx, buffered, out)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, errEnough) && !out.failed(err) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

// openStdin returns the standard input. A pipe or terminal is opened once more where the system can do that: the runtime
// then waits for it, and closing it ends a read, which Ctrl-C needs.
func openStdin(string) (*os.File, error) {
	if i, err := os.Stdin.Stat(); err == nil && !i.Mode().IsRegular() {
		if f, err := os.OpenFile("/dev/stdin", os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
			return f, nil
		}
	}
	return os.Stdin, nil
}

// meter makes records of the frames of a capture file.
func (f *flowsFlags) meter(ctx context.Context, in io.Reader, out *flowsOutput) error {
	src, err := capture.NewReader(in)
	if err != nil {
		return err
	}
	defer src.Close()
	return f.stream(out).File(ctx, src)
}

// stream is a meter whose records go to out.
func (f *flowsFlags) stream(out *flowsOutput) *agent.Stream {
	return &agent.Stream{Config: f.config, Version: argus.Version(f.argusMajor), Emit: func(records []byte) error {
		if out.whole {
			if err := out.write(records); err != nil {
				return err
			}
			return out.show()
		}
		for r, err := range argus.Records(records) {
			if err == nil {
				err = out.put(r)
			}
			if err != nil {
				return err
			}
		}
		return out.show()
	}}
}

// readStream gives every record of an Argus stream to out.
func readStream(in io.Reader, out *flowsOutput) error {
	records := argus.NewReader(in)
	for {
		r, err := records.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err == nil {
			err = out.put(r)
		}
		if err != nil {
			return err
		}
	}
}

// readLive gives the flows of this machine to out, until ctx ends.
func (f *flowsFlags) readLive(ctx context.Context, out *flowsOutput) error {
	out.live = true
	err := f.fromAgent(ctx, out)
	if !errors.Is(err, agent.ErrNotRunning) {
		return err
	}
	fmt.Fprintf(os.Stderr, "argus-endpoint: %v: capturing a second time, only for these lines\n", err)
	if f.inf != "" {
		f.config.Interfaces = []string{f.inf}
	}
	return f.stream(out).Live(ctx, newLogger(os.Stderr, zap.ErrorLevel.String()))
}

// fromAgent reads the flows of the running agent.
func (f *flowsFlags) fromAgent(ctx context.Context, out *flowsOutput) error {
	status, err := agent.ReadStatus(ctx, f.config.State)
	if err != nil {
		return err
	}
	if f.inf != "" {
		if out.inf, err = shortName(status, f.inf); err != nil {
			return err
		}
	}
	stream, err := agent.OpenFlows(ctx, f.config.State)
	if err != nil {
		return err
	}
	defer stream.Close()
	err = readStream(stream, out)
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

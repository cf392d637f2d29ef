package main

import (
	"fmt"
	"os"

	"go.uber.org/zap"
	"golang.org/x/sys/windows/svc/eventlog"
)

const eventSource = "argus-endpoint" // in the log of applications

// Numbers of events, as a filter of the log wants them.
const (
	eventWarning = 2
	eventError   = 3
	eventEnd     = 4 // the agent, or a command that a package ran, ended with an error
)

// heard tells whether somebody reads standard error. A service has none.
func heard() bool {
	_, err := os.Stderr.Stat()
	return err == nil
}

// openLog writes to standard error; as a service, to a file in the state folder, and warnings and errors to the event log.
func openLog(level, state string) *zap.Logger {
	if heard() {
		return newLogger(os.Stderr, level)
	}
	l, err := eventlog.Open(eventSource)
	if err != nil {
		return serviceLog(level, state, nil)
	}
	return serviceLog(level, state, func(failed bool, text string) error {
		if failed {
			return l.Error(eventError, text)
		}
		return l.Warning(eventWarning, text)
	})
}

// logEnd tells the event log why a command has failed, where nobody reads standard error.
func logEnd(err error) {
	if err == nil || heard() {
		return
	}
	l, oerr := eventlog.Open(eventSource)
	if oerr != nil {
		return
	}
	defer l.Close()
	_ = l.Error(eventEnd, fmt.Sprintf("argus-endpoint: %v", err))
}

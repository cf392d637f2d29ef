package main

import (
	"fmt"
	"os"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// openLog writes to standard error; as a child of launchd, which keeps nothing of that, to a file in the state folder, and warnings and
// errors to the unified log: log show --predicate 'process == "argus-endpoint"'.
func openLog(level, state string) *zap.Logger {
	if !platform.Service() {
		return newLogger(os.Stderr, level)
	}
	return serviceLog(level, state, platform.Syslog)
}

// logEnd tells the unified log why a command has failed, where nobody reads standard error.
func logEnd(err error) {
	if err != nil && platform.Service() {
		_ = platform.Syslog(true, fmt.Sprintf("argus-endpoint: %v", err))
	}
}

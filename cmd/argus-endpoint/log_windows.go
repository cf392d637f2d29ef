package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/windows/svc/eventlog"
)

const (
	eventSource    = "argus-endpoint"     // in the log of applications
	eventsOfAKind  = 3                    // the same message becomes this many events
	eventsInterval = 10 * time.Minute     // in this time
	logName        = "argus-endpoint.log" // in the state folder
	maxLog         = 4 << 20              // octets; then it becomes argus-endpoint.log.old
)

// Numbers of events, as a filter of the log wants them.
const (
	eventWarning = 2
	eventError   = 3
	eventEnd     = 4 // the agent ended with an error
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
	lines := zapcore.NewCore(jsonLines(), zapcore.Lock(&logFile{path: filepath.Join(state, logName)}), logLevel(level))
	core := zapcore.NewSamplerWithOptions(lines, time.Minute, linesPerMinute, 0)
	if l, err := eventlog.Open(eventSource); err == nil {
		events := &eventCore{LevelEnabler: zapcore.WarnLevel, log: l, encoder: eventText()}
		core = zapcore.NewTee(core, zapcore.NewSamplerWithOptions(events, eventsInterval, eventsOfAKind, 0))
	}
	return zap.New(core)
}

// logEnd tells the event log why the agent has ended, which nobody else would hear.
func logEnd(err error) {
	if err == nil || heard() {
		return
	}
	l, oerr := eventlog.Open(eventSource)
	if oerr != nil {
		return
	}
	defer l.Close()
	_ = l.Error(eventEnd, fmt.Sprintf("the agent ended: %v", err))
}

// eventText is the message and its fields: the event log knows time and severity.
func eventText() zapcore.Encoder {
	return zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "msg", NameKey: "logger", EncodeDuration: zapcore.StringDurationEncoder})
}

// eventCore writes to the event log.
type eventCore struct {
	zapcore.LevelEnabler
	log     *eventlog.Log
	encoder zapcore.Encoder
}

func (c *eventCore) With(fields []zapcore.Field) zapcore.Core {
	with := *c
	with.encoder = c.encoder.Clone()
	for _, f := range fields {
		f.AddTo(with.encoder)
	}
	return &with
}

func (c *eventCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

func (c *eventCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	text, err := c.encoder.EncodeEntry(e, fields)
	if err != nil {
		return err
	}
	defer text.Free()
	if e.Level >= zapcore.ErrorLevel {
		return c.log.Error(eventError, text.String())
	}
	return c.log.Warning(eventWarning, text.String())
}

func (c *eventCore) Sync() error { return nil }

// logFile is a file that does not grow for ever. It is opened by the first line: the folder is there by then. A line that cannot be
// written is lost, and the next one tries again.
type logFile struct {
	path string
	f    *os.File
	size int64
}

func (l *logFile) Write(line []byte) (n int, err error) {
	if l.f != nil && l.size+int64(len(line)) > maxLog {
		_ = l.f.Close()
		l.f = nil
		_ = os.Rename(l.path, l.path+".old")
	}
	if l.f == nil {
		if l.f, err = os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			l.f = nil
			return 0, err
		}
		if info, err := l.f.Stat(); err == nil {
			l.size = info.Size()
		}
	}
	n, err = l.f.Write(line)
	l.size += int64(n)
	return n, err
}

func (l *logFile) Sync() error { return nil }

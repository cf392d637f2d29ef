//go:build windows || darwin

package main

import (
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	eventsOfAKind  = 3                    // the same message goes to the system's log this often
	eventsInterval = 10 * time.Minute     // in this time
	logName        = "argus-endpoint.log" // in the state folder
	maxLog         = 4 << 20              // octets; then it becomes argus-endpoint.log.old
)

// serviceLog writes to a file in the state folder, and warnings and errors to the system's log too, with tell unless that is nil.
func serviceLog(level, state string, tell func(failed bool, text string) error) *zap.Logger {
	lines := zapcore.NewCore(jsonLines(), zapcore.Lock(&logFile{path: filepath.Join(state, logName)}), logLevel(level))
	core := zapcore.NewSamplerWithOptions(lines, time.Minute, linesPerMinute, 0)
	if tell != nil {
		events := &eventCore{LevelEnabler: zapcore.WarnLevel, tell: tell, encoder: eventText()}
		core = zapcore.NewTee(core, zapcore.NewSamplerWithOptions(events, eventsInterval, eventsOfAKind, 0))
	}
	return zap.New(core)
}

// eventText is the message and its fields: the system's log knows time and severity.
func eventText() zapcore.Encoder {
	return zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "msg", NameKey: "logger", EncodeDuration: zapcore.StringDurationEncoder})
}

// eventCore writes to the system's log.
type eventCore struct {
	zapcore.LevelEnabler
	tell    func(failed bool, text string) error
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
	return c.tell(e.Level >= zapcore.ErrorLevel, text.String())
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

package main

import (
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The same message is logged this often a minute at most: events are for counters, lines for people.
const linesPerMinute = 20

// newLogger writes lines for a person to a terminal and JSON to anything else.
func newLogger(f *os.File, level string) *zap.Logger {
	c := zap.NewProductionEncoderConfig()
	c.EncodeTime = zapcore.RFC3339TimeEncoder
	encoder := zapcore.NewJSONEncoder(c)
	if isTerminal(f) {
		c = zap.NewDevelopmentEncoderConfig()
		c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
		c.EncodeLevel = zapcore.CapitalColorLevelEncoder
		encoder = zapcore.NewConsoleEncoder(c)
	}
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		l = zapcore.InfoLevel
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(f), l)
	return zap.New(zapcore.NewSamplerWithOptions(core, time.Minute, linesPerMinute, 0))
}

func isTerminal(f *os.File) bool {
	i, err := f.Stat()
	return err == nil && i.Mode()&os.ModeCharDevice != 0
}

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
	encoder := jsonLines()
	if isTerminal(f) {
		c := zap.NewDevelopmentEncoderConfig()
		c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
		c.EncodeLevel = zapcore.CapitalColorLevelEncoder
		encoder = zapcore.NewConsoleEncoder(c)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(f), logLevel(level))
	return zap.New(zapcore.NewSamplerWithOptions(core, time.Minute, linesPerMinute, 0))
}

func jsonLines() zapcore.Encoder {
	c := zap.NewProductionEncoderConfig()
	c.EncodeTime = zapcore.RFC3339TimeEncoder
	return zapcore.NewJSONEncoder(c)
}

func logLevel(name string) zapcore.Level {
	l, err := zapcore.ParseLevel(name)
	if err != nil {
		return zapcore.InfoLevel
	}
	return l
}

func isTerminal(f *os.File) bool {
	i, err := f.Stat()
	return err == nil && i.Mode()&os.ModeCharDevice != 0
}

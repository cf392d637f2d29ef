//go:build !windows

package reader

import "os"

const keyboard = "/dev/tty"

func prepareConsole(*os.File) (restore func(), err error) { return func() {}, nil }

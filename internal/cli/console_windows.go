package cli

import (
	"os"

	"golang.org/x/sys/windows"
)

// prepareConsole makes a console understand colours (Console Virtual Terminal Sequences): the older ones are to be told.
func prepareConsole() {
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		var mode uint32
		if h := windows.Handle(f.Fd()); windows.GetConsoleMode(h, &mode) == nil {
			_ = windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
		}
	}
}

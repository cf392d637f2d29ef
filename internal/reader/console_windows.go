package reader

import (
	"os"

	"golang.org/x/sys/windows"
)

const keyboard = "CONIN$"

// prepareConsole makes the console understand control sequences (Console Virtual Terminal Sequences), and returns what undoes it.
func prepareConsole(out *os.File) (restore func(), err error) {
	handle := windows.Handle(out.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(handle, &mode); err != nil {
		return nil, err
	}
	if err := windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING|windows.DISABLE_NEWLINE_AUTO_RETURN); err != nil {
		return nil, err
	}
	return func() { _ = windows.SetConsoleMode(handle, mode) }, nil
}

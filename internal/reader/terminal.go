package reader

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// terminal is a screen that is ours alone, and the keys beside it (ECMA-48, and the private modes of xterm).
type terminal struct {
	in, out *os.File
	was     *term.State
	console func() // puts back what the system's console was told
	once    sync.Once
}

const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J" // the other screen, no cursor, no wrapping, empty
	leaveScreen = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// openTerminal takes the screen. The keys come from the terminal also when the standard input is something else.
func openTerminal() (*terminal, error) {
	t := &terminal{in: os.Stdin, out: os.Stdout}
	if !term.IsTerminal(int(t.out.Fd())) {
		return nil, cli.Usagef("--top draws on a terminal, and the standard output is none: --aggregate, -m and --sort print the same as lines")
	}
	var err error
	if !term.IsTerminal(int(t.in.Fd())) {
		if t.in, err = os.OpenFile(keyboard, os.O_RDWR, 0); err != nil {
			return nil, cli.Usagef("--top needs a terminal for its keys: %w", err)
		}
	}
	if t.was, err = term.MakeRaw(int(t.in.Fd())); err != nil {
		return nil, fmt.Errorf("--top: the terminal does not give its keys: %w", err)
	}
	if t.console, err = prepareConsole(t.out); err != nil {
		_ = term.Restore(int(t.in.Fd()), t.was)
		return nil, fmt.Errorf("--top: the console does not understand control sequences: %w", err)
	}
	if _, err = t.out.WriteString(enterScreen); err != nil {
		t.close()
	}
	return t, err
}

// close gives the terminal back as it was. It may be called again, and from any goroutine.
func (t *terminal) close() {
	t.once.Do(func() {
		_, _ = t.out.WriteString(leaveScreen)
		t.console()
		_ = term.Restore(int(t.in.Fd()), t.was)
	})
}

// guard is deferred by goroutines: a panic is to be read on a terminal that is as it was.
func (t *terminal) guard() {
	if p := recover(); p != nil {
		t.close()
		panic(p)
	}
}

// size returns how many columns and lines there are.
func (t *terminal) size() (width, height int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		return 80, 24
	}
	return width, height
}

// keys sends what is typed until nothing more comes. A read of a terminal cannot be interrupted on every system: it ends
// with the process.
func (t *terminal) keys(to chan<- []byte) {
	for {
		b := make([]byte, 64)
		n, err := t.in.Read(b)
		if n > 0 {
			to <- b[:n]
		}
		if err != nil {
			close(to)
			return
		}
	}
}

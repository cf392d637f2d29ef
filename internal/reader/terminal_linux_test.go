package reader

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPanicGivesTheTerminalBack: what a panic says is read on a terminal that is as it was.
func TestPanicGivesTheTerminalBack(t *testing.T) {
	if os.Getenv("READER_PANIC") != "" {
		o, err := parse()
		if err != nil {
			t.Fatal(err)
		}
		screen, err := o.newTop()
		if err != nil {
			t.Fatal(err)
		}
		t.Fatal(screen.run(t.Context(), func(context.Context) error { panic("the source is broken") }))
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "READER_PANIC=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	done := make(chan bool)
	go func() {
		_, _ = io.Copy(&seen, master) // EIO when nobody has the terminal any more
		close(done)
	}()
	err = cmd.Wait()
	after, terr := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	_ = slave.Close()
	<-done
	if err == nil || terr != nil || *after != *before {
		t.Errorf("ended with %v; the terminal was %+v, is %+v, %v", err, before, after, terr)
	}
	_, rest, found := strings.Cut(seen.String(), leaveScreen)
	if !strings.Contains(seen.String(), enterScreen) || !found || !strings.Contains(rest, "the source is broken") {
		t.Errorf("the terminal shows %q", seen.String())
	}
}

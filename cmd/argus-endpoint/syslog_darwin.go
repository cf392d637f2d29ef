package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The priorities of syslog(3): the severity, with the facility of daemons.
const (
	syslogDaemon  = 3 << 3
	syslogError   = 3
	syslogWarning = 4
)

// syslog calls syslog(3), which hands its messages to the unified log since macOS 10.12. What goes to the socket /var/run/syslog, as
// log/syslog does it, is lost since macOS 12 (golang.org/issue/59229). libSystem is called as x/sys/unix calls it: without cgo, by the
// function of package syscall that is linked to it for that; its third argument is the first of the variable ones.
func syslog(failed bool, text string) error {
	message, err := unix.BytePtrFromString(text)
	if err != nil {
		return err
	}
	priority := uintptr(syslogDaemon | syslogWarning)
	if failed {
		priority = syslogDaemon | syslogError
	}
	_, _, _ = syscallSyscall(syslogTrampoline, priority, uintptr(unsafe.Pointer(syslogFormat)), uintptr(unsafe.Pointer(message)))
	return nil
}

var syslogFormat, _ = unix.BytePtrFromString("%s")

// syslogTrampoline is the address of the jump to libSystem's function: syslog_darwin.s.
var syslogTrampoline uintptr

//go:cgo_import_dynamic libc_syslog syslog "/usr/lib/libSystem.B.dylib"

//go:linkname syscallSyscall syscall.syscall
func syscallSyscall(fn, a1, a2, a3 uintptr) (r1, r2 uintptr, err syscall.Errno)

package platform

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What x/sys/unix lacks of libSystem is called as it calls the rest, without cgo: by the function of package syscall that is linked to it
// for that. Its third argument is also the first of a variable number of arguments, which arm64 wants on the stack.

//go:cgo_import_dynamic libc_ioctl ioctl "/usr/lib/libSystem.B.dylib"
//go:cgo_import_dynamic libc_gethostuuid gethostuuid "/usr/lib/libSystem.B.dylib"
//go:cgo_import_dynamic libc_syslog syslog "/usr/lib/libSystem.B.dylib"

// The addresses of the jumps to them: libsystem_darwin.s.
var ioctlTrampoline, gethostuuidTrampoline, syslogTrampoline uintptr

//go:linkname syscallSyscall syscall.syscall
func syscallSyscall(fn, a1, a2, a3 uintptr) (r1, r2 uintptr, err syscall.Errno)

// Ioctl calls ioctl(2) with what arg points to.
func Ioctl(fd int, request uint, arg unsafe.Pointer) error {
	if _, _, e := syscallSyscall(ioctlTrampoline, uintptr(fd), uintptr(request), uintptr(arg)); e != 0 {
		return e
	}
	return nil
}

// hostUUID calls gethostuuid(3), which returns the IOPlatformUUID of the I/O registry.
func hostUUID() (id [16]byte, err error) {
	patience := unix.Timespec{Sec: 5} // for I/O Kit, which may not have begun
	_, _, e := syscallSyscall(gethostuuidTrampoline, uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&patience)), 0)
	if e != 0 {
		return id, e
	}
	return id, nil
}

// The priorities of syslog(3): the severity, with the facility of daemons.
const (
	syslogDaemon  = 3 << 3
	syslogError   = 3
	syslogWarning = 4
)

var syslogFormat = [...]byte{'%', 's', 0}

// Syslog calls syslog(3), which hands its messages to the unified log since macOS 10.12, with the severity of an error or of a warning.
// What goes to the socket /var/run/syslog, as log/syslog does it, is lost since macOS 12 (golang.org/issue/59229).
func Syslog(failed bool, text string) error {
	message, err := unix.BytePtrFromString(text)
	if err != nil {
		return err
	}
	priority := uintptr(syslogDaemon | syslogWarning)
	if failed {
		priority = syslogDaemon | syslogError
	}
	_, _, _ = syscallSyscall(syslogTrampoline, priority, uintptr(unsafe.Pointer(&syslogFormat)), uintptr(unsafe.Pointer(message)))
	return nil
}

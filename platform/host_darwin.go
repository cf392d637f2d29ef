package platform

import (
	"iter"
	"unsafe"

	"github.com/gofrs/uuid/v5"
	"golang.org/x/sys/unix"
)

// systemIDs yields what gethostuuid(3) returns, the IOPlatformUUID of the I/O registry, as the Argus sensor does. The sysctl kern.uuid is not
// the host's but the kernel's.
func systemIDs() iter.Seq2[string, string] {
	return func(yield func(text, origin string) bool) {
		var id uuid.UUID
		patience := unix.Timespec{Sec: 5} // for I/O Kit, which may not have begun
		_, _, e := unix.Syscall(unix.SYS_GETHOSTUUID, uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&patience)), 0)
		if e == 0 {
			yield(id.String(), "gethostuuid")
		}
	}
}

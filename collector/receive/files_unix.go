//go:build unix

package receive

import "golang.org/x/sys/unix"

// openFiles returns how many descriptors this process may have.
func openFiles() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 1024 // what every system grants
	}
	return int(min(uint64(r.Cur), 1<<24))
}

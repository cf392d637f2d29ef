//go:build unix

package uplink

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkPrivate tells why a file or folder is not this user's alone.
func checkPrivate(name string, info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("it belongs to user %d and not to user %d who runs this; chown it", st.Uid, os.Geteuid())
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("it is a symbolic link")
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("others may use it (mode %04o); chmod go= %s, and enrol anew if someone may have read the key", perm, name)
	}
	return nil
}

//go:build unix

package installer

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// looseFolder returns the folder above path that others than root can change, "" for none. Homebrew gives /usr/local/bin of a Mac with an
// Intel processor to a user.
func looseFolder(path string) string {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil {
			owner, known := info.Sys().(*syscall.Stat_t)
			others := info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0
			if !known || owner.Uid != 0 || owner.Gid != 0 && info.Mode().Perm()&0o020 != 0 || others {
				return dir
			}
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

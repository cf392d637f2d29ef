//go:build unix

package platform

import (
	"fmt"
	"os"
	"syscall"
)

func inherit(f *os.File, dir *os.Root) error {
	if os.Geteuid() != 0 {
		return nil
	}
	above, err := dir.Stat(".")
	if err != nil {
		return err
	}
	own, err := f.Stat()
	if err != nil {
		return err
	}
	to, ok := above.Sys().(*syscall.Stat_t)
	from, ok2 := own.Sys().(*syscall.Stat_t)
	if !ok || !ok2 || to.Uid == 0 || from.Uid != 0 {
		return nil
	}
	if !own.IsDir() && from.Nlink != 1 { // the user has put another file of root's in the place of ours
		return fmt.Errorf("%s has another name elsewhere: look at it, and remove it", f.Name())
	}
	return f.Chown(int(to.Uid), int(to.Gid))
}

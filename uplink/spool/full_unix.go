//go:build unix

package spool

import (
	"errors"
	"syscall"
)

// isFull tells whether an error goes away when something is deleted: no space, no inodes, over quota.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

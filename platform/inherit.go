package platform

import "os"

// Inherit gives f, which root has just made in the folder dir of another user, to that user: what a command of root writes into the
// state of a service, the service must be able to read and to replace. To others than root, and on Windows, it does nothing.
func Inherit(f *os.File, dir *os.Root) error { return inherit(f, dir) }

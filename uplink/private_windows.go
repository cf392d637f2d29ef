package uplink

import "io/fs"

// checkPrivate trusts the access list that the installer gave the folder.
func checkPrivate(string, fs.FileInfo) error { return nil }

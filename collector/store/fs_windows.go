package store

import "os"

// syncDir does nothing: Windows has no sync of a folder, NTFS keeps names in its log.
func syncDir(*os.Root, string) error { return nil }

//go:build !unix

package receive

// openFiles returns how many handles this process may well have: Windows has no limit of its own below 16 million.
func openFiles() int { return 1 << 18 }

//go:build !linux && !windows && !darwin

package platform

import "iter"

// systemIDs yields nothing: a random ID is kept in the state folder.
func systemIDs() iter.Seq2[string, string] {
	return func(func(text, origin string) bool) {}
}

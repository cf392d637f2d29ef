// Package arch holds the tests of the repository's structure: which package may import which, and what no program may link.
// It has no code of its own.
package arch

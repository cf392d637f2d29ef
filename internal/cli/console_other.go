//go:build !windows

package cli

func prepareConsole() {}

//go:build !linux

package platform

func releaseProgram() {}

//go:build !windows

package fields

func servicesFile() string { return "/etc/services" }

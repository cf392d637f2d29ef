//go:build !windows && !darwin

package platform

func defaultDirs(name string) Dirs {
	return Dirs{State: "/var/lib/" + name, Config: "/etc/" + name, Handed: "/run/" + name}
}

package agent

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machineMemory returns the octets of the machine's memory, 0 when they are not known.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// cgroupLimit returns the lowest memory limit of the process's control group and those above it in octets, 0 for none
// (the kernel's Documentation/admin-guide/cgroup-v2.rst, and cgroup-v1/memory.rst).
func cgroupLimit() int64 {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	return groupLimit(string(b), os.ReadFile)
}

func groupLimit(groups string, read func(string) ([]byte, error)) (limit int64) {
	for line := range strings.Lines(groups) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		root, files := "/sys/fs/cgroup", []string{"memory.max", "memory.high"}
		switch controllers {
		case "":
		case "memory":
			root, files = "/sys/fs/cgroup/memory", []string{"memory.limit_in_bytes"}
		default:
			continue
		}
		for dir := path.Join("/", group); ; dir = path.Dir(dir) {
			for _, f := range files {
				b, err := read(path.Join(root, dir, f))
				n, perr := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64) // "max" is none
				if err == nil && perr == nil && n > 0 && (limit == 0 || n < limit) {
					limit = n
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	return limit
}

//go:build linux

package hosts

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// groupPrefix begins the names of the control groups, one a host, made at the top of what init systems keep theirs in.
const groupPrefix = "argus-hosts-"

// enterGroup is shell: it makes the group of the host $2 and goes there.
const enterGroup = `
for top in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
	[ -e "$top/cgroup.procs" ] || continue
	mkdir -p "$top/` + groupPrefix + `$` + inside + `-$2" && echo $$ >"$top/` + groupPrefix + `$` + inside + `-$2/cgroup.procs" || exit 1
done
`

// leaveGroups removes the groups of runs that are over.
func leaveGroups() {
	for _, top := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		groups, _ := filepath.Glob(filepath.Join(top, groupPrefix+"*"))
		for _, group := range groups {
			pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(group), groupPrefix), "-")
			if n, err := strconv.Atoi(pid); err == nil && n != os.Getpid() {
				if _, err := os.Stat("/proc/" + pid); err == nil {
					continue // a run beside this one
				}
			}
			var all []string
			filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					all = append(all, path)
				}
				return nil
			})
			for _, dir := range slices.Backward(all) {
				os.Remove(dir)
			}
		}
	}
}

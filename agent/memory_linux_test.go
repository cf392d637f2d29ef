package agent

import (
	"os"
	"testing"
)

func TestGroupLimit(t *testing.T) {
	files := map[string]string{
		"/sys/fs/cgroup/system.slice/a.service/memory.max":     "max\n",
		"/sys/fs/cgroup/system.slice/a.service/memory.high":    "50331648\n",
		"/sys/fs/cgroup/system.slice/memory.max":               "33554432\n",
		"/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "20971520\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes":          "9223372036854771712\n",
	}
	read := func(path string) ([]byte, error) {
		if s, ok := files[path]; ok {
			return []byte(s), nil
		}
		return nil, os.ErrNotExist
	}
	for groups, want := range map[string]int64{
		"0::/system.slice/a.service\n":          32 << 20,
		"0::/\n":                                0,
		"5:cpu:/x\n9:memory:/docker/1\n0::/\n":  20 << 20,
		"":                                      0,
		"garbage":                               0,
		"0::/../../../system.slice/a.service\n": 32 << 20,
	} {
		if got := groupLimit(groups, read); got != want {
			t.Errorf("%q: %d, want %d", groups, got, want)
		}
	}
}

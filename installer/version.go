package installer

import (
	"strconv"
	"strings"
)

// newer tells whether version a is a later one than b: numbers that dots divide, then the commits since then, as git describe has them.
// What has no number (a build of a developer's) is neither newer nor older than anything.
func newer(a, b string) bool {
	x, okA := numbers(a)
	y, okB := numbers(b)
	if !okA || !okB {
		return false
	}
	for i := range max(len(x), len(y)) {
		var p, q int
		if i < len(x) {
			p = x[i]
		}
		if i < len(y) {
			q = y[i]
		}
		if p != q {
			return p > q
		}
	}
	return false
}

// mostCandidates is how many a release has at most: they come before it.
const mostCandidates = 1000

// numbers returns major, minor, patch and the commits since then of a version such as v1.2.3-45-gabcdef.
func numbers(version string) (n []int, ok bool) {
	release, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	for part := range strings.SplitSeq(release, ".") {
		i, err := strconv.Atoi(part)
		if err != nil {
			return nil, false
		}
		n = append(n, i)
	}
	for len(n) < 3 {
		n = append(n, 0)
	}
	commits, _, _ := strings.Cut(rest, "-")
	candidate, before := strings.CutPrefix(commits, "rc")
	if i, err := strconv.Atoi(candidate); err == nil && before {
		n = append(n, i-mostCandidates)
	} else if err == nil {
		n = append(n, i)
	}
	return n, true
}

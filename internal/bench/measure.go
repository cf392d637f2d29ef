//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// usage is what a process cost.
type usage struct {
	cpu  time.Duration // user and system
	peak int           // resident set, octets
}

// run executes a command to its end and returns its cost.
func run(command []string) (usage, error) {
	cmd := exec.Command(command[0], command[1:]...)
	out, err := os.CreateTemp("", "bench-*.log")
	if err != nil {
		return usage{}, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stderr = out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		return usage{}, fmt.Errorf("%v: %w: %s", command, err, said)
	}
	return usageOf(cmd.ProcessState), nil
}

func usageOf(p *os.ProcessState) usage {
	u := usage{cpu: p.UserTime() + p.SystemTime()}
	if r, ok := p.SysUsage().(*syscall.Rusage); ok {
		u.peak = int(r.Maxrss) << 10
	}
	return u
}

// alternate runs each command in turn for some rounds and returns the medians, so that a drift of the machine meets all.
func alternate(commands map[string][]string, order []string, rounds int) (map[string]usage, error) {
	all := map[string][]usage{}
	for range rounds {
		for _, name := range order {
			u, err := run(commands[name])
			if err != nil {
				return nil, err
			}
			all[name] = append(all[name], u)
		}
	}
	medians := map[string]usage{}
	for name, us := range all {
		slices.SortFunc(us, func(a, b usage) int { return int(a.cpu - b.cpu) })
		medians[name] = us[len(us)/2]
	}
	return medians, nil
}

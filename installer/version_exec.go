//go:build !windows

package installer

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// versionOf returns what the program says of itself, "argus-endpoint VERSION, ...".
func versionOf(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", program, err)
	}
	version, _, ok := strings.Cut(strings.TrimPrefix(string(out), name+" "), ",")
	if !ok || strings.ContainsAny(version, " \n") {
		return "", fmt.Errorf("ask %s for its version: it says %.40q", program, out)
	}
	return version, nil
}

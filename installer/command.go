package installer

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// output runs a program of the system. Its error has what the program said on its standard error.
func output(ctx context.Context, program string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, program, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		said := strings.Join(strings.Fields(stderr.String()), " ")
		return "", fmt.Errorf("%s %s: %w: %.400s", program, strings.Join(args, " "), err, said)
	}
	return string(out), nil
}

// found tells whether the system has a program of that name.
func found(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

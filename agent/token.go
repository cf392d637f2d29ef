package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	tokenFile    = "token" // an enrolment token that a package or an administrator put there
	maxTokenFile = 16 << 10
)

// FindToken returns the enrolment token and where it is from: the configuration itself, or a file in the state folder or in the
// folder of the configuration. Both are empty when there is none.
func (c *Config) FindToken() (token, origin string, err error) {
	if c.Token != "" {
		return c.Token, "configuration", nil
	}
	for _, path := range []string{filepath.Join(c.State, tokenFile), filepath.Join(filepath.Dir(ConfigFile()), tokenFile)} {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", "", fmt.Errorf("read the enrolment token: %w", err)
		}
		b, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
		_ = f.Close()
		if err != nil {
			return "", "", fmt.Errorf("read the enrolment token %s: %w", path, err)
		}
		if token := strings.TrimSpace(string(b)); token != "" {
			return token, path, nil
		}
	}
	return "", "", nil
}

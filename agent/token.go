package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

const (
	tokenFile    = "token" // an enrolment token that a package or an administrator put there
	maxTokenFile = 16 << 10
)

// FindToken returns the enrolment token and where it is from: the configuration itself, or a file in the state folder, in the
// folder of the configuration, or in the one where the service manager hands it to a service that may not read that. Both are
// empty when there is none.
func (c *Config) FindToken() (token, origin string, err error) {
	if c.Token != "" {
		return c.Token, "configuration", nil
	}
	var denied error
	for _, dir := range []string{c.State, filepath.Dir(ConfigFile()), platform.DefaultDirs().Handed} {
		if dir == "" {
			continue
		}
		token, err := readToken(filepath.Join(dir, tokenFile))
		switch {
		case errors.Is(err, fs.ErrPermission):
			denied = err
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", "", err
		case token != "":
			return token, filepath.Join(dir, tokenFile), nil
		}
	}
	return "", "", denied
}

// readToken returns what the file holds, "" for nothing.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the enrolment token: %w", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
	if err != nil {
		return "", fmt.Errorf("read the enrolment token %s: %w", path, err)
	}
	return strings.TrimSpace(string(b)), nil
}

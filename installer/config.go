package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

const (
	tokenName  = "token"
	configName = name + ".conf"
	collector  = "ARGUS_COLLECTOR"
)

// configure puts token and collector where the agent looks for them, and tells whether it has to start anew to see them: it looks
// for a token by itself.
func (o *Options) configure() (restart bool, err error) {
	dir := platform.DefaultDirs().Config
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, fmt.Errorf("create the folder of the configuration: %w", err)
	}
	if o.Token != "" {
		file := filepath.Join(dir, tokenName)
		changed, err := writeToken(file, o.Token)
		if err != nil {
			return false, err
		}
		if changed {
			o.Note("wrote the enrolment token to " + file + ", which others cannot read")
		}
	}
	if o.Collector == "" {
		return false, nil
	}
	file := filepath.Join(dir, configName)
	if restart, err = setCollector(file, o.Collector); restart && err == nil {
		o.Note("wrote the collector " + o.Collector + " to " + file)
	}
	return restart, err
}

// writeToken makes token what the file holds, which only its owner may read, and tells whether it was something else.
func writeToken(file, token string) (changed bool, err error) {
	return writeText(file, strings.TrimSpace(token)+"\n", 0o600)
}

// setCollector makes address the one collector of a configuration file, and tells whether it named another one. Every other line stays.
func setCollector(file, address string) (changed bool, err error) {
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read the configuration: %w", err)
	}
	var text strings.Builder
	ours := collector + "=" + address + "\n"
	for line := range strings.Lines(string(b)) {
		key, _, _ := strings.Cut(line, "=")
		if key = strings.ToUpper(strings.TrimSpace(key)); key == collector || "ARGUS_"+key == collector {
			line, ours = ours, "" // the first one of them
		}
		text.WriteString(line)
		if line != "" && !strings.HasSuffix(line, "\n") {
			text.WriteByte('\n')
		}
	}
	text.WriteString(ours)
	return writeText(file, text.String(), 0o644)
}

// writeText makes text what the file holds, and tells whether it was something else. A file that is there keeps its mode.
func writeText(file, text string, mode fs.FileMode) (changed bool, err error) {
	now, err := os.ReadFile(file)
	if err == nil && string(now) == text {
		return false, nil
	}
	if info, err := os.Stat(file); err == nil && mode != 0o600 {
		mode = info.Mode().Perm()
	}
	return true, replaceFile(file, strings.NewReader(text), mode)
}

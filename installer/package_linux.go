package installer

import (
	"context"
	"os"
	"strings"
)

// owner is the package that a file came with.
type owner struct {
	format string // deb, rpm or apk
	name   string
}

// packageOf returns the package that brought the file, nil for none.
func packageOf(ctx context.Context, file string) *owner {
	if _, err := os.Lstat(file); err != nil {
		return nil
	}
	if out, err := output(ctx, "dpkg-query", "-L", name); err == nil && strings.Contains(out+"\n", file+"\n") { // -S would read the lists of all packages
		return &owner{"deb", name}
	}
	if out, err := output(ctx, "rpm", "-qf", "--qf", "%{NAME}", file); err == nil {
		return &owner{"rpm", out}
	}
	if out, err := output(ctx, "apk", "info", "-q", "--who-owns", file); err == nil {
		return &owner{"apk", strings.TrimSpace(out)}
	}
	return nil
}

// advice is what to run in place of installing or removing.
func (p *owner) advice(doing string) string {
	if doing == "installing" {
		return map[string]string{
			"deb": "upgrade it with apt install ./" + p.name + "_VERSION.deb",
			"rpm": "upgrade it with dnf upgrade ./" + p.name + "-VERSION.rpm",
			"apk": "upgrade it with apk add ./" + p.name + "-VERSION.apk",
		}[p.format] + "; write a token to /etc/" + name + "/token, and it is used at once"
	}
	return "remove it with " + map[string]string{
		"deb": "apt remove " + p.name + ", or apt purge " + p.name + " for state and configuration too",
		"rpm": "dnf remove " + p.name,
		"apk": "apk del " + p.name,
	}[p.format]
}

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

func signCommand() *ffcli.Command {
	fs := flag.NewFlagSet("sign", flag.ContinueOnError)
	cert := fs.String("cert", "", "the certificate and those above it are in this PEM `file`")
	key := fs.String("key", "", "its private key is in this PEM `file`")
	return &ffcli.Command{
		Name:       "sign",
		ShortUsage: "argus-pack sign --cert FILE --key FILE PROGRAM...",
		ShortHelp:  "sign programs for Windows and their installers, in place",
		LongHelp: `ARGUS_TIMESTAMP is the URL of a timestamp service (RFC 3161): with it a signature outlives its certificate.

Examples:
  argus-pack sign --cert code.pem --key code.key argus-endpoint-1.2.3-x64.msi`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			if *cert == "" || *key == "" || len(args) == 0 {
				return cli.Usagef("sign wants --cert, --key and what to sign")
			}
			for _, name := range args {
				if err := authenticode(ctx, *cert, *key, name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// sign replaces the programs for Windows by signed ones, if there is a certificate. What is in dist is then no longer the same wherever
// it is made.
func (r *release) sign(ctx context.Context, programs []program) error {
	for i, p := range programs {
		if r.cert == "" || p.goos != "windows" {
			continue
		}
		data, err := os.ReadFile(p.file)
		if err != nil {
			return err
		}
		signed := filepath.Join(r.stage, "signed", p.goarch, p.base())
		if err := os.MkdirAll(filepath.Dir(signed), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(signed, data, 0o700); err != nil {
			return err
		}
		if err := authenticode(ctx, r.cert, r.key, signed); err != nil {
			return err
		}
		programs[i].file = signed
	}
	return nil
}

// authenticode signs a program or an MSI in place.
func authenticode(ctx context.Context, cert, key, name string) error {
	signed := name + ".signed"
	args := []string{"sign", "-certs", cert, "-key", key, "-h", "sha256", "-n", "Argus Endpoint", "-i", homepage}
	if url := os.Getenv("ARGUS_TIMESTAMP"); url != "" {
		args = append(args, "-ts", url)
	}
	out, err := exec.CommandContext(ctx, "osslsigncode", append(args, "-in", name, "-out", signed)...).CombinedOutput()
	if err != nil {
		os.Remove(signed)
		return fmt.Errorf("sign %s: osslsigncode: %w: %s", filepath.Base(name), err, strings.TrimSpace(string(out)))
	}
	return os.Rename(signed, name)
}

// Command argus-pack makes the packages of a release from programs that are built: make packages calls it (docs/packages.md).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

func main() {
	cli.Main(&ffcli.Command{
		Name:        "argus-pack",
		ShortUsage:  "argus-pack version|build|sign [flags]",
		ShortHelp:   "makes the packages of a release",
		Subcommands: []*ffcli.Command{versionCommand(), buildCommand(), signCommand()},
	})
}

func versionCommand() *ffcli.Command {
	return &ffcli.Command{
		Name:       "version",
		ShortUsage: "argus-pack version [VERSION]",
		ShortHelp:  "print the version of this source, or check one",
		LongHelp: `A tag v1.2.3 or v1.3.0-rc1 is its version; 14 commits behind it, 1.2.3.14 and 1.3.0-rc1.14; without a tag 0.0.COMMITS.
All of them are in order for dpkg, rpm and apk; the MSI knows the first three numbers only.`,
		Exec: func(ctx context.Context, args []string) error {
			text, err := strings.Join(args, " "), error(nil)
			if text == "" {
				if text, err = describe(ctx); err != nil {
					return err
				}
			}
			v, err := parseVersion(text)
			if err != nil {
				return err
			}
			fmt.Println(v)
			return nil
		},
	}
}

// release is what is made: the flags of argus-pack build, and a folder for what is on its way.
type release struct {
	version  version
	date     time.Time // of the source: SOURCE_DATE_EPOCH
	source   string    // the repository's root
	programs string    // <os>-<arch>/argus-endpoint and argus-collector
	out      string
	stage    string
	kinds    map[string]bool // of packages; empty: all
	arches   map[string]bool // in Go's words; empty: all
	modules  []*module       // of all programs
	cert     string          // to sign programs for Windows and their installers with; "" leaves them
	key      string
}

func buildCommand() *ffcli.Command {
	fs := flag.NewFlagSet("build", flag.ContinueOnError)
	text := fs.String("version", "", "the release's `version`")
	r := release{source: "."}
	fs.StringVar(&r.programs, "programs", "bin", "the programs are in this `folder`, as make cross leaves them")
	fs.StringVar(&r.out, "out", "dist", "write the packages into this `folder`; those that are in it go")
	fs.Func("only", "make only these `kinds`, separated by commas: deb, rpm, apk, msi, pkg, archive", set(&r.kinds, "deb", "rpm", "apk", "msi", "pkg", "archive"))
	fs.Func("arch", "make only what is for these `architectures`, separated by commas: amd64, arm64, arm", set(&r.arches, "amd64", "arm64", "arm"))
	fs.StringVar(&r.cert, "cert", "", "sign what is for Windows with the certificate in this PEM `file`")
	fs.StringVar(&r.key, "key", "", "the key of --cert is in this PEM `file`")
	return &ffcli.Command{
		Name:       "build",
		ShortUsage: "argus-pack build --version VERSION [flags]",
		ShortHelp:  "make all packages of programs that are built",
		LongHelp:   "SOURCE_DATE_EPOCH is the time of everything in them, in seconds of Unix time.\n\nExamples:\n  argus-pack build --version 1.2.3 --programs bin --out dist",
		FlagSet:    fs,
		Exec: func(ctx context.Context, args []string) (err error) {
			if r.version, err = parseVersion(*text); err != nil {
				return cli.Usagef("--version: %w", err)
			}
			seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
			if err != nil {
				return cli.Usagef("SOURCE_DATE_EPOCH is the time of the source in seconds (git log -1 --format=%%ct): %w", err)
			}
			r.date = time.Unix(seconds, 0).UTC()
			if r.stage, err = os.MkdirTemp("", "argus-pack-"); err != nil {
				return err
			}
			defer os.RemoveAll(r.stage)
			return r.build(ctx)
		},
	}
}

// set returns what reads a list of some of the known words into a set.
func set(to *map[string]bool, known ...string) func(string) error {
	return func(text string) error {
		*to = map[string]bool{}
		for s := range strings.SplitSeq(text, ",") {
			if !slices.Contains(known, s) {
				return fmt.Errorf("%q is none of %s", s, strings.Join(known, ", "))
			}
			(*to)[s] = true
		}
		return nil
	}
}

// build makes everything, and at last the list of sums.
func (r *release) build(ctx context.Context) (err error) {
	if err := r.clear(); err != nil {
		return err
	}
	programs := r.chosen()
	if r.modules, err = modules(ctx, programs); err != nil {
		return err
	}
	if err := r.sign(ctx, programs); err != nil {
		return err
	}
	var crew crew
	for _, job := range r.jobs(programs) {
		crew.run(func() error { return job(ctx) })
	}
	if err := crew.wait(); err != nil {
		return err
	}
	return r.sums()
}

// clear makes the folder of packages, and takes away what a former build has left in it. One with anything else in it is not such a folder.
func (r *release) clear() error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() != sumsFile && !strings.HasPrefix(e.Name(), "argus-") {
			return fmt.Errorf("%s has %s in it, which is no package: name another folder for them", r.out, e.Name())
		}
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(r.out, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// chosen are the programs that the wanted packages need.
func (r *release) chosen() (list []program) {
	needed := map[string]string{"linux": "deb rpm apk archive", "windows": "msi archive", "darwin": "pkg archive"}
	for _, p := range products {
		for _, t := range p.targets {
			goos, goarch, _ := strings.Cut(t, "/")
			if len(r.arches) > 0 && !r.arches[goarch] || !slices.ContainsFunc(strings.Fields(needed[goos]), r.wants) {
				continue
			}
			built := program{product: p, goos: goos, goarch: goarch}
			built.file = filepath.Join(r.programs, filepath.FromSlash(built.name()))
			list = append(list, built)
		}
	}
	return list
}

// jobs are the packages to make, which do not know of each other.
func (r *release) jobs(programs []program) (jobs []func(context.Context) error) {
	for _, p := range programs {
		for _, f := range formats {
			if p.goos == "linux" && r.wants(f.kind) && (f.kind != "apk" || p.product.Endpoint) {
				jobs = append(jobs, func(ctx context.Context) error { return r.linux(ctx, p, f) })
			}
		}
		if p.goos == "windows" && r.wants("msi") {
			jobs = append(jobs, func(ctx context.Context) error { return r.msi(ctx, p) })
		}
		if r.wants("archive") {
			jobs = append(jobs, func(context.Context) error { return r.archive(p) })
		}
	}
	macs := slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return p.goos != "darwin" })
	if r.wants("pkg") && len(macs) > 0 {
		jobs = append(jobs, func(context.Context) error { return r.pkg(macs) })
	}
	return append(jobs, func(context.Context) error { return r.sbom(programs) })
}

func (r *release) wants(kind string) bool { return len(r.kinds) == 0 || r.kinds[kind] }

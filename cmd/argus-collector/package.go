package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/installer/pack"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/peterbourgon/ff/v3/ffcli"
)

const packageHelp = `Makes installers that enrol by themselves: the packages of argus-endpoint with the token in them, for who only double-clicks or has
no configuration management. A package enrols every host that it is installed on, as long as the token is good: give it as many uses and as much
time as there are hosts, and none to strangers. The files are readable by you alone (mode 0600).

The packages are those of a release (make packages, docs/packages.md) in the folder --from. Signatures of deb and MSI would break: they are
taken unsigned, and what comes out is to be signed like any other package.

Examples:
  argus-collector token create --uses 200 | argus-collector package --token-file - --format msi,pkg
  argus-collector package --token-file token --from ./dist --out ./installers`

// bakers put a token into the packages of each format.
var bakers = map[string]func(file []byte, token string, at time.Time) ([]byte, error){
	"deb": pack.BakeDeb,
	"rpm": pack.BakeRPM,
	"msi": func(file []byte, token string, _ time.Time) ([]byte, error) { return pack.BakeMSI(file, token) },
	"pkg": func(file []byte, token string, _ time.Time) ([]byte, error) { return pack.BakePKG(file, token) },
}

// packagesFolder is where the packages of argus-endpoint are expected beside a collector.
const packagesFolder = "/usr/share/argus-collector/packages"

// maxPackage is more than any of our packages has.
const maxPackage = 256 << 20

type packageOptions struct {
	token, tokenFile string
	formats          list
	from, out        string
	json             bool
}

// baked is an installer that was made.
type baked struct {
	File   string `json:"file"`
	Format string `json:"format"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
	Token  string `json:"token"` // its ID, as in argus-collector token list
}

func packageCommand() *ffcli.Command {
	flags, place := placeFlags("package")
	var o packageOptions
	flags.StringVar(&o.token, "token", "", "hosts enrol with this `token`")
	flags.StringVar(&o.tokenFile, "token-file", "", "the token is in this `file`; - is the standard input")
	flags.Var(&o.formats, "format", "make installers of these `formats`, separated by commas: deb, rpm, msi, pkg; of all that are there when left out")
	flags.StringVar(&o.from, "from", packagesFolder, "the packages of argus-endpoint are in this `folder`")
	flags.StringVar(&o.out, "out", ".", "write the installers into this `folder`")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a line")
	return &ffcli.Command{
		Name:       "package",
		ShortUsage: "argus-collector package --token TOKEN [flags]",
		ShortHelp:  "make installers of argus-endpoint that have a token in them",
		LongHelp:   packageHelp,
		FlagSet:    flags,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("package takes no argument, got %q", args[0])
			}
			return o.run(ctx, place)
		},
	}
}

func (o *packageOptions) run(ctx context.Context, place *collector.Place) error {
	for _, f := range o.formats {
		if bakers[f] == nil {
			return cli.Usagef("--format %q is none of deb, rpm, msi, pkg", f)
		}
	}
	text, id, err := o.readToken()
	if err != nil {
		return err
	}
	if err := checkToken(ctx, place, text, id, time.Now()); err != nil {
		return err
	}
	names, err := o.find()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("package: %w", err)
	}
	for _, name := range names {
		b, err := o.bake(ctx, name, text, id)
		if err != nil {
			return fmt.Errorf("package: %s: %w", filepath.Base(name), err)
		}
		if o.json {
			err = printJSON([]baked{b})
		} else {
			_, err = fmt.Println(b.File)
		}
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%d %s, each with the secret of token %.8s in it: whoever has one can enrol a host. If one gets lost: argus-collector token revoke %.8s\n",
		len(names), plural(len(names), "installer"), id, id)
	return nil
}

// readToken returns the token that was given, and its ID.
func (o *packageOptions) readToken() (text, id string, err error) {
	text = o.token
	switch {
	case (o.token == "") == (o.tokenFile == ""):
		return "", "", cli.Usagef("package wants one of --token and --token-file (make one with: argus-collector token create)")
	case o.tokenFile != "":
		f := os.Stdin
		if o.tokenFile != "-" {
			if f, err = os.Open(o.tokenFile); err != nil {
				return "", "", fmt.Errorf("package: %w", err)
			}
			defer f.Close()
		}
		b, err := io.ReadAll(io.LimitReader(f, 64<<10))
		if err != nil {
			return "", "", fmt.Errorf("package: read the token: %w", err)
		}
		text = string(b)
	}
	t, err := wire.ParseToken(text)
	if err != nil {
		return "", "", cli.Usagef("package: %w", err)
	}
	hash := t.Secret.Hash()
	return t.String(), hex.EncodeToString(hash[:]), nil
}

// Below these a token is hardly enough for a fleet.
const (
	fewUses  = 10
	soonOver = 48 * time.Hour
)

// checkToken refuses a token that no host can enrol with any more, and says when few can. Elsewhere than at its collector nothing is known.
func checkToken(ctx context.Context, place *collector.Place, text, id string, now time.Time) error {
	authority, err := place.FindAuthority(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "no collector is here: whether the token is good is not checked")
		return nil
	}
	if err != nil {
		return err
	}
	defer authority.Close()
	tokens, err := authority.Tokens()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tokens, func(t pki.TokenInfo) bool { return t.ID == id })
	if i < 0 {
		return fmt.Errorf("this collector did not make token %.8s: where it was made, or with argus-collector token create, there is a good one", id)
	}
	info := tokens[i]
	if state := info.State(now); state != "good" {
		return fmt.Errorf("token %.8s is %s: no host could enrol with it; make another: argus-collector token create", id, state)
	}
	if err := trusted(authority, text); err != nil {
		return err
	}
	if left := info.Expires.Sub(now); left < soonOver {
		fmt.Fprintf(os.Stderr, "token %.8s is good for %v only: no host enrols with these installers after %s\n", id, left.Round(time.Minute), info.Expires.Local().Format(time.DateTime))
	}
	if left := info.Uses - info.Used; info.Uses > 0 && left < fewUses {
		fmt.Fprintf(os.Stderr, "token %.8s is good for %d more %s only\n", id, left, plural(left, "host"))
	}
	return nil
}

// trusted refuses a token that names an authority which was retired.
func trusted(authority *pki.Authority, text string) error {
	token, err := wire.ParseToken(text)
	if err != nil {
		return err
	}
	list, err := authority.CAs()
	if err != nil {
		return err
	}
	for _, c := range list {
		if strings.EqualFold(strings.ReplaceAll(c.Fingerprint, ":", ""), hex.EncodeToString(token.CA[:])) {
			return nil
		}
	}
	return errors.New("the token names an authority that this collector no longer has (argus-collector ca show): make another: argus-collector token create")
}

// installerName is the end of the names that bake gives.
var installerName = regexp.MustCompile(`-[0-9a-f]{8}\.[a-z]{3}$`)

// find returns the packages of the wanted formats, of each at least one.
func (o *packageOptions) find() (names []string, err error) {
	entries, err := os.ReadDir(o.from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("package: %w", err)
	}
	wanted, missing := o.formats, list(nil)
	if len(wanted) == 0 {
		wanted = slices.Sorted(maps.Keys(bakers))
	}
	for _, f := range wanted {
		before := len(names)
		for _, e := range entries {
			if n := e.Name(); strings.HasPrefix(n, "argus-endpoint") && strings.HasSuffix(n, "."+f) && !installerName.MatchString(n) {
				names = append(names, filepath.Join(o.from, n))
			}
		}
		if len(names) == before {
			missing = append(missing, f)
		}
	}
	if len(names) == 0 || len(o.formats) > 0 && len(missing) > 0 {
		return nil, fmt.Errorf("no %s of argus-endpoint is in %s: put those of a release there, or name another folder with --from", strings.Join(missing, " or "), o.from)
	}
	return names, nil
}

// bake writes the package of one file with the token in it.
func (o *packageOptions) bake(ctx context.Context, name, token, id string) (baked, error) {
	if err := ctx.Err(); err != nil {
		return baked{}, err
	}
	f, err := os.Open(name)
	if err != nil {
		return baked{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPackage+1))
	if err == nil && len(data) > maxPackage {
		err = fmt.Errorf("it has more than %d MB", maxPackage>>20)
	}
	if err != nil {
		return baked{}, err
	}
	suffix := filepath.Ext(name)
	if data, err = bakers[suffix[1:]](data, token, time.Now()); err != nil {
		return baked{}, err
	}
	to := filepath.Join(o.out, fmt.Sprintf("%s-%.8s%s", strings.TrimSuffix(filepath.Base(name), suffix), id, suffix))
	sum := sha256.Sum256(data)
	return baked{File: to, Format: suffix[1:], Bytes: len(data), SHA256: hex.EncodeToString(sum[:]), Token: id}, writeSecret(to, data)
}

// writeSecret writes a file that only its owner can read, at no moment another.
func writeSecret(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".argus-") // of mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

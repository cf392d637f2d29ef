package pack

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
)

// MSI is a Windows Installer package of argus-endpoint.
type MSI struct {
	Version string    // three numbers first, which is all that Windows Installer compares: up to 255.255.65535
	Arch    string    // "amd64" or "arm64"
	Program string    // the file argus-endpoint.exe
	Licence string    // a file of text: the program's
	Notices string    // and one with the licences of what is linked into it
	Time    time.Time // of all that has a time
}

// upgradeCode is of all versions there will ever be: by it Windows Installer knows that one replaces the other.
const upgradeCode = "3F0A1F0E-6E55-4C5B-9B0F-6C5C2E6D1A01"

//go:embed msi.wxs
var msiSource []byte

// Build makes the package: byte for byte the same of the same. The folder dir must be empty; what is on its way lies there. The
// tools are wixl and msibuild of GNOME's msitools, which run runs: a program, its arguments, to its end.
func (m MSI) Build(dir string, run func(program string, args ...string) error) ([]byte, error) {
	number, err := productVersion(m.Version)
	if err != nil {
		return nil, err
	}
	platform, ok := map[string]string{"amd64": "x64", "arm64": "Arm64"}[m.Arch]
	if !ok {
		return nil, fmt.Errorf("windows installer package: no architecture %q, only amd64 and arm64", m.Arch)
	}
	source, out := filepath.Join(dir, "msi.wxs"), filepath.Join(dir, "argus-endpoint.msi")
	sum, err := m.stage(dir)
	if err == nil {
		err = os.WriteFile(source, msiSource, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("windows installer package: %w", err)
	}
	productCode := codeOf("product " + m.Version + " " + m.Arch)
	err = run("env", "-C", dir, "TZ=UTC", "wixl", "-a", "x64", "-o", out, // a cabinet's times are local
		"-D", "Version="+m.Version, "-D", "ProductVersion="+number, "-D", "ProductCode="+productCode, "-D", "UpgradeCode="+upgradeCode,
		"-D", "BakedToken="+noToken, source)
	if err == nil {
		err = run("msibuild", append([]string{out, "-q"}, m.rows(number)...)...)
	}
	if err == nil {
		packageCode := fmt.Sprintf("package %s %s %x %x %d", m.Version, m.Arch, sum, sha256.Sum256(fmt.Append(msiSource, m.rows(number))), m.Time.Unix())
		err = run("msibuild", out, "-s", "Argus Endpoint "+m.Version, "Argus Endpoint", platform+";1033", braced(codeOf(packageCode)))
	}
	if err != nil {
		return nil, fmt.Errorf("windows installer package: %w", err)
	}
	return m.finish(out)
}

// stage copies the files, with the package's time, and returns the sum of all.
func (m MSI) stage(dir string) (sum []byte, err error) {
	h := sha256.New()
	for _, f := range []struct{ from, to string }{
		{m.Program, "argus-endpoint.exe"}, {m.Licence, "LICENSE.txt"}, {m.Notices, "THIRD-PARTY-LICENSES.txt"},
	} {
		b, err := os.ReadFile(f.from)
		to := filepath.Join(dir, f.to)
		if err == nil {
			err = os.WriteFile(to, b, 0o644)
		}
		if err == nil {
			err = os.Chtimes(to, m.Time, m.Time)
		}
		if err != nil {
			return nil, err
		}
		part := sha256.Sum256(b)
		h.Write(part[:])
	}
	return h.Sum(nil), nil
}

// finish reads what the tools made and sets the times that they took from the clock.
func (m MSI) finish(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("windows installer package: %w", err)
	}
	c, err := openCompound(b)
	if err != nil {
		return nil, fmt.Errorf("windows installer package: %w", err)
	}
	for _, id := range []uint32{summaryCreated, summarySaved} {
		if err := c.setSummaryTime(id, m.Time); err != nil {
			return nil, fmt.Errorf("windows installer package: %w", err)
		}
	}
	return b, nil
}

// productVersion returns the three numbers that Windows Installer compares.
func productVersion(version string) (string, error) {
	numbers, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	parts := strings.Split(numbers, ".")
	for i, limit := range []uint64{255, 255, 65535} {
		if len(parts) <= i {
			return "", fmt.Errorf("version %q has not three numbers: Windows Installer compares them", version)
		}
		if n, err := strconv.ParseUint(parts[i], 10, 32); err != nil || n > limit {
			return "", fmt.Errorf("version %q: Windows Installer compares numbers up to 255.255.65535", version)
		}
	}
	return strings.Join(parts[:3], "."), nil
}

// codeOf makes the GUID of a name: of a version's product, of a package's very content.
func codeOf(name string) string {
	return strings.ToUpper(uuid.NewV5(uuid.Must(uuid.FromString(upgradeCode)), name).String())
}

func braced(code string) string { return "{" + code + "}" }

//go:build linux

package wine

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/installer/pack"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// authority is a certificate that signs programs, and nobody has heard of.
type authority struct {
	t         *testing.T
	cert, key string
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{t, filepath.Join(dir, "code.pem"), filepath.Join(dir, "code.key")}
	if !exists(a.cert) {
		run(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Argus Endpoint test", "-days", "2",
			"-addext", "keyUsage=digitalSignature", "-addext", "extendedKeyUsage=codeSigning", "-keyout", a.key, "-out", a.cert)
	}
	return a
}

func (a *authority) sign(file string) {
	a.t.Helper()
	run(a.t, "go", "run", "../../cmd/argus-pack", "sign", "--cert", a.cert, "--key", a.key, file)
}

// verifies tells whether the signature of a program or an MSI is good.
func (a *authority) verifies(file string) bool {
	out, err := exec.Command("osslsigncode", "verify", "-CAfile", a.cert, "-in", file).CombinedOutput()
	return err == nil && bytes.Contains(out, []byte("Signature verification: ok"))
}

// TestMSIBaked: an MSI with the token in it, signed as the program in it is, needs no property.
func TestMSIBaked(t *testing.T) {
	dir := known(t, "WINE_TEST_SIGNED")
	a := newAuthority(t, dir)
	plain := filepath.Join(dir, "plain.msi")
	if !exists(plain) {
		exe, _ := Endpoint(t, versions[0])
		a.sign(exe)
		if !a.verifies(exe) {
			t.Error("the signature of argus-endpoint.exe is not good")
		}
		write(t, plain, makeMSI(t, exe, versions[0], "amd64"))
	}
	if !netns.Inside(t) {
		return
	}
	m := newManaged(t)
	before := m.snapshot()
	msi := a.bake(plain, m.site.token())
	m.step("token baked, MSI signed and verified")
	m.configure()
	m.must("/i", msi)
	m.step("msiexec /i, with no property")
	want := m.cable.conversations(1)
	m.site.await(want)
	m.step("%d flows at the collector, from %s (%s)", len(want), m.one().Name, m.one().Monitor)
	if n := m.enrolments(); n != 1 {
		m.Errorf("%d enrolments", n)
	}
	installed := filepath.Join(m.TempDir(), "installed.exe")
	run(m.T, "cp", m.Path(program), installed)
	if !a.verifies(installed) {
		m.Error("the signature of the installed program is not good")
	}
	m.must("/x", msi, "PURGE=1")
	m.removed(before, false)
}

// bake makes the MSI that a user double-clicks: the token first, then the signature.
func (a *authority) bake(plain, token string) (file string) {
	t := a.t
	t.Helper()
	b, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	baked, err := pack.BakeMSI(b, token)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "for-users.msi")
	write(t, file, baked)
	a.sign(file)
	if !a.verifies(file) {
		t.Error("the signature of the MSI is not good")
	}
	signed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pack.BakeMSI(signed, token); err == nil || !strings.Contains(err.Error(), "signed") {
		t.Errorf("another token into a signed MSI: %v", err)
	}
	other := filepath.Join(t.TempDir(), "forged.msi")
	write(t, other, bytes.Replace(signed, []byte(token), []byte(strings.ToLower(token)), 1))
	if a.verifies(other) {
		t.Error("the signature of an MSI is good whatever token is in it")
	}
	return file
}

// TestMSICollector: without a token the property COLLECTOR is kept in the configuration file, through an upgrade without it.
func TestMSICollector(t *testing.T) {
	msi := msis(t)
	if !netns.Inside(t) {
		return
	}
	m := newManaged(t)
	before := m.snapshot()
	if code := m.msiexec("/i", msi[0], "TOKEN=argus1.damaged"); code == 0 {
		t.Error("a damaged token is installed")
	}
	for _, line := range m.left(before) {
		if !strings.Contains(line, `\Components\`) { // Wine's installer forgets its own list when it rolls back
			t.Error("of an installation that failed is left: ", line)
		}
	}
	m.step("a damaged token is refused, and nothing installed")
	for i, properties := range [][]string{{"COLLECTOR=" + collectorAddress}, nil} {
		m.must("/i", msi[i], properties...)
		m.serves(versions[i])
		conf, err := os.ReadFile(m.Path(stateFolder + `\argus-endpoint.conf`))
		if err != nil || !bytes.Contains(conf, []byte(collectorAddress)) {
			t.Errorf("%s: the configuration file is %q: %v", versions[i], conf, err)
		}
		m.step("msiexec /i %s: the collector's address is in the configuration", strings.Join(properties, " "))
	}
	m.replacesEqual(msi[1])
}

// replacesEqual: of two versions whose first three numbers are alike, which is all that Windows Installer compares, the one that
// is installed last takes the place of the other.
func (m *managed) replacesEqual(msi string) {
	m.Helper()
	exe := filepath.Join(m.TempDir(), "argus-endpoint.exe")
	run(m.T, "cp", m.Path(program), exe)
	between := filepath.Join(m.TempDir(), "between.msi")
	write(m.T, between, makeMSI(m.T, exe, versions[1]+".7", "amd64"))
	for _, next := range []string{between, msi} {
		m.must("/i", next)
		if n := strings.Count(m.Try("reg", "query", listedKey, "/s").Stdout, "DisplayName    REG_SZ    Argus Endpoint"); n != 1 {
			m.Errorf("the list of apps has it %d times", n)
		}
	}
	m.serves(versions[1])
	m.step("a version with the same three numbers, and back")
	m.must("/x", msi, "PURGE=1")
	if r := m.Try("reg", "query", ownKey); r.Code == 0 {
		m.Error("something is left: ", r.Stdout)
	}
}

// TestMSIReproduces: two builds of one version are alike, the checked-in example of the unit tests is such a one, and GNOME's msiinfo,
// which shares nothing with our reader, finds a token in packages of every size.
func TestMSIReproduces(t *testing.T) {
	tiny := filepath.Join(t.TempDir(), "tiny.exe")
	write(t, tiny, []byte("MZ"))
	first := makeMSI(t, tiny, "1.2.3", "amd64")
	if !bytes.Equal(first, makeMSI(t, tiny, "1.2.3", "amd64")) {
		t.Error("two builds differ")
	}
	if bytes.Equal(first, makeMSI(t, tiny, "1.2.3", "arm64")) {
		t.Error("an MSI for another processor is the same")
	}
	if example, err := os.ReadFile("../../installer/pack/testdata/tiny.msi"); err != nil || !bytes.Equal(first, example) {
		now := filepath.Join(workFolder(t), "tiny.msi")
		write(t, now, first)
		t.Errorf("the example of the unit tests is not what is built now: copy %s over it (%v)", now, err)
	}
	large := make([]byte, 9<<20) // its FAT does not fit into the list of the header
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(large)
	for _, program := range [][]byte{[]byte("MZ"), large} {
		exe, file := filepath.Join(t.TempDir(), "x.exe"), filepath.Join(t.TempDir(), "x.msi")
		write(t, exe, program)
		baked, err := pack.BakeMSI(makeMSI(t, exe, "1.2.3", "amd64"), "argus1.example-of-a-token")
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, baked)
		out, err := exec.Command("msiinfo", "export", file, "Property").Output()
		if err != nil || !strings.Contains(string(out), "BAKEDTOKEN\targus1.example-of-a-token  ") {
			t.Errorf("msiinfo: %v: %.300s", err, out)
		}
		if out, err := exec.Command("7z", "t", file).CombinedOutput(); err != nil {
			t.Errorf("7z: %v: %s", err, out)
		}
	}
}

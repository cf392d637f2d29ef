package pack

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// tiny is an MSI as Build makes it, of a program of two octets (internal/wine compares them).
func tiny(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/tiny.msi")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBakeMSI(t *testing.T) {
	original := tiny(t)
	before := slices.Clone(original)
	baked, err := BakeMSI(original, "argus1.first-token")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, original) {
		t.Error("the MSI that was given is changed")
	}
	if got := strings.TrimRight(property(t, baked, "BAKEDTOKEN"), " "); got != "argus1.first-token" {
		t.Errorf("baked token is %q", got)
	}
	if got := property(t, baked, "ProductVersion"); got != "1.2.3" {
		t.Errorf("product version became %q", got)
	}
	if code(t, original) == code(t, baked) {
		t.Error("two packages of different content have one package code: Windows Installer would take one for the other")
	}
	if n := differing(original, baked); n > tokenRoom+codeSize {
		t.Errorf("%d octets changed", n)
	}

	second, err := BakeMSI(baked, "argus1.second")
	if err != nil {
		t.Fatal("bake another token: ", err)
	}
	if bytes.Contains(second, []byte("first-token")) {
		t.Error("the former token is still in the file")
	}
	direct, err := BakeMSI(original, "argus1.second")
	if err != nil || !bytes.Equal(second, direct) {
		t.Errorf("the same token makes another file when one was there before: %v", err)
	}
}

// TestBakeMSILongestToken is of the longest token that a collector makes.
func TestBakeMSILongestToken(t *testing.T) {
	token := wire.Token{CA: [32]byte{1}, Secret: wire.NewSecret()}
	for range 16 {
		token.Collectors = append(token.Collectors, strings.Repeat("c", 250)+":4561")
	}
	text := token.String()
	if len(text) < 5000 {
		t.Fatalf("the longest token has %d characters: is it valid?", len(text))
	}
	baked, err := BakeMSI(tiny(t), text)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimRight(property(t, baked, "BAKEDTOKEN"), " "); got != text {
		t.Errorf("%d of %d characters are in the MSI", len(got), len(text))
	}
}

// TestBakeMSIScattered bakes into a file whose sectors lie in another order: only the FAT says which follows which.
func TestBakeMSIScattered(t *testing.T) {
	original := tiny(t)
	want, err := BakeMSI(original, "argus1.first-token")
	if err != nil {
		t.Fatal(err)
	}
	scattered := scatter(original)
	baked, err := BakeMSI(scattered, "argus1.first-token")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimRight(property(t, baked, "BAKEDTOKEN"), " "); got != "argus1.first-token" {
		t.Errorf("baked token is %q", got)
	}
	for _, name := range []string{tableName("_StringData"), tableName("_StringPool"), tableName("Property")} {
		if !bytes.Equal(content(t, want, name), content(t, baked, name)) {
			t.Errorf("stream %q differs", name)
		}
	}
}

func TestBakeMSIRefuses(t *testing.T) {
	const good = "argus1.token"
	original := tiny(t)
	// A signature is a stream of that name: here another's is renamed.
	signed := slices.Clone(original)
	rename(t, signed, "\x05SummaryInformation", "\x05DigitalSignature")
	foreign := bytes.ReplaceAll(original, []byte("BAKEDTOKEN"), []byte("BAKEDTOKEM"))
	for _, c := range []struct {
		name, token, says string
		msi               []byte
	}{
		{"signed", good, "signed", signed},
		{"of something else", good, "no room for a token", foreign},
		{"no MSI", good, "no Windows Installer package", []byte("MZ" + strings.Repeat("\x00", 4096))},
		{"empty", good, "no Windows Installer package", nil},
		{"token of nothing", "", "no enrolment token", original},
		{"token that breaks out of its quotes", `argus1.x" --collector "evil`, "no enrolment token", original},
		{"token with a property", "argus1.[SystemFolder]", "no enrolment token", original},
		{"token with a line end", "argus1.x\n", "no enrolment token", original},
		{"token too long", "argus1." + strings.Repeat("x", tokenRoom), "no enrolment token", original},
	} {
		if _, err := BakeMSI(c.msi, c.token); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
	for n := range original {
		if b, err := BakeMSI(original[:n], good); err == nil && n < len(original)-2*512 {
			t.Errorf("an MSI of %d octets that ends after %d is taken (%d)", len(original), n, len(b))
		}
	}
}

func TestProductVersion(t *testing.T) {
	for version, want := range map[string]string{
		"1.2.3": "1.2.3", "v0.0.4711": "0.0.4711", "1.2.3.14": "1.2.3", "1.3.0-rc1.14": "1.3.0", "255.255.65535": "255.255.65535",
		"256.0.0": "", "1.256.0": "", "1.0.65536": "", "1.2": "", "": "", "1.x.3": "", "-1.2.3": "", "1..3": "",
	} {
		got, err := productVersion(version)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", version, got, err, want)
		}
	}
}

// TestSettingsReachNoRepair: an ordinary user may repair what an administrator installed, and with properties of their own.
func TestSettingsReachNoRepair(t *testing.T) {
	for _, a := range actions {
		if (a.kind&^0x3f00 == setProperty) && !strings.Contains(a.condition, "NOT Installed") {
			t.Errorf("%s runs on repair: %s", a.name, a.condition)
		}
		if a.kind&inScript != 0 && strings.Contains(a.target, "[TOKEN") {
			t.Errorf("%s takes a property of the caller's: %s", a.name, a.target)
		}
	}
}

// FuzzBakeMSI: whatever a file says of itself, it is refused or baked, and what is baked can be baked again.
func FuzzBakeMSI(f *testing.F) {
	original := tiny(f)
	f.Add(original)
	f.Add(scatter(original))
	f.Add(original[:2048])
	f.Fuzz(func(t *testing.T, msi []byte) {
		baked, err := BakeMSI(msi, "argus1.token")
		if err != nil {
			return
		}
		if len(baked) != len(msi) {
			t.Fatalf("%d octets became %d", len(msi), len(baked))
		}
		if _, err := BakeMSI(baked, "argus1.other"); err != nil {
			t.Skip("parts of the file overlap: ", err)
		}
	})
}

func open(t testing.TB, msi []byte) *compound {
	t.Helper()
	c, err := openCompound(msi)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func content(t testing.TB, msi []byte, name string) []byte {
	t.Helper()
	s, err := open(t, msi).find(name)
	if err != nil || s == nil {
		t.Fatalf("stream %q: %v", name, err)
	}
	return s.bytes()
}

// property reads a value of the table Property by walking the rows: names in the first half, values in the second.
func property(t testing.TB, msi []byte, name string) string {
	t.Helper()
	texts := stringPool{content(t, msi, tableName("_StringPool")), content(t, msi, tableName("_StringData"))}
	rows := content(t, msi, tableName("Property"))
	for i := 0; i < len(rows)/2; i += 2 {
		if k, ok := texts.lookUp(number(rows[i:][:2])); ok && string(k.text) == name {
			v, _ := texts.lookUp(number(rows[len(rows)/2+i:][:2]))
			return string(v.text)
		}
	}
	t.Fatalf("no property %s", name)
	return ""
}

func code(t testing.TB, msi []byte) string {
	t.Helper()
	s, _, err := open(t, msi).packageCode()
	if err != nil || len(s) != codeSize || s[0] != '{' {
		t.Fatalf("package code %q: %v", s, err)
	}
	return s
}

func differing(a, b []byte) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func rename(t testing.TB, msi []byte, from, to string) {
	t.Helper()
	wide := func(s string) (b []byte) {
		for i := range len(s) {
			b = append(b, s[i], 0)
		}
		return append(b, 0, 0)
	}
	i := bytes.Index(msi, wide(from))
	if i < 0 {
		t.Fatalf("no stream %q", from)
	}
	clear(msi[i : i+64])
	copy(msi[i:], wide(to))
	binary.LittleEndian.PutUint16(msi[i+64:], uint16(len(wide(to))))
}

package pack

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestBakePKG(t *testing.T) {
	m := sample()
	pkg := build(t, m)
	for _, token := range []string{"argus1.first", "argus1.second"} {
		before := pkg
		var err error
		if pkg, err = BakePKG(pkg, token); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(before, []byte(token)) {
			t.Fatal("the token is there already")
		}
		got, err := ReadPKG(bytes.NewReader(pkg), int64(len(pkg)))
		if err != nil {
			t.Fatal(err)
		}
		want := maps.Clone(m.Scripts)
		want[TokenScript] = []byte(token + "\n")
		if !reflect.DeepEqual(got.Scripts, want) || !got.Time.Equal(m.Time) || len(got.Files) != 12 {
			t.Errorf("baked with %s: %q", token, got.Scripts)
		}
	}
	delete(m.Scripts, "postinstall")
	if _, err := BakePKG(build(t, m), "argus1.t"); err == nil || !strings.Contains(err.Error(), "postinstall") {
		t.Errorf("without a script that takes the token: %v", err)
	}
}

// TestBakedTokenIsForRoot looks at the token as another archiver sees it.
func TestBakedTokenIsForRoot(t *testing.T) {
	dir := t.TempDir()
	pkg, err := BakePKG(build(t, sample()), "argus1.secret")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/a.pkg", pkg, 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, dir, "bsdtar", "-xf", "a.pkg")
	list := tool(t, dir, "bsdtar", "--numeric-owner", "-tvf", component+"/"+scripts)
	if !strings.Contains(list, "-rw-------  1 0      0          14 Nov 14  2023 ./token\n") {
		t.Errorf("scripts:\n%s", list)
	}
}

// signed makes of a package what productsign and stapler leave: SHA-256, a signature on the heap, a ticket behind the end.
func signed(t *testing.T, pkg []byte) []byte {
	t.Helper()
	x := &xarReader{from: bytes.NewReader(pkg), size: int64(len(pkg)), left: maxContent}
	if _, err := x.contents(); err != nil {
		t.Fatal(err)
	}
	toc, err := inflate(pkg[xarHeader:x.heap], int64(binary.BigEndian.Uint64(pkg[16:])))
	if err != nil {
		t.Fatal(err)
	}
	const more = sha256.Size - sha1.Size + 256 // of the heap before the members
	text := regexp.MustCompile(`<offset>(\d+)</offset>`).ReplaceAllStringFunc(string(toc), func(s string) string {
		n, _ := strconv.Atoi(s[8 : len(s)-9])
		if n == 0 {
			return s
		}
		return fmt.Sprintf("<offset>%d</offset>", n+more)
	})
	text = strings.Replace(text, `<checksum style="sha1">`, `<checksum style="sha256">`, 1)
	text = strings.Replace(text, "<size>20</size>", "<size>32</size>", 1)
	text = strings.Replace(text, "</checksum>", `</checksum><signature style="RSA"><offset>32</offset><size>256</size><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">`+
		`<X509Data><X509Certificate>MIIF</X509Certificate></X509Data></KeyInfo></signature>`, 1)
	packed, err := deflate([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(pkg[:xarHeader])
	binary.BigEndian.PutUint64(out[8:], uint64(len(packed)))
	binary.BigEndian.PutUint64(out[16:], uint64(len(text)))
	binary.BigEndian.PutUint32(out[24:], xarSHA256)
	sum := sha256.Sum256(packed)
	return slices.Concat(out, packed, sum[:], make([]byte, 256), pkg[int(x.heap)+sha1.Size:], []byte("t8lr ticket"))
}

// TestBakeSignedPKG puts a token into a signed package: what comes out is as if it had never been signed.
func TestBakeSignedPKG(t *testing.T) {
	pkg := build(t, sample())
	want, err := BakePKG(pkg, aToken)
	if err != nil {
		t.Fatal(err)
	}
	got, err := BakePKG(signed(t, pkg), aToken)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d octets, want %d: %v", len(got), len(want), err)
	}
}

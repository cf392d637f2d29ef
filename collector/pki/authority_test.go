package pki

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestAuthorityStaysTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	var before [32]byte
	for n := range 3 {
		a, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && a.Fingerprint() != before {
			t.Error("the authority changed at a restart")
		}
		before = a.Fingerprint()
		a.Close()
	}
	text, err := os.ReadFile(filepath.Join(dir, caFile))
	if err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]func() error{
		"cut": func() error { return os.WriteFile(filepath.Join(dir, caFile), text[:len(text)/2], 0o600) },
		"lost": func() error {
			return errors.Join(os.Remove(filepath.Join(dir, caFile)), os.WriteFile(filepath.Join(dir, "monitors", "x.json"), nil, 0o600))
		},
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Errorf("a %s authority: %v, want a refusal that says what to do", what, err)
		}
	}
}

// The collector's first start and the first token may come at once: they agree on one authority.
func TestAuthorityIsMadeOnce(t *testing.T) {
	for range 20 {
		dir := filepath.Join(t.TempDir(), "pki")
		prints := make(chan [32]byte)
		for range 8 {
			go func() {
				a, err := Open(dir)
				if err != nil {
					t.Error(err)
					prints <- [32]byte{}
					return
				}
				defer a.Close()
				prints <- a.Fingerprint()
			}()
		}
		first := <-prints
		for range 7 {
			if <-prints != first {
				t.Fatal("two authorities in one folder")
			}
		}
	}
}

func TestOpenFolderIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access lists, not modes")
	}
	dir := filepath.Join(t.TempDir(), "pki")
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	for _, name := range []string{"", caFile, "tokens"} {
		full := filepath.Join(dir, name)
		info, err := os.Stat(full)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(full, info.Mode()|0o004); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "open to others") {
			t.Errorf("%q readable by others: %v", name, err)
		}
		if err := os.Chmod(full, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServerCertificateIsGoodForItsNames(t *testing.T) {
	b := newBench(t)
	conf, err := b.ServerTLS(append(LocalNames(), "soc.example.net", "192.0.2.7"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(conf.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(b.cert)
	for _, name := range []string{"localhost", "127.0.0.1", "soc.example.net", "192.0.2.7"} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "other.example.net", Roots: roots}); err == nil {
		t.Error("good for a name that was not given")
	}
}

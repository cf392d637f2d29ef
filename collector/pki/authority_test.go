package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestAuthorityStaysTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	var before [32]byte
	for n := range 3 {
		a, err := open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && a.Fingerprint() != before {
			t.Error("the authority changed at a restart")
		}
		before = a.Fingerprint()
		a.Close()
	}
	text, err := os.ReadFile(filepath.Join(dir, caName+".json"))
	if err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]func() error{
		"cut": func() error { return os.WriteFile(filepath.Join(dir, caName+".json"), text[:len(text)/2], 0o600) },
		"lost": func() error {
			return errors.Join(os.Remove(filepath.Join(dir, caName+".json")), os.Mkdir(filepath.Join(dir, "monitors"), 0o700), os.WriteFile(filepath.Join(dir, "monitors", "x.json"), nil, 0o600))
		},
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if _, err := open(dir); err == nil || !strings.Contains(err.Error(), "backup") {
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
				a, err := open(dir)
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
	a, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.CreateToken([]string{"h:1"}, time.Hour, 0, Labels{}); err != nil {
		t.Fatal(err)
	}
	a.Close()
	for _, name := range []string{"", caName + ".json", "tokens"} {
		full := filepath.Join(dir, name)
		info, err := os.Stat(full)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(full, info.Mode()|0o004); err != nil {
			t.Fatal(err)
		}
		if _, err := open(dir); err == nil || !strings.Contains(err.Error(), "open to others") {
			t.Errorf("%q readable by others: %v", name, err)
		}
		if err := os.Chmod(full, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

// chainOf returns the certificates by which a receiver with these settings proves itself now.
func chainOf(t testing.TB, conf *tls.Config) (chain []*x509.Certificate) {
	t.Helper()
	now, err := conf.GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, der := range now.Certificates[0].Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, c)
	}
	return chain
}

func TestServerCertificateIsGoodForItsNames(t *testing.T) {
	b := newBench(t)
	names := append(LocalNames(), "soc.example.net", "192.0.2.7")
	conf, err := b.ServerTLS(func() []string { return names })
	if err != nil {
		t.Fatal(err)
	}
	good := func(name string) error {
		chain := chainOf(t, conf)
		_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: b.cas.Load().roots, CurrentTime: b.clock})
		return err
	}
	for _, name := range []string{"localhost", "127.0.0.1", "soc.example.net", "192.0.2.7"} {
		if err := good(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if good("other.example.net") == nil {
		t.Error("good for a name that was not given")
	}
	names = append(names, "other.example.net") // the machine got another name
	b.clock = b.clock.Add(namesEvery)
	if err := good("other.example.net"); err != nil {
		t.Errorf("a minute after the machine got the name: %v", err)
	}
	first := chainOf(t, conf)[0]
	b.clock = b.clock.Add(serverLife / 2)
	if err := good("localhost"); err != nil || chainOf(t, conf)[0].Equal(first) {
		t.Errorf("the certificate was not renewed from half of its life: %v", err)
	}
}

// TestClockThatIsSetBack: a machine that started with a wrong clock, years ahead, goes on when it has the right one.
func TestClockThatIsSetBack(t *testing.T) {
	b := newBench(t)
	right := b.clock
	b.clock = right.Add(3 * 365 * 24 * time.Hour)
	conf, err := b.ServerTLS(LocalNames)
	if err != nil {
		t.Fatal(err)
	}
	wrong, _, err := load[ticketValue](b.state, ticketsName)
	if err != nil {
		t.Fatal(err)
	}
	chainOf(t, conf)
	b.authorities()
	b.clock = right
	if err := b.beside().Rotate(); err != nil {
		t.Fatal(err)
	}
	if list := b.authorities().list; len(list) != 2 {
		t.Errorf("%d authorities: what another process changed is not seen", len(list))
	}
	if leaf := chainOf(t, conf)[0]; right.Before(leaf.NotBefore) {
		t.Errorf("the collector's certificate is good from %v", leaf.NotBefore)
	}
	if keys, _, err := load[ticketValue](b.state, ticketsName); err != nil || keys.Keys[0] == wrong.Keys[0] {
		t.Errorf("the key of session tickets is one of %v: %v", keys.Keys[0].Made, err)
	}
}

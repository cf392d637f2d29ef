package agent

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

func TestStateIsPrivateAndRemembersItsEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	for i, c := range []struct{ inOrder, unclean bool }{{true, false}, {false, false}, {true, true}, {true, false}} {
		s, err := openState(dir)
		if err != nil {
			t.Fatal(err)
		}
		if s.unclean != c.unclean {
			t.Errorf("start %d: unclean %v", i, s.unclean)
		}
		s.close(c.inOrder)
	}
	for name, want := range map[string]os.FileMode{".": 0o710, identityDir: 0o700, spoolDir: 0o700} {
		i, err := os.Stat(filepath.Join(dir, name))
		if err != nil || i.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", name, i.Mode(), err, want)
		}
	}
}

func TestStateSetsAnotherHostsIdentityAside(t *testing.T) {
	s, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close(true)
	const key = identityDir + "/key.pem"
	if err := s.root.WriteFile(key, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	old, _ := uuid.NewV4()
	id, _ := uuid.NewV4()
	h := platform.Host{ID: id, Previous: old}
	if err := s.setAside(&h); err != nil {
		t.Fatal(err)
	}
	if _, err := s.root.Stat(key); err == nil {
		t.Error("the other host's key is still in use")
	}
	if b, err := s.root.ReadFile(identityDir + "." + old.String() + "/key.pem"); err != nil || string(b) != "secret" {
		t.Error("the other host's key is gone", err)
	}
	if !h.Previous.IsNil() {
		t.Error("not adopted")
	}
}

func TestStateFolderOfEverybodyIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no mode that tells who may write")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := openState(dir); err == nil || !strings.Contains(err.Error(), "everybody may write") {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v was made in it", left)
	}
}

// Fault 10: what somebody else could have prepared is refused, with the reason, and nothing is made in it.
func TestStateFolderOfOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no owner in a mode")
	}
	at := func() string { return filepath.Join(t.TempDir(), "state") }
	for _, c := range []struct {
		reason string
		make   func(dir string) error
	}{
		{"everybody may write", func(dir string) error { return errors.Join(os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777)) }},
		{"symbolic link", func(dir string) error { return os.Symlink(t.TempDir(), dir) }},
		{"not a directory", func(dir string) error { return os.WriteFile(dir, nil, 0o600) }},
		{"belongs to user 12345", func(dir string) error {
			if os.Geteuid() != 0 {
				return errors.ErrUnsupported
			}
			return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 12345, -1))
		}},
	} {
		dir := at()
		if err := c.make(dir); errors.Is(err, errors.ErrUnsupported) {
			continue // only root can give a folder away
		} else if err != nil {
			t.Fatal(err)
		}
		if s, err := openState(dir); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", c.reason, err)
			if err == nil {
				s.close(true)
			}
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: %v was made in it", c.reason, left)
		}
	}
	// The spool, inside a folder that is as it should be.
	for reason, spoil := range map[string]func(spool string) error{
		"may be written by others": func(d string) error { return os.Chmod(d, 0o777) },
		"symbolic link":            func(d string) error { return errors.Join(os.Remove(d), os.Symlink(t.TempDir(), d)) },
	} {
		c := DefaultConfig()
		c.State = at()
		s, err := openState(c.State)
		if err != nil {
			t.Fatal(err)
		}
		s.close(true)
		if err := spoil(filepath.Join(c.State, spoolDir)); err != nil {
			t.Fatal(err)
		}
		if err := New(c, "test", zap.NewNop()).Run(t.Context()); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("a spool that %s: %v", reason, err)
		}
	}
}

func TestFindToken(t *testing.T) {
	c := Config{State: t.TempDir()}
	if token, origin, err := c.FindToken(); token != "" || err != nil {
		t.Skipf("this machine has a token: %s %v", origin, err)
	}
	if err := os.WriteFile(filepath.Join(c.State, tokenFile), []byte(" argus1.x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if token, origin, err := c.FindToken(); token != "argus1.x" || !strings.HasSuffix(origin, tokenFile) || err != nil {
		t.Errorf("%q from %q: %v", token, origin, err)
	}
	c.Token = "argus1.y"
	if token, _, err := c.FindToken(); token != "argus1.y" || err != nil {
		t.Errorf("%q: %v", token, err)
	}
}

func TestShortNamesAreUniqueAndFit(t *testing.T) {
	used := map[string]bool{manName: true}
	for i, name := range []string{"lo", "eth0", "enp0s31f6", "enp0s20f0u1", "wlan0", "man0", "docker0", "br-6f1a2b3c", "br-6f1a9a3c", "br-6f2b993c"} {
		s := shortName(name, func(n string) bool { return used[n] })
		if used[s] || len(s) == 0 || len(s) > shortNameLen {
			t.Errorf("%s: %q", name, s)
		}
		if i < 2 && s != name {
			t.Errorf("%s became %q", name, s)
		}
		used[s] = true
	}
	for i := range 2000 {
		s := shortName("veth"+strings.Repeat("x", i%9)+string(rune('a'+i%26)), func(n string) bool { return used[n] })
		if used[s] || len(s) > shortNameLen {
			t.Fatalf("%d: %q", i, s)
		}
		used[s] = true
	}
}

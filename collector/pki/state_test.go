package pki

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

func TestFolderKeepsItsPromises(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	one, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := one.Get("ca"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of nothing: %v", err)
	}
	if list, err := one.List("monitors/"); err != nil || len(list) != 0 {
		t.Errorf("List of nothing: %v, %v", list, err)
	}
	if err := one.Remove("monitors/a"); err != nil {
		t.Errorf("Remove of nothing: %v", err)
	}
	first, err := one.Put("monitors/a", []byte("1"), 0)
	if err != nil || first == 0 {
		t.Fatal(first, err)
	}
	for _, revision := range []uint64{0, first + 1} {
		if _, err := two.Put("monitors/a", []byte("2"), revision); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Put over a value with revision %d: %v", revision, err)
		}
	}
	if _, err := two.Put("monitors/b", []byte("2"), first); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Put of a new value with a revision: %v", err)
	}
	second, err := two.Put("monitors/a", []byte("2"), first)
	if err != nil || second == first {
		t.Fatal(second, err)
	}
	if b, revision, err := one.Get("monitors/a"); err != nil || string(b) != "2" || revision != second {
		t.Errorf("%q, %d, %v", b, revision, err)
	}
	if list, err := one.List("monitors/"); err != nil || !slices.Equal(list, []string{"monitors/a"}) {
		t.Errorf("List: %v, %v", list, err)
	}
	if err := errors.Join(two.Remove("monitors/a"), two.Remove("monitors/a")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := one.Get("monitors/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get after Remove: %v", err)
	}
}

func TestUpdatesOfManyAreAllKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	const each = 20
	var wg sync.WaitGroup
	for range 4 {
		s, err := Folder(dir)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for range each {
				if _, err := update(s, "count", func(n *int, _ bool) error { *n++; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n, _, err := load[int](s, "count"); err != nil || n != 4*each {
		t.Errorf("%d updates are kept of %d, %v", n, 4*each, err)
	}
}

// away is a State that can be out of reach, as a cluster can.
type away struct {
	State
	gone atomic.Bool
}

var errAway = errors.New("no route to the cluster")

func (s *away) Get(name string) ([]byte, uint64, error) {
	if s.gone.Load() {
		return nil, 0, errAway
	}
	return s.State.Get(name)
}

// TestStateOutOfReach: what is not known now is not refused for ever; what is known serves on.
func TestStateOutOfReach(t *testing.T) {
	b := newBench(t)
	s := &away{State: b.state}
	b.state = s
	key, id := newKey(t), uuid.Must(uuid.NewV4())
	cert, err := b.enroll(key, id, b.token(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Verify(cert); err != nil {
		t.Fatal(err)
	}
	conf, err := b.ServerTLS(LocalNames)
	if err != nil {
		t.Fatal(err)
	}
	s.gone.Store(true)
	if _, err := b.Verify(cert); err != nil {
		t.Errorf("what was read a moment ago: %v", err)
	}
	b.clock = b.clock.Add(2 * recheck)
	for what, err := range map[string]error{
		"Verify": func() error { _, err := b.Verify(cert); return err }(),
		"Enroll": func() error { _, err := b.enroll(key, id, ""); return err }(),
		"Renew":  func() error { _, err := b.Renew(cert, &wire.RenewRequest{CSR: csr(t, key, id)}); return err }(),
	} {
		if _, refused := errors.AsType[*Refusal](err); err == nil || refused {
			t.Errorf("%s without the state: %v, want an error that is no refusal", what, err)
		}
	}
	if err := b.reaches(chainOf(t, conf), b.cas.Load().current().cert); err != nil {
		t.Errorf("handshakes without the state: %v", err)
	}
	s.gone.Store(false)
	if _, err := b.Verify(cert); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// putUnsynced writes a value without the cost of making it durable.
func (f *folder) putUnsynced(name string, v any) (uint64, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	if err := f.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return 0, err
	}
	return revisionOf(text), f.root.WriteFile(fileOf(name), text, 0o600)
}

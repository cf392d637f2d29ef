package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

func openKV(t *testing.T) *KV {
	t.Helper()
	s, err := StartServer(t.TempDir(), 64<<20, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if _, err := OpenKV(t.Context(), nc, "test", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a bucket that is not there: %v", err)
	}
	if _, err := OpenKV(t.Context(), nc, "test", true); err != nil {
		t.Fatal(err)
	}
	k, err := OpenKV(t.Context(), nc, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestKVHoldsWhatStatesMust is the contract of pki.State.
func TestKVHoldsWhatStatesMust(t *testing.T) {
	k := openKV(t)
	if _, _, err := k.Get("tokens/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get of nothing: %v", err)
	}
	first, err := k.Put("tokens/a", []byte("one"), 0)
	if err != nil || first == 0 {
		t.Fatal(first, err)
	}
	if _, err := k.Put("tokens/a", []byte("other"), 0); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one: %v", err)
	}
	second, err := k.Put("tokens/a", []byte("two"), first)
	if err != nil || second == first {
		t.Fatal(second, err)
	}
	if _, err := k.Put("tokens/a", []byte("late"), first); !errors.Is(err, fs.ErrExist) {
		t.Errorf("with the revision before: %v", err)
	}
	if v, r, err := k.Get("tokens/a"); string(v) != "two" || r != second || err != nil {
		t.Errorf("%q %d %v", v, r, err)
	}
	for _, name := range []string{"tokens/b", "monitors/c", "ca"} {
		if _, err := k.Put(name, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	names, err := k.List("tokens/")
	slices.Sort(names)
	if !slices.Equal(names, []string{"tokens/a", "tokens/b"}) || err != nil {
		t.Errorf("list %v, %v", names, err)
	}
	if err := errors.Join(k.Remove("tokens/a"), k.Remove("tokens/a")); err != nil {
		t.Error(err)
	}
	if _, _, err := k.Get("tokens/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get of what was removed: %v", err)
	}
	if _, err := k.Put("tokens/a", []byte("anew"), 0); err != nil {
		t.Errorf("put of what was removed: %v", err)
	}
	if names, err := k.List("none/"); len(names) > 0 || err != nil {
		t.Errorf("list of nothing: %v, %v", names, err)
	}
}

func TestShardsKeepEachMonitorTogether(t *testing.T) {
	s, err := StartServer(t.TempDir(), 64<<20, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	const shards, monitors = 4, 40
	j, err := Open(t.Context(), nc, shards, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ready, followed := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for _, err := range j.Follow(ctx, func() { close(ready) }) {
			if n++; err != nil || n == 2*monitors {
				break
			}
		}
		followed <- n
	}()
	<-ready
	var want [shards][]string
	for n := range uint64(2 * monitors) {
		b := batch(n)
		b.Monitor = uuid.UUID{15: byte(n % monitors)}
		if err := j.Append(ctx, b); err != nil {
			t.Fatal(err)
		}
		k := j.Shard(b.Monitor)
		want[k] = append(want[k], fmt.Sprint(b.Monitor, b.First))
	}
	for k := range shards {
		if len(want[k]) < monitors/shards {
			t.Errorf("shard %d has %d of %d batches", k, len(want[k]), 2*monitors)
		}
		var got []string
		for e, err := range j.Batches(ctx, k) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, fmt.Sprint(e.Monitor, e.First)); len(got) == len(want[k]) {
				break
			}
		}
		if !slices.Equal(got, want[k]) {
			t.Errorf("shard %d has %v, want %v", k, got, want[k])
		}
	}
	if n := <-followed; n != 2*monitors {
		t.Errorf("%d of %d batches were followed", n, 2*monitors)
	}
	if _, err := Open(ctx, nc, shards+1, 0); err == nil {
		t.Error("a stream that is not there was found")
	}
}

func TestClusterSecretsStayInFiles(t *testing.T) {
	for _, c := range []Cluster{
		{URLs: []string{"nats://me:hush@n1:4222"}},
		{URLs: []string{"nats://hush@n1:4222"}},
		{URLs: []string{"nats://me:hush@n1:42%zz22"}},
		{URLs: []string{"http://n1"}},
		{URLs: []string{"nats://"}},
		{URLs: []string{"nats://n1"}, Cert: "cert.pem"},
		{URLs: []string{"nats://n1"}, Creds: "/none"},
		{Creds: "creds"},
	} {
		if err := c.Check(); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := (&Cluster{URLs: []string{"nats://n1", "tls://[::1]:4222"}}).Check(); err != nil {
		t.Error(err)
	}
}

// TestInsist: what is lost in an election is asked again, soon, and for as long as the caller has time.
func TestInsist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, lost := time.Now(), 2
		ask := func(ctx context.Context) (string, error) {
			if lost--; lost >= 0 {
				<-ctx.Done()
				return "", ctx.Err()
			}
			return "there", nil
		}
		got, err := insist(t.Context(), ask)
		if took := time.Since(began); got != "there" || err != nil || took > 10*time.Second {
			t.Errorf("%q, %v after %v", got, err, took)
		}
		lost = 1 << 30
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began = time.Now()
		if _, err := insist(ctx, ask); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

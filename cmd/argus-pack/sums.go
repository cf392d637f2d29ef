package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const sumsFile = "SHA256SUMS"

// sums writes the list of sums, as sha256sum -c reads it.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out) // in order
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, sumsFile), []byte(b.String()), 0o644)
}

// crew runs functions side by side, two at a time, and keeps the first error.
type crew struct {
	wg    sync.WaitGroup
	slots chan struct{}
	once  sync.Once
	err   error
}

func (g *crew) run(f func() error) {
	if g.slots == nil {
		g.slots = make(chan struct{}, 2)
	}
	g.slots <- struct{}{}
	g.wg.Go(func() {
		defer func() { <-g.slots }()
		if err := f(); err != nil {
			g.once.Do(func() { g.err = err })
		}
	})
}

func (g *crew) wait() error {
	g.wg.Wait()
	return g.err
}

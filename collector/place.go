package collector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
)

// Place says where a collector's things are: all in one state folder, or, of a fleet's collector, the small shared state and the
// journal in a NATS cluster and the Parquet files in a store that all its machines reach.
type Place struct {
	State string          // folder of everything that is kept on this machine
	Store string          // a folder or s3://bucket/prefix; empty: the folder store in State
	Nats  journal.Cluster // no URL: all is in State
}

// The parts of a state folder.
const (
	pkiDir     = "pki"
	journalDir = "journal"
	storeDir   = "store"
	socketFile = "admin.sock"
	lockFile   = "lock"
)

// Clustered tells whether the shared state and the journal are in a cluster.
func (p *Place) Clustered() bool { return len(p.Nats.URLs) > 0 }

// Check tells what is wrong with p and what to do about it.
func (p *Place) Check() error {
	if p.State == "" {
		return errors.New("the state folder is empty: give one with --state")
	}
	return p.Nats.Check()
}

// StoreLocation returns where the Parquet files are.
func (p *Place) StoreLocation() string {
	if p.Store != "" {
		return p.Store
	}
	return filepath.Join(p.State, storeDir)
}

// errNoStore: a folder on one machine is not what the writers of a cluster share, each of which may be on another one.
var errNoStore = errors.New("the writers of a cluster share a store: name it with --store")

// OpenView opens what the store holds now. fs.ErrNotExist: nothing has been stored yet.
func (p *Place) OpenView(ctx context.Context) (*store.View, error) {
	if p.Clustered() && p.Store == "" {
		return nil, errNoStore
	}
	b, err := store.OpenBucket(p.StoreLocation())
	if err != nil {
		return nil, err
	}
	return store.OpenView(ctx, b)
}

// OpenAuthority opens the certificate authority, and makes it when there is none.
func (p *Place) OpenAuthority(ctx context.Context) (*pki.Authority, error) {
	if p.Clustered() {
		return p.sharedAuthority(ctx, true)
	}
	if err := p.makeState(); err != nil {
		return nil, err
	}
	return p.openAuthority()
}

// FindAuthority opens the certificate authority of a place that has one; else fs.ErrNotExist.
func (p *Place) FindAuthority(ctx context.Context) (*pki.Authority, error) {
	if p.Clustered() {
		return p.sharedAuthority(ctx, false)
	}
	if _, err := os.Stat(filepath.Join(p.State, pkiDir)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no collector's state in %s (give its folder with --state): %w", p.State, err)
	} else if err != nil {
		return nil, fmt.Errorf("the collector's state: %w", err)
	}
	return p.openAuthority()
}

func (p *Place) openAuthority() (*pki.Authority, error) {
	folder, err := pki.Folder(filepath.Join(p.State, pkiDir))
	if err != nil {
		return nil, err
	}
	return pki.Open(folder)
}

// sharedAuthority opens the authority in the cluster, over a connection of its own.
func (p *Place) sharedAuthority(ctx context.Context, create bool) (*pki.Authority, error) {
	conn, err := p.Nats.Connect(ctx, "argus-collector authority")
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	kv, err := journal.OpenKV(limited, conn, bucketPKI, create)
	if err != nil {
		conn.Close()
		return nil, err
	}
	authority, err := pki.Open(kv)
	if err != nil {
		return nil, errors.Join(err, kv.Close())
	}
	return authority, nil
}

// makeState makes the state folder when there is none, and refuses one into which everybody can write.
func (p *Place) makeState() error {
	if err := os.MkdirAll(p.State, 0o750); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	return checkOwner(p.State)
}

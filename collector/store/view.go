package store

import (
	"fmt"
	"os"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// View is what a store held at one moment, for queries beside a writer, in any process.
type View struct {
	root *os.Root
	state
}

// OpenView reads the manifest of the store in dir. Later commits are not seen.
func OpenView(dir string) (*View, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	st, _, err := readManifest(root)
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("store in %s: %w", dir, err)
	}
	return &View{root, st}, nil
}

// Close releases the folder.
func (v *View) Close() error { return v.root.Close() }

// Files returns the data files, in the order of their commits.
func (v *View) Files() []File { return v.files }

// Marks returns all watermarks, by monitor and then by the time of the first batch.
func (v *View) Marks() []Mark { return v.sortedMarks() }

// Gaps returns the runs of sequences that are missing in an epoch, at most the first thousand.
func (v *View) Gaps(monitor uuid.UUID, epoch wire.Epoch) []Gap {
	return v.gaps[epochKey{monitor, epoch}]
}

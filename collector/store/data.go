package store

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
)

// create makes a data file of a table of what encode writes, which goes to the bucket as it comes, and notes its name, hour and
// octets in f. It counts when a commit names it; until then, abandon takes it back.
func (m *manifest) create(ctx context.Context, f *File, table string, hour int64, encode func(io.Writer) error) error {
	dir, at := partition(table, hour)
	f.Name, f.Hour = path.Join(dir, fmt.Sprintf("%04d-%s.parquet", m.shard, uuid.Must(uuid.NewV7()))), at
	m.mu.Lock()
	m.writing[f.Name] = true
	m.mu.Unlock()
	from, to := io.Pipe()
	encoded := make(chan error, 1)
	count := &counter{w: to}
	go func() {
		err := encode(count)
		to.CloseWithError(err)
		encoded <- err
	}()
	err := m.bucket.Put(ctx, f.Name, -1, from)
	from.CloseWithError(err) // the writer ends, whatever Put has read
	if e := <-encoded; err == nil {
		err = e
	}
	f.Bytes = count.n
	return err
}

// abandon removes data files that no commit will name.
func (m *manifest) abandon(ctx context.Context, files []File) error {
	for _, f := range files {
		if err := m.bucket.Remove(ctx, f.Name); err != nil {
			return err
		}
		m.mu.Lock()
		delete(m.writing, f.Name)
		m.mu.Unlock()
	}
	return nil
}

// shardOf returns the shard whose writer has made a data file: 0 for those of the first version, which do not say.
func shardOf(name string) int {
	digits, _, _ := strings.Cut(path.Base(name), "-")
	if n, err := strconv.Atoi(digits); err == nil && len(digits) == 4 {
		return n
	}
	return 0
}

func partition(table string, hour int64) (dir string, at time.Time) {
	at = time.UnixMicro(hour).UTC()
	return path.Join(table, "hour="+at.Format("2006-01-02T15")), at
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

package store

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
)

// putsAtOnce data files are on their way to the bucket at a time: those of many hours come together when agents return.
const putsAtOnce = 8

// put is a data file on its way.
type put struct {
	done chan struct{}
	err  error // once done is closed
}

// create makes a data file of a table of what encode writes, which goes to the bucket as it comes, and notes its name, hour,
// octets and their sum in f. It returns when all is encoded; commit, replace and abandon wait until the bucket has it.
func (m *manifest) create(ctx context.Context, f *File, table string, hour int64, encode func(io.Writer) error) error {
	dir, at := partition(table, hour)
	f.Name, f.Hour = path.Join(dir, fmt.Sprintf("%04d-%s.parquet", m.shard, uuid.Must(uuid.NewV7()))), at
	name, p := f.Name, &put{done: make(chan struct{})}
	m.mu.Lock()
	m.writing[name] = p
	m.mu.Unlock()
	from, to := io.Pipe()
	m.slots <- struct{}{}
	go func() {
		defer func() { <-m.slots }()
		p.err = m.bucket.Put(ctx, name, -1, from)
		if errors.Is(p.err, fs.ErrExist) { // nobody else makes this name: an earlier try had come through
			p.err = nil
		}
		from.CloseWithError(p.err) // the writer ends, whatever Put has read
		close(p.done)
	}()
	count := &counter{w: to}
	err := encode(count)
	to.CloseWithError(err)
	f.Bytes, f.Sum = count.n, count.sum
	return err
}

// settle returns when no data file is on its way any more. Others may begin meanwhile: Compact is beside it.
func (m *manifest) settle() {
	for range cap(m.slots) {
		m.slots <- struct{}{}
	}
	for range cap(m.slots) {
		<-m.slots
	}
}

// landed returns when the bucket has the data files, or one of them has failed.
func (m *manifest) landed(files []File) error {
	for _, f := range files {
		m.mu.RLock()
		p := m.writing[f.Name]
		m.mu.RUnlock()
		if p == nil {
			continue
		}
		if <-p.done; p.err != nil {
			return p.err
		}
	}
	return nil
}

// abandon removes data files that no commit will name.
func (m *manifest) abandon(ctx context.Context, files []File) error {
	_ = m.landed(files) // those that are not there need no removing
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

// counter counts and sums up what is written.
type counter struct {
	w   io.Writer
	n   int64
	sum uint32 // CRC-32C
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.sum = crc32.Update(c.sum, castagnoli, b[:n])
	return n, err
}

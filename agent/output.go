package agent

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// outputs append the records that go to the spool to files too, as the Argus sensor does (ARGUS_OUTPUT_FILE).
type outputs struct {
	list []*output
	wg   sync.WaitGroup
}

// output is one such file. When it is moved away or deleted, as argusarchive and logrotate do, the next records go to a new one.
type output struct {
	path  string
	enc   argus.Encoder                            // of its version
	begin func() []byte                            // the record with which a file begins
	note  func(why string, lost uint64, err error) // says that records are missing, and why
	queue chan []byte
	lost  atomic.Uint64 // blocks that the disk was too slow for or had no room for
	said  atomic.Int64  // when that was said, ns since 1970

	file  *os.File
	size  int64
	retry time.Time // not to be opened before
	buf   []byte
}

const (
	outputBacklog = 64 // blocks of records that a file may be behind: at 16 KiB each, 1 MiB
	outputRetry   = 5 * time.Second
)

// open begins to write the configured files.
func (a *Agent) openOutputs() {
	add := func(path string, version argus.Version) {
		o := &output{path: path, enc: argus.Encoder{Version: version, Monitor: a.host.ID, Interface: manName}, queue: make(chan []byte, outputBacklog)}
		o.begin = func() []byte { return o.enc.AppendManagement(nil, a.mar.start(time.Now())) }
		o.note = func(why string, lost uint64, err error) {
			a.log.Warn("records are missing in a file", zap.String("code", "output-file"), zap.String("file", path), zap.String("why", why),
				zap.Uint64("blocks", lost), zap.Error(err))
		}
		a.outputs.list = append(a.outputs.list, o)
		a.outputs.wg.Go(o.run)
	}
	for _, path := range a.config.OutputFile {
		add(path, argus.V5)
	}
	for _, path := range a.config.OutputFileV3 {
		add(path, argus.V3)
	}
}

// publish copies records for the files. It waits for none.
func (s *outputs) publish(records []byte) {
	if len(s.list) == 0 {
		return
	}
	block := bytes.Clone(records)
	for _, o := range s.list {
		select {
		case o.queue <- block:
		default:
			o.miss("the disk is too slow", nil)
		}
	}
}

// close writes what there is and ends.
func (s *outputs) close() {
	for _, o := range s.list {
		close(o.queue)
	}
	s.wg.Wait()
}

func (o *output) run() {
	for block := range o.queue {
		if err := o.write(block); err != nil {
			o.miss("it cannot be written", err)
		}
	}
	if o.file != nil {
		_ = o.file.Close()
	}
}

// miss counts a block that is not in the file, and says so at most once a minute.
func (o *output) miss(why string, err error) {
	n, now, last := o.lost.Add(1), time.Now().UnixNano(), o.said.Load()
	if now-last >= int64(time.Minute) && o.said.CompareAndSwap(last, now) {
		o.note(why, n, err)
	}
}

var errPaused = errors.New("another try comes later")

// write appends a block in one piece: what the disk took of it is taken back when it did not take all.
func (o *output) write(block []byte) error {
	if err := o.reopen(); err != nil {
		return err
	}
	if o.enc.Version == argus.V3 {
		o.buf = o.buf[:0]
		for r, err := range argus.Records(block) {
			if err == nil {
				o.buf = o.enc.AppendRecord(o.buf, r)
			}
		}
		block = o.buf
	}
	return o.append(block)
}

func (o *output) append(b []byte) error {
	n, err := o.file.Write(b)
	if err == nil {
		o.size += int64(n)
		return nil
	}
	if n > 0 {
		err = errors.Join(err, o.file.Truncate(o.size))
	}
	_ = o.file.Close()
	o.file, o.retry = nil, time.Now().Add(outputRetry)
	return err
}

// reopen sees to it that the file is open and the one of its name.
func (o *output) reopen() error {
	if o.file != nil {
		here, err := os.Stat(o.path)
		mine, merr := o.file.Stat()
		if err == nil && merr == nil && os.SameFile(here, mine) && here.Size() >= o.size { // a file cut to nothing begins anew
			return nil
		}
		_ = o.file.Close()
		o.file = nil
	}
	if time.Now().Before(o.retry) {
		return errPaused
	}
	file, size, err := openOutput(o.path)
	if err != nil {
		o.retry = time.Now().Add(outputRetry)
		return err
	}
	o.file, o.size = file, size
	return o.append(o.begin())
}

// openOutput opens a file to append to, which must be new, empty or a stream of records.
func openOutput(path string) (*os.File, int64, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // to open a pipe would wait for its reader
		return nil, 0, fmt.Errorf("%s: %w: not a regular file", path, fs.ErrInvalid)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	var size int64
	if err == nil && info.Size() > 0 {
		var head [16]byte
		if _, rerr := file.ReadAt(head[:], 0); rerr != nil || !argus.IsStream(head[:]) {
			err = fmt.Errorf("%s: %w: it holds something else than Argus records", path, fs.ErrExist)
		} else if size, err = wholeRecords(file); err == nil && size < info.Size() {
			err = file.Truncate(size)
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, err
	}
	return file, size, nil
}

// wholeRecords returns where the last whole record of a file ends: a power cut may leave a part of one, behind which nothing could be
// read.
func wholeRecords(file *os.File) (size int64, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(file, 0, math.MaxInt64), 1<<16)
	for {
		head, err := in.Peek(4)
		if errors.Is(err, io.EOF) {
			return size, nil
		} else if err != nil {
			return 0, err
		}
		n := 4 * (int(head[2])<<8 | int(head[3]))
		if v := argus.Version(head[0] & 0x0f); n == 0 || v != argus.V3 && v != argus.V5 {
			return 0, fmt.Errorf("%s: %w at octet %d: move the file away", file.Name(), argus.ErrFormat, size)
		}
		if _, err := in.Discard(n); errors.Is(err, io.EOF) {
			return size, nil
		} else if err != nil {
			return 0, err
		}
		size += int64(n)
	}
}

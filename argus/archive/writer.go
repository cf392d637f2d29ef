package archive

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// maxOpen is how many files are open at once; the one that was not written for longest is closed for another.
const maxOpen = 128

// Config says which files a Writer writes.
type Config struct {
	// Name is that of the file, "-" for the standard output. $srcid and $inf stand for the record's sensor and interface,
	// %Y %m %d %H %M %S for the local time at which the file's interval begins: $srcid/%Y/%m/%d/argus.%Y.%m.%d.%H.%M.%S is
	// the style of Argus archives. Folders are made. A name that ends in .gz is written by gzip.
	Name string

	Every  time.Duration // a file holds records that begin in one interval of this length; 0: of any time
	Size   int64         // when a file has this many octets another is begun, with .1, .2 and so on behind its name; 0: never
	Inputs []string      // files that are being read: writing to one of them is refused
}

// Writer writes records to files. Each begins with a START record, and whatever happens to the program it can be read: what is
// written at once are whole records, and of a gzip file whole members. An existing file is continued, as ra does, after
// what a crash has left at its end is cut off.
type Writer struct {
	config  Config
	pattern pattern
	inputs  []os.FileInfo
	open    map[string]*stream
	last    *stream // of the record before
	from    time.Time
	to      time.Time // last takes records of last's sensor that begin in [from, to)
	stamp   uint64
	gzip    member
	of      argus.ID // who sent the last START record
	mar     []byte   // and what it was
}

// Create checks a configuration. The first file is made by the first record that is written, or by Close, so that the
// result exists.
func Create(c Config) (*Writer, error) {
	if c.Every < 0 || c.Size < 0 || c.Every > 0 && c.Every < time.Second {
		return nil, fmt.Errorf("%s: files of %v and %d octets: the least interval is a second", c.Name, c.Every, c.Size)
	}
	p, err := parsePattern(c.Name, c.Every > 0)
	if err != nil {
		return nil, err
	}
	if c.Name == "-" && (c.Every > 0 || c.Size > 0) {
		return nil, errors.New("the standard output is one stream: it has no files of a time or size")
	}
	w := &Writer{config: c, pattern: p, open: map[string]*stream{}}
	for _, name := range c.Inputs {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			w.inputs = append(w.inputs, info)
		}
	}
	if p.timed || p.keyed {
		return w, nil
	}
	_, err = w.stream(p.text) // so that its faults are seen before anything is read
	return w, err
}

// begin returns the time that says into which file a record goes.
func begin(r *argus.Record) time.Time {
	switch r.Kind {
	case argus.KindFlow:
		t, _ := r.Flow.Span()
		return time.Unix(0, t)
	case argus.KindManagement:
		return time.Unix(0, r.Management.Now)
	case argus.KindEvent:
		return time.Unix(0, r.Event.Start)
	}
	return time.Time{}
}

// Write writes a record as it is: its Raw. Where files are named by what is in them, a START record begins none, but all that
// its sensor's records begin.
func (w *Writer) Write(r *argus.Record) error {
	if (w.pattern.timed || w.pattern.keyed) && argus.IsStream(r.Raw) {
		w.of, w.mar = r.Monitor, append(w.mar[:0], r.Raw...)
		return nil
	}
	s, err := w.choose(r)
	if err != nil {
		return err
	}
	if w.config.Size > 0 && s.size+int64(len(s.buf)) >= w.config.Size && s.begun {
		if s, err = w.next(s, r); err != nil {
			return err
		}
	}
	if !s.begun && !argus.IsStream(r.Raw) {
		s.add(w.start(r))
	}
	s.begun = true
	w.stamp++
	s.used = w.stamp
	s.add(r.Raw)
	if len(s.buf) >= s.limit() {
		return w.flush(s)
	}
	return nil
}

// choose returns the stream for a record.
func (w *Writer) choose(r *argus.Record) (*stream, error) {
	if !w.pattern.timed && !w.pattern.keyed {
		return w.last, nil
	}
	t := begin(r)
	if l := w.last; l != nil && l.monitor == r.Monitor && l.inf == r.Interface && (r.Kind == argus.KindOther || !t.Before(w.from) && t.Before(w.to)) {
		return l, nil
	}
	from, to := t, time.Unix(1<<40, 0)
	if w.config.Every > 0 {
		from = slot(t, w.config.Every)
		to = from.Add(w.config.Every)
	} else if w.pattern.timed {
		if s := w.sensor(r); s != nil { // its file has the time of its first record
			w.last, w.from, w.to = s, time.Unix(-1<<40, 0), to
			return s, nil
		}
	}
	s, err := w.stream(w.pattern.expand(r, from))
	if err != nil {
		return nil, err
	}
	s.monitor, s.inf = r.Monitor, r.Interface
	w.last, w.from, w.to = s, from, to
	return s, nil
}

// sensor returns the open stream of a record's sensor and interface, of any of them if the name tells of none.
func (w *Writer) sensor(r *argus.Record) *stream {
	for _, s := range w.open {
		if !w.pattern.keyed || s.monitor == r.Monitor && s.inf == r.Interface {
			return s
		}
	}
	return nil
}

// stream returns the open stream of a name, or opens it.
func (w *Writer) stream(name string) (*stream, error) {
	s := w.open[name]
	if s != nil {
		w.last = s
		return s, nil
	}
	if len(w.open) >= maxOpen {
		if err := w.closeOldest(); err != nil {
			return nil, err
		}
	}
	s, err := openStream(name, w.inputs, w.config.Size)
	if err == nil {
		w.open[name], w.last = s, s
	}
	return s, err
}

// next continues a stream in another file: of a later time if its name says one, else of a higher number.
func (w *Writer) next(s *stream, r *argus.Record) (*stream, error) {
	if err := w.close(s); err != nil {
		return nil, err
	}
	name := s.name
	if w.pattern.timed && w.config.Every == 0 {
		name = w.pattern.expand(r, begin(r))
	}
	n, err := w.stream(name)
	if err == nil {
		n.monitor, n.inf = s.monitor, s.inf
	}
	return n, err
}

// start returns a START record of the sensor that made r: its own, if it was the last one to send one.
func (w *Writer) start(r *argus.Record) []byte {
	if len(w.mar) > 0 && w.of == r.Monitor && argus.Version(w.mar[0]&0x0f) == r.Version {
		return w.mar
	}
	t := begin(r).UnixNano()
	e := argus.Encoder{Version: r.Version}
	return e.AppendRecord(nil, &argus.Record{
		Kind: argus.KindManagement, Version: r.Version, Cause: flow.CauseStart, Monitor: r.Monitor,
		Management: argus.Management{Cause: flow.CauseStart, Sequence: r.Sequence, Start: t, Now: t, LinkType: 1, FlowInterval: 5, Interval: 60},
	})
}

// Flush brings what was written to the files. Of a gzip file it does so only once a minute, or there would be more frames
// of gzip than records.
func (w *Writer) Flush() error {
	for _, s := range w.open {
		if !s.gzip || time.Since(s.since) > time.Minute {
			if err := w.flush(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close writes what is left and closes the files.
func (w *Writer) Close() (err error) {
	for _, s := range w.open {
		err = errors.Join(err, w.close(s))
	}
	return err
}

func (w *Writer) closeOldest() error {
	var oldest *stream
	for _, s := range w.open {
		if oldest == nil || s.used < oldest.used {
			oldest = s
		}
	}
	return w.close(oldest)
}

func (w *Writer) close(s *stream) error {
	delete(w.open, s.name)
	err := w.flush(s)
	if s.name == "-" {
		return err
	}
	return errors.Join(err, s.file.Close())
}

func (w *Writer) flush(s *stream) error {
	if len(s.buf) == 0 {
		return nil
	}
	octets := s.buf
	if s.gzip {
		octets = w.gzip.compress(s.buf)
	}
	s.buf = s.buf[:0]
	return s.write(octets)
}

// WriteAll writes encoded records.
func (w *Writer) WriteAll(records []byte) error {
	if w.pattern.timed || w.pattern.keyed || w.config.Size > 0 || w.last == nil {
		for r, err := range argus.Records(records) {
			if err == nil {
				err = w.Write(r)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return w.Write(&argus.Record{Kind: argus.KindOther, Raw: records})
}

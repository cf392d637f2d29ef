package fields

import (
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// cell is a column made ready to be printed.
type cell struct {
	*field
	width      int
	octets     int    // of data, that are shown
	left       bool   // its text begins at the left edge
	management *field // what a management record shows in it, nil for nothing
	event      *field // what an event record shows
}

// of returns the field that a record shows in the cell, nil for none.
func (c *cell) of(r *argus.Record) *field {
	switch r.Kind {
	case argus.KindManagement:
		return c.management
	case argus.KindEvent:
		return c.event
	}
	return c.field
}

// cells are the columns of a printer, with what it counts.
type cells struct {
	style Style
	list  []cell

	rank        uint64 // of the flow record, from 1
	first       int64  // begin of the first flow record, ns since 1970
	last, start int64  // begins of the flow record before, and of this one
}

func newCells(c Columns, s Style) cells {
	p := cells{style: s.valid()}
	for _, column := range c {
		f, width := column.field, column.width
		if width == 0 {
			width = int(f.width)
			if f.kind == moment {
				width = 12 + p.style.Precision
			}
		}
		add := cell{field: f, width: width, left: f.leftAligned()}
		if f.kind == data {
			add.octets, add.width = width, width+len("s[65535]=")-1
		}
		add.management, add.event = among(managementFields[:], f.name), among(eventFields[:], f.name)
		p.list = append(p.list, add)
	}
	return p
}

// prints tells whether records of this kind are printed, and counts flows.
func (p *cells) prints(r *argus.Record) bool {
	if r.Kind == argus.KindFlow {
		p.last = p.start
		p.start, _ = r.Flow.Span()
		if p.rank++; p.rank == 1 {
			p.first = p.start
		}
	}
	return r.Kind != argus.KindOther
}

// number returns a field's number and its kind.
func (p *cells) number(f *field, r *argus.Record) (v uint64, k kind, ok bool) {
	if f.kind != running {
		v, ok = f.get(r)
		return v, f.kind, ok
	}
	ns, other := int64(0), &r.Added.Correlate
	switch ok = p.rank > 1; f.name {
	case "rank":
		return p.rank, whole, true
	case "idle": // since the flow's last packet
		_, end := r.Flow.Span()
		ns, ok = max(time.Now().UnixNano()-end, 0), true
	case "rtime": // since the first record
		ns, ok = p.start-p.first, true
	case "dlstime": // since the record before, or as another sensor saw the flow
		if other.Count > 0 {
			return uint64(int64(other.Start) * 1000), span, true
		}
		ns = p.start - p.last
	}
	return uint64(ns), span, ok
}

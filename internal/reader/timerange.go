package reader

import (
	"time"
)

// TimeRange chooses records by their time. The zero range has all.
type TimeRange struct {
	kind  byte // 0: everything; i: records that were active in it, n: that include it, c: that it contains
	not   bool
	begin moment
	end   *moment // nil: length says it
	// length is from begin on, or up to begin with back.
	length span
	back   bool
	open   bool // it has no end
	now    time.Time
}

// The fields of a time, from the largest to the smallest unit.
const (
	year = iota
	month
	day
	hour
	minute
	second
	units
)

const (
	unset = -1
	wild  = -2 // a wildcard
)

// moment is a time whose fields may be wildcards or, above the first and below the last that are given, unset.
type moment struct {
	field [units]int
	least int // the smallest unit that is given
}

// span is so many units of time.
type span [units]int

func (s span) add(t time.Time, sign int) time.Time {
	d := time.Duration(s[hour])*time.Hour + time.Duration(s[minute])*time.Minute + time.Duration(s[second])*time.Second
	return t.AddDate(sign*s[year], sign*s[month], sign*s[day]).Add(time.Duration(sign) * d)
}

// floor returns the begin of the unit that t is in.
func floor(t time.Time, unit int) time.Time {
	f := fieldsOf(t)
	for i := unit + 1; i < units; i++ {
		f[i] = least(i)
	}
	return date(f, t.Location())
}

func fieldsOf(t time.Time) [units]int {
	return [units]int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()}
}

// least is the smallest value of a field.
func least(unit int) int {
	if unit == month || unit == day {
		return 1
	}
	return 0
}

func date(f [units]int, zone *time.Location) time.Time {
	return time.Date(f[year], time.Month(f[month]), f[day], f[hour], f[minute], f[second], 0, zone)
}

// at returns the moment with t's values for its wildcards. There may be none, as of a 31st in another month.
func (m *moment) at(t time.Time) (time.Time, bool) {
	f, given := m.field, fieldsOf(t)
	for i := range f {
		switch {
		case f[i] == wild:
			f[i] = given[i]
		case f[i] == unset && i > m.least:
			f[i] = least(i)
		}
	}
	d := date(f, t.Location())
	return d, fieldsOf(d) == f
}

// smallest returns the smallest unit that is a wildcard, unset for none.
func (m *moment) smallest() int {
	for i := second; i >= 0; i-- {
		if m.field[i] == wild {
			return i
		}
	}
	return unset
}

// interval returns when the range begins and ends, at the wildcards' values of t.
func (r *TimeRange) interval(t time.Time) (from, to time.Time, ok bool) {
	if from, ok = r.begin.at(t); !ok {
		return from, to, false
	}
	switch {
	case r.end != nil:
		to, ok = r.end.at(t)
	case r.back:
		from, to = r.length.add(from, -1), from
	case r.open:
		to = time.Unix(1<<40, 0)
	default:
		to = r.length.add(from, 1)
	}
	return from, to, ok && from.Before(to)
}

// Bounds returns the time in which a record must have been active, zero times where there is no bound. Match decides.
func (r *TimeRange) Bounds() (since, until time.Time) {
	if r.kind == 0 || r.not || r.begin.smallest() != unset {
		return since, until
	}
	since, until, _ = r.interval(r.now)
	if until = until.Add(time.Millisecond); r.open { // what begins at the end belongs to the range
		until = time.Time{}
	}
	return since, until
}

// Match tells whether a record that was active from begin to end is in the range, both in nanoseconds since 1970.
func (r *TimeRange) Match(begin, end int64) bool {
	if r.kind == 0 {
		return true
	}
	b, e := time.Unix(0, begin).In(r.now.Location()), time.Unix(0, end).In(r.now.Location())
	unit := r.begin.smallest()
	if unit == unset {
		return r.holds(r.now, b, e) != r.not
	}
	var step span
	step[unit] = 1
	for t, n := floor(b, unit), 0; !t.After(e); t = step.add(t, 1) {
		if n++; n > 10_000 || r.holds(t, b, e) { // in a record that long the time comes round
			return !r.not
		}
	}
	return r.not
}

// holds compares with the range at the wildcards' values of t.
func (r *TimeRange) holds(t, b, e time.Time) bool {
	from, to, ok := r.interval(t)
	if !ok {
		return false
	}
	switch r.kind {
	case 'n':
		return !b.After(from) && !e.Before(to)
	case 'c':
		return !b.Before(from) && !e.After(to)
	}
	return !b.After(to) && (e.After(from) || !b.Before(from)) // for ra what begins at an end is in it, what ends at its begin is not
}

package reader

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var errTime = errors.New(`want a time as ra takes it: 14 or 14:10 (today), 21.14:10, 11/21, 2026/11/21.14:10:30, 2026/11, 2026, seconds since 1970, ` +
	`* for any value; from-to, from+5m, from-5m; or -10m (the last ten minutes), -2h+5m; before it i, n or c, or x for the contrary`)

// The times of records are nanoseconds since 1970 in 63 bits.
var firstTime, lastTime = time.Unix(0, 0), time.Unix(0, math.MaxInt64)

// ParseTimeRange reads a range as ra's -t takes it (man ra), in now's zone: [x][i|n|c] FROM, FROM-TO, FROM+LENGTH or FROM-LENGTH, or
// -LENGTH[+LENGTH]. As with Debian's ra a range ends when TO begins, and -2h begins with the hour before the present one.
func ParseTimeRange(text string, now time.Time) (TimeRange, error) {
	r := TimeRange{kind: 'i', now: now}
	if rest, ok := strings.CutPrefix(text, "x"); ok {
		r.not, text = true, rest
	}
	if text != "" && strings.IndexByte("inc", text[0]) >= 0 {
		r.kind, text = text[0], text[1:]
	}
	if text == "" {
		return TimeRange{}, errTime
	}
	var err error
	if text[0] == '-' {
		err = r.parseRelative(text[1:])
	} else {
		err = r.parseAbsolute(text)
	}
	if err != nil {
		return TimeRange{}, err
	}
	switch from, to, ok := r.interval(now); {
	case r.begin.smallest() != unset:
	case !ok:
		return TimeRange{}, errors.New("it ends before it begins, or there is no such day: a range ends when its second time begins")
	case from.Before(firstTime) || !r.open && to.After(lastTime):
		return TimeRange{}, errors.New("it is not between the years 1970 and 2262, of which records can be")
	}
	return r, nil
}

// cut splits at the first + or - behind the first character.
func cut(text string) (before, sign, after string) {
	if i := strings.IndexAny(text, "+-"); i > 0 {
		return text[:i], text[i : i+1], text[i+1:]
	}
	return text, "", ""
}

// parseRelative reads LENGTH[+LENGTH] behind a minus. The largest unit goes back from the present one; smaller ones go forth
// from there, as ra's do.
func (r *TimeRange) parseRelative(text string) error {
	first, sign, rest := cut(text)
	back, largest, err := parseSpan(first)
	if err != nil {
		return err
	}
	forth := back
	forth[largest] = 0
	var from span
	from[largest] = back[largest] - 1
	t := forth.add(from.add(floor(r.now, largest), -1), 1)
	r.begin = moment{fieldsOf(t), units - 1}
	r.length = back
	return r.parseLength(sign, rest)
}

// parseLength reads what stands behind a sign.
func (r *TimeRange) parseLength(sign, text string) (err error) {
	if sign != "" {
		r.back = sign == "-"
		r.length, _, err = parseSpan(text)
	}
	return err
}

func (r *TimeRange) parseAbsolute(text string) error {
	first, sign, rest := cut(text)
	var err error
	if len(first) > 4 && strings.Trim(first, "0123456789") == "" {
		return r.parseSeconds(first, sign, rest)
	}
	if r.begin, err = parseMoment(first); err != nil {
		return err
	}
	r.begin.complete(fieldsOf(r.now))
	r.length[r.begin.least] = 1
	_, _, notSpan := parseSpan(rest)
	if sign != "-" || notSpan == nil && strings.Trim(first, "0123456789*ymMdhHsS") != "" || notSpan == nil && strings.Trim(first, "0123456789") == "" {
		return r.parseLength(sign, rest)
	}
	end, err := parseMoment(rest)
	if err != nil {
		return err
	}
	end.complete(r.begin.field)
	r.end = &end
	return nil
}

// parseSeconds reads a range that begins so many seconds after 1970.
func (r *TimeRange) parseSeconds(first, sign, rest string) error {
	n, err := strconv.ParseInt(first, 10, 40)
	if err != nil {
		return errTime
	}
	r.begin = moment{fieldsOf(time.Unix(n, 0).In(r.now.Location())), units - 1}
	if r.open = sign == ""; r.open {
		return nil
	}
	if to, err := strconv.ParseInt(rest, 10, 40); err == nil && sign == "-" {
		r.length[second] = int(to - n)
		return nil
	}
	return r.parseLength(sign, rest)
}

// complete sets the fields above the first that is given.
func (m *moment) complete(from [units]int) {
	for i := 0; i < m.least && m.field[i] == unset; i++ {
		m.field[i] = from[i]
	}
}

// parseSpan reads 2h5m: numbers of y, M (months), d, h, m (minutes), s, the largest first.
func parseSpan(text string) (s span, largest int, err error) {
	last := unset
	for text != "" {
		i := strings.IndexAny(text, "yMdhHmsS")
		if i < 1 {
			return s, 0, errTime
		}
		n, err := strconv.ParseUint(text[:i], 10, 20)
		unit := [...]int{year, month, day, hour, hour, minute, second, second}[strings.IndexByte("yMdhHmsS", text[i])]
		if err != nil || unit <= last {
			return s, 0, errTime
		}
		if last == unset {
			largest = unit
		}
		s[unit], last, text = int(n), unit, text[i+1:]
	}
	if last == unset || s == (span{}) {
		return s, 0, errTime
	}
	return s, largest, nil
}

// parseMoment reads the forms of a time that is no number of seconds.
func parseMoment(text string) (moment, error) {
	if strings.ContainsAny(text, "yMmdhHsS") {
		return parseLetters(text)
	}
	m := empty()
	days, clock, both := strings.Cut(text, ".")
	switch {
	case both:
	case strings.Contains(text, "/") || len(text) == 4 && !strings.Contains(text, ":"):
		clock = ""
	default:
		days, clock = "", text
	}
	if days != "" {
		parts := strings.Split(days, "/")
		from := day + 1 - len(parts)
		if len(parts) < 3 && !both && len(parts[0]) == 4 || len(parts) == 2 && len(parts[0]) == 4 {
			from = year
		}
		if from < 0 {
			return m, errTime
		}
		if err := m.set(from, parts); err != nil {
			return m, err
		}
	}
	if clock != "" {
		parts := strings.Split(clock, ":")
		if len(parts) > 3 {
			return m, errTime
		}
		return m, m.set(hour, parts)
	}
	if days == "" || both {
		return m, errTime
	}
	return m, nil
}

func empty() moment {
	return moment{field: [units]int{unset, unset, unset, unset, unset, unset}}
}

// parseLetters reads 2026y11m21d10h: an m is a month before d and a minute behind h.
func parseLetters(text string) (moment, error) {
	m := empty()
	next := year
	for text != "" {
		i := strings.IndexAny(text, "yMmdhHsS")
		if i < 1 {
			return m, errTime
		}
		var unit int
		switch c := text[i]; {
		case c == 'y':
			unit = year
		case (c == 'm' || c == 'M') && (next == month || next == year && strings.Contains(text[i:], "d")):
			unit = month
		case c == 'm' || c == 'M':
			unit = minute
		case c == 'd':
			unit = day
		case c == 'h' || c == 'H':
			unit = hour
		default:
			unit = second
		}
		if unit < next || next != year && unit != next {
			return m, errTime
		}
		if err := m.set(unit, []string{text[:i]}); err != nil {
			return m, err
		}
		next, text = unit+1, text[i+1:]
	}
	return m, nil
}

// highest are the largest values of the fields.
var highest = [units]int{9999, 12, 31, 23, 59, 60}

// set takes the fields from a unit on.
func (m *moment) set(from int, parts []string) error {
	for i, p := range parts {
		unit := from + i
		if m.least = unit; p != "" && strings.Trim(p, "*") == "" {
			m.field[unit] = wild
			continue
		}
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || int(n) > highest[unit] || int(n) < least(unit) || len(p) > 2 && unit != year {
			return errTime
		}
		m.field[unit] = int(n)
	}
	return nil
}

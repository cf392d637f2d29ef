package cluster

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Width is how long a bin lasts.
type Width struct {
	length time.Duration // of bins that begin with multiples since 1970, UTC
	days   int           // of those that begin at midnight, local time
	months int           // of those that begin with a month
}

// maxLength is the most that a width may be, so that sums with times since 1970 stay in range.
const maxLength = 100 * 365 * 24 * time.Hour

// ParseWidth reads a number and a unit, as rabins -M time does: s, m, h, d, w, M (months), y. The number may have a
// fraction but of months and years. Bins of days begin at midnight, local time, those of 7 days on Monday; those of months
// and years with a month; shorter ones with a multiple since 1970, UTC.
func ParseWidth(text string) (Width, error) {
	if text == "" {
		return Width{}, fmt.Errorf("width of bins is missing: 10s, 5m, 1h, 1d, 1w, 1M, 1y")
	}
	number, unit := text[:len(text)-1], text[len(text)-1]
	n, err := strconv.ParseFloat(number, 64)
	length := unitLength(unit)
	whole := n == math.Trunc(n)
	switch {
	case err != nil || length == 0 || !(n > 0):
		return Width{}, fmt.Errorf("width of bins %q is not a number above 0 with s, m, h, d, w, M (months) or y after it, such as 5m", text)
	case n*float64(length) > float64(maxLength):
		return Width{}, fmt.Errorf("width of bins %q is more than 100 years", text)
	case n*float64(length) < float64(time.Microsecond):
		return Width{}, fmt.Errorf("width of bins %q is less than a microsecond, the resolution of the times", text)
	case unit == 'M' && whole:
		return Width{months: int(n)}, nil
	case unit == 'y' && whole:
		return Width{months: 12 * int(n)}, nil
	case unit == 'M' || unit == 'y':
		return Width{}, fmt.Errorf("width of bins %q: of months and years only whole numbers", text)
	}
	w := Width{length: time.Duration(n * float64(length))}
	if w.length%day == 0 {
		w = Width{days: int(w.length / day)}
	}
	return w, nil
}

const day = 24 * time.Hour

// unitLength returns how long about a unit lasts, 0 for what is none.
func unitLength(unit byte) time.Duration {
	switch unit {
	case 's':
		return time.Second
	case 'm':
		return time.Minute
	case 'h':
		return time.Hour
	case 'd':
		return day
	case 'w':
		return 7 * day
	case 'M':
		return 30 * day
	case 'y':
		return 365 * day
	}
	return 0
}

// bin returns the bin of a moment, ns since 1970.
func (w Width) bin(t int64) (start, end int64) {
	switch {
	case w.months > 0:
		local := time.Unix(0, t)
		n := floor(int64(local.Year())*12+int64(local.Month())-1, int64(w.months))
		return month(n), month(n + int64(w.months))
	case w.days > 0:
		local := time.Unix(0, t)
		_, offset := local.Zone()
		// the 5th of January 1970 was a Monday
		n := floor(floor(local.Unix()+int64(offset), 86400)/86400-4, int64(w.days)) + 4
		return midnight(n), midnight(n + int64(w.days))
	}
	start = floor(t, int64(w.length))
	return start, start + int64(w.length)
}

// floor returns the multiple of n at or below v.
func floor(v, n int64) int64 {
	v, rest := v-v%n, v%n
	if rest < 0 {
		v -= n
	}
	return v
}

func month(n int64) int64 { return time.Date(0, time.Month(n+1), 1, 0, 0, 0, 0, time.Local).UnixNano() }

func midnight(days int64) int64 {
	return time.Date(1970, 1, 1+int(days), 0, 0, 0, 0, time.Local).UnixNano()
}

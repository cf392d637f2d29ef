package reader

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// window chooses records by their number: -N. The zero window has all.
type window struct {
	output   bool
	from, to uint64 // both in it, from 1 on; 0: all
	seen     uint64
}

var errWindow = errors.New("want a count, from-to or from+more, of records that pass the filter, or with o before it of those that come out")

// parseWindow reads [io]<count>, [io]<from-to> or [io]<from+more>.
func parseWindow(text string) (w window, err error) {
	if text == "" {
		return w, nil
	}
	switch text[0] {
	case 'o':
		w.output = true
		fallthrough
	case 'i':
		text = text[1:]
	}
	w.from = 1
	at := strings.IndexAny(text, "-+")
	if at < 0 {
		w.to, err = strconv.ParseUint(text, 10, 63)
	} else if w.from, err = strconv.ParseUint(text[:at], 10, 62); err == nil {
		w.to, err = strconv.ParseUint(text[at+1:], 10, 62)
		if text[at] == '+' {
			w.to += w.from
		}
	}
	if err != nil || w.from == 0 || w.to < w.from {
		return window{}, errWindow
	}
	return w, nil
}

// take counts a record, and tells whether it is in the window and whether it is the last one.
func (w *window) take() (in, last bool) {
	if w.to == 0 {
		return true, false
	}
	w.seen++
	return w.seen >= w.from && w.seen <= w.to, w.seen >= w.to
}

// octets is a flag of a size: 65536, 64K, 100M, 2G.
type octets int64

func (o *octets) String() string {
	if *o == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*o), 10)
}

func (o *octets) Set(text string) error {
	shift := 0
	if i := strings.IndexAny(strings.ToUpper(text), "KMG"); i >= 0 && i == len(text)-1 {
		shift = 10 * (1 + strings.IndexByte("KMG", strings.ToUpper(text)[i]))
		text = text[:i]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>shift {
		return fmt.Errorf("want a size such as 64K, 100M or 2G")
	}
	*o = octets(n << shift)
	return nil
}

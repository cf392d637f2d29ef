package fields

import (
	"math"
	"strconv"
)

// Style says how values are written. Begin with DefaultStyle.
type Style struct {
	Numbers   bool   // ports as numbers (ra -n); JSON has them always so
	Epoch     bool   // times as seconds since 1970 (ra -u) and not as local time of day; JSON and CSV have them always so
	Precision int    // digits of a fraction (ra -p), 0 to 9; times are cut there, other numbers rounded
	Separator string // between the values of text (ra -c); "" aligns them in columns
	Titles    int    // how often text has its line of titles (ra -L): -1 never, 0 once, else before so many lines; CSV: -1 never
	Colour    bool   // text for a terminal (ECMA-48)
}

// DefaultStyle returns ra's: names of services, six digits, aligned columns.
func DefaultStyle() Style { return Style{Precision: 6} }

func (s Style) valid() Style {
	s.Precision = min(max(s.Precision, 0), 9)
	return s
}

var pow10 = [...]uint64{1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000}

// appendNumber appends a value of the kind.
func (s *Style) appendNumber(b []byte, k kind, v uint64) []byte {
	switch k {
	case signed:
		return strconv.AppendInt(b, int64(v), 10)
	case hex:
		return hex4(b, uint16(v))
	case real:
		return appendReal(b, math.Float64frombits(v), s.Precision)
	case span:
		return appendSpan(b, int64(v), s.Precision)
	case moment:
		return appendSeconds(b, int64(v), s.Precision)
	}
	return strconv.AppendUint(b, v, 10)
}

// appendSpan appends a duration as seconds: rounded to fewer digits than its microseconds have, as ra does.
func appendSpan(b []byte, ns int64, precision int) []byte {
	if precision < 6 {
		unit := int64(pow10[9-precision])
		half, rest := unit/2, ns%unit
		if ns -= rest; rest > half || rest == half && ns/unit%2 != 0 {
			ns += unit
		}
	}
	return appendSeconds(b, ns, precision)
}

// appendSeconds appends ns as seconds, cut and not rounded, as ra does with times.
func appendSeconds(b []byte, ns int64, precision int) []byte {
	v := uint64(ns)
	if ns < 0 {
		b, v = append(b, '-'), -v
	}
	return appendFraction(strconv.AppendUint(b, v/1e9, 10), v%1e9, precision)
}

// appendFraction appends a point and the first digits of ns below a second.
func appendFraction(b []byte, ns uint64, precision int) []byte {
	if precision == 0 {
		return b
	}
	return digits(append(b, '.'), ns/pow10[9-precision], precision)
}

// digits appends v with leading zeros.
func digits(b []byte, v uint64, width int) []byte {
	for i := width - 1; i >= 0; i-- {
		b = append(b, '0'+byte(v/pow10[i]%10))
	}
	return b
}

// appendReal appends what strconv.AppendFloat(b, f, 'f', precision, 64) does, several times as fast.
func appendReal(b []byte, f float64, precision int) []byte {
	scaled := math.Abs(f) * float64(pow10[precision])
	if !(scaled < 1<<52) {
		return strconv.AppendFloat(b, f, 'f', precision, 64)
	}
	whole := uint64(scaled)
	switch rest := scaled - float64(whole); {
	case rest < 0.5:
	case rest > 0.5:
		whole++
	default: // what the multiplication rounded away decides; if it was nothing, the nearest even number
		if lost := math.FMA(math.Abs(f), float64(pow10[precision]), -scaled); lost > 0 || lost == 0 && whole&1 != 0 {
			whole++
		}
	}
	if math.Signbit(f) && whole != 0 {
		b = append(b, '-')
	}
	b = strconv.AppendUint(b, whole/pow10[precision], 10)
	if precision == 0 {
		return b
	}
	return digits(append(b, '.'), whole%pow10[precision], precision)
}

const hexDigits = "0123456789abcdef"

func hex4(b []byte, v uint16) []byte {
	return append(b, '0', 'x', hexDigits[v>>12], hexDigits[v>>8&15], hexDigits[v>>4&15], hexDigits[v&15])
}

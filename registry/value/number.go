package value

import (
	"math"
	"strconv"
	"strings"
)

// MaxDigits is how many digits an integer may have that is written with a point or an exponent: 1e999999999 is ten
// bytes on the wire and a gigabyte written out. What is written in digits alone is as long as its message allows.
const MaxDigits = 1024

// exactFloatDigits is how many decimal digits every float64 and float32 keeps (C's DBL_DIG and FLT_DIG).
const (
	exactFloat64Digits = 15
	exactFloat32Digits = 6
)

// longestFloatDigits is more digits than the decimal form of any float64 has; what is longer is none.
const longestFloatDigits = 800

// decimal is the number 0.DIGITS * 10^exp. Zero has no digits; others begin and end with one that is not 0.
type decimal struct {
	negative bool
	digits   string
	exp      int
}

// parse reads a JSON number. Exponents beyond what an int holds are cut off at a billion, which is beyond all uses.
func parse(token string) (d decimal) {
	d.negative = strings.HasPrefix(token, "-")
	mantissa := strings.TrimPrefix(token, "-")
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		const most = 1_000_000_000
		exp, err := strconv.Atoi(mantissa[i+1:])
		if err != nil { // out of range: Atoi says which way
			exp = max(min(exp, most), -most)
		}
		d.exp, mantissa = max(min(exp, most), -most), mantissa[:i]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole
	if fraction != "" {
		digits = whole + fraction
	}
	d.exp += len(whole)
	trimmed := strings.TrimLeft(digits, "0")
	d.exp -= len(digits) - len(trimmed)
	if d.digits = strings.TrimRight(trimmed, "0"); d.digits == "" {
		d.exp = 0
	}
	return d
}

// Integer writes a JSON number as digits alone, so that 1.0 and 1e2 are 1 and 100: what a schema calls an integer is
// one to Go too. ok is false when it is no integer, or one of more than MaxDigits digits that was not written out.
func Integer(token string) (digits string, ok bool) {
	if !strings.ContainsAny(token, ".eE") && token != "-0" {
		return token, true
	}
	d := parse(token)
	switch {
	case d.digits == "":
		return "0", true
	case d.exp < len(d.digits) || d.exp > MaxDigits:
		return "", false
	}
	digits = d.digits + strings.Repeat("0", d.exp-len(d.digits))
	if d.negative {
		digits = "-" + digits
	}
	return digits, true
}

// Fits says whether a float of so many bits (32 or 64) holds the number as it is written: written again with as many
// digits it has the same ones. So 0.1 fits, and whatever a program printed that had it in a float of that size;
// 9007199254740993 does not fit 64 bits, and 1e400 does not. An integer in digits alone fits if the float is printed
// so: 9223372036854775808 is a float64, but would come back as 9223372036854776000.
func Fits(token string, bits int) bool {
	d := parse(token)
	if d.digits == "" {
		return true
	}
	most, normal := exactFloat64Digits, 290 // 10^±290 is far from where float64 loses digits or ends
	if bits == 32 {
		most, normal = exactFloat32Digits, 30
	}
	if len(d.digits) <= most && d.exp < normal && d.exp > -normal {
		return true
	}
	if len(d.digits) > longestFloatDigits {
		return false
	}
	f, err := strconv.ParseFloat(token, bits)
	if err != nil {
		return false
	}
	if !strings.ContainsAny(token, ".eE") {
		return parse(strconv.FormatFloat(f, 'e', -1, bits)) == d
	}
	return parse(strconv.FormatFloat(f, 'e', len(d.digits)-1, bits)) == d
}

// Comparable is a number for a validator, which computes with it: an int64 or uint64 where it is one, and otherwise the
// nearest float64, which is never infinite, and an integer only if the number is.
func Comparable(token string) any {
	digits, integer := Integer(token)
	if integer {
		if i, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return i
		}
		if u, err := strconv.ParseUint(digits, 10, 64); err == nil {
			return u
		}
	}
	f, err := strconv.ParseFloat(token, 64)
	if err != nil { // beyond the largest float64
		return math.Copysign(math.MaxFloat64, f)
	}
	if d := parse(token); f == math.Trunc(f) && d.exp < len(d.digits) {
		f = math.Nextafter(f, math.Inf(1)) // a fraction so small that it was lost
	}
	return f
}

// Short says that no number in JSON text has more than digits digits or an exponent, so that floats which keep that
// many hold them all. It looks at strings too, and so may say no without need.
func Short(text string, digits int) bool {
	run := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c-'0' <= 9:
			if run++; run > digits {
				return false
			}
		case c == '.':
		case c|0x20 == 'e' && run > 0:
			return false
		default:
			run = 0
		}
	}
	return true
}

// Digits is how many digits Short may allow for floats of so many bits.
func Digits(bits int) int {
	if bits == 32 {
		return exactFloat32Digits
	}
	return exactFloat64Digits
}

// Survives says whether a number is the same after a program has read it as a float64 and written it as JSON.
func Survives(token string) bool {
	f, err := strconv.ParseFloat(token, 64)
	return err == nil && parse(strconv.FormatFloat(f, 'e', -1, 64)) == parse(token)
}

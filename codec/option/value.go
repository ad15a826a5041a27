package option

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// longest is how many bytes of a value a message shows: a value may be a pasted key of 4 KB.
const longest = 60

var sizeUnits = []struct {
	name  string
	shift int
}{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}

// ParseSize reads 65536, 64KiB or 64 MiB. Only the binary units: K and KB mean two things.
func ParseSize(text string) (int64, error) {
	digits, shift := text, 0
	for _, unit := range sizeUnits {
		if before, has := strings.CutSuffix(text, unit.name); has {
			digits, shift = strings.TrimSpace(before), unit.shift
			break
		}
	}
	value, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil:
		return 0, err
	case value < 0 && shift > 0:
		return 0, strconv.ErrSyntax
	case value > math.MaxInt64>>shift:
		return 0, strconv.ErrRange
	}
	return value << shift, nil
}

// FormatSize is the shortest text that ParseSize reads as the size.
func FormatSize(size int64) string {
	for _, unit := range sizeUnits {
		if unit.shift > 0 && size != 0 && size%(1<<unit.shift) == 0 {
			return fmt.Sprintf("%d %s", size>>unit.shift, unit.name)
		}
	}
	return strconv.FormatInt(size, 10)
}

// FormatTime is a duration without the zeros that Go writes: 1m, not 1m0s.
func FormatTime(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Quote puts what somebody wrote into quotes, shortened.
func Quote(text string) string { return strconv.Quote(Shorten(text)) }

// Shorten cuts a value for a message, at the beginning of a character.
func Shorten(text string) string {
	if len(text) <= longest {
		return text
	}
	cut := longest
	for !utf8.RuneStart(text[cut]) && cut > longest-utf8.UTFMax {
		cut--
	}
	return text[:cut] + "..."
}

// Set stores a value that is written as text. Only scalars have one. The error says what the text is not, as "not a
// whole number"; the value then stays as it was. Ranges are for Check.
func (f *Field) Set(text string) error {
	value := reflect.New(f.scalar()).Elem()
	if err := f.Kind.parse(text, value); err != nil {
		return err
	}
	if f.Value.Kind() == reflect.Pointer {
		f.Value.Set(value.Addr())
	} else {
		f.Value.Set(value)
	}
	return nil
}

func (k Kind) parse(text string, into reflect.Value) error {
	switch k {
	case Text, Word:
		into.SetString(text)
	case Truth:
		if text != "true" && text != "false" {
			return k.Mismatch()
		}
		into.SetBool(text == "true")
	case Whole, Size, Time:
		value, err := k.parseWhole(text)
		if errors.Is(err, strconv.ErrRange) {
			return errors.New("beyond what 64 bits hold")
		}
		if err != nil {
			return k.Mismatch()
		}
		into.SetInt(value)
	case Decimal, Pair:
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return k.Mismatch()
		}
		if k == Decimal {
			into.SetFloat(value)
			return nil
		}
		for _, number := range into.Addr().Interface().(Numbers).Numbers() {
			*number = value
		}
	default:
		return k.Mismatch()
	}
	return nil
}

func (k Kind) parseWhole(text string) (int64, error) {
	switch k {
	case Size:
		return ParseSize(text)
	case Time:
		value, err := time.ParseDuration(text)
		return int64(value), err
	}
	return strconv.ParseInt(text, 10, 64)
}

// Mismatch is what a value of another kind is, to be said behind "is".
func (k Kind) Mismatch() error {
	return errors.New([...]string{
		Whole: "not a whole number", Size: "not a number of bytes", Time: "not a time with its unit",
		Decimal: "not a number", Text: "not text", Word: "unknown", Truth: "unknown", List: "not a list",
		Section:  "not a section",
		Sections: "not a list", Pair: "neither a number nor a section", Named: "not a section", Texts: "not a section",
	}[k])
}

// String returns the value as one would write it in a file, but without quotes; "" for what is not set and for
// sections.
func (f *Field) String() string {
	v := f.target()
	if !v.IsValid() {
		return ""
	}
	switch f.Kind {
	case Size:
		return FormatSize(v.Int())
	case Time:
		return FormatTime(time.Duration(v.Int()))
	case Section, Sections, Pair, Named, Texts:
		return ""
	}
	return fmt.Sprint(v)
}

package option

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Check holds every option below a pointer to a struct against its tags, and returns all that is wrong. A section that
// has a Validate() []error of its own is asked instead; its keys are then put below the section's. A struct that embeds
// one with a Validate must have its own, or the embedded one's is asked for all of it.
func Check(options any) Mistakes {
	var found Mistakes
	check(reflect.ValueOf(options).Elem(), "", &found)
	return found
}

// validator is what an Options is; Mistakes are what it should return.
type validator interface{ Validate() []error }

func check(v reflect.Value, key string, found *Mistakes) {
	for i := range v.NumField() { // an inlined struct may have a Validate, and its fields are not to be checked twice
		if field := v.Type().Field(i); field.IsExported() && isInline(field) {
			checkSection(v.Field(i), key, found)
		}
	}
	for _, f := range Fields(v, key) {
		if f.Owner != v.Type() {
			continue // inlined
		}
		switch target := f.target(); {
		case !target.IsValid():
		case f.Kind == Section:
			checkSection(target, f.Key, found)
		default:
			if complaint := f.complaint(target); complaint != "" {
				found.Add(f.Key, "%s: allowed is %s", complaint, f.Allowed())
			}
			for i := 0; f.Kind == Sections && i < target.Len(); i++ {
				checkSection(target.Index(i), Entry(f.Key, i), found)
			}
			if f.Kind == Named {
				for _, name := range f.Names() {
					checkSection(f.Named(name), Join(f.Key, name), found)
				}
			}
		}
	}
}

func isInline(field reflect.StructField) bool {
	return strings.HasSuffix(field.Tag.Get("yaml"), ",inline")
}

func checkSection(v reflect.Value, key string, found *Mistakes) {
	judge, has := v.Addr().Interface().(validator)
	if !has {
		check(v, key, found)
		return
	}
	for _, err := range judge.Validate() {
		inner := asMistake(err)
		inner.Key = Join(key, inner.Key)
		*found = append(*found, &inner)
	}
}

// complaint says what is wrong with a value; "" when nothing is.
func (f *Field) complaint(v reflect.Value) string {
	switch f.Kind {
	case Word:
		if !slices.Contains(f.words(), v.String()) && !(v.Len() == 0 && f.Zero() != "") {
			return Quote(v.String()) + " is unknown"
		}
	case Text, List, Sections, Named, Texts:
		length := reflect.ValueOf(v.Len())
		if outside := f.outside(length); outside != "" && (v.Len() != 0 || f.Zero() == "") {
			return fmt.Sprintf("its length %d %s", v.Len(), outside)
		}
	case Whole, Size, Time, Decimal:
		if outside := f.outside(v); outside != "" && !(v.IsZero() && f.Zero() != "") {
			return f.String() + " " + outside
		}
	case Pair:
		for _, number := range v.Addr().Interface().(Numbers).Numbers() {
			if outside := f.outside(reflect.ValueOf(*number)); outside != "" {
				return formatDecimal(*number) + " " + outside
			}
		}
	}
	return ""
}

// outside says which end of the range a number, time or length is beyond; "" for none.
func (f *Field) outside(v reflect.Value) string {
	if text, has := f.tag.Lookup("above"); has && compare(v, f.bound(text, v.Type())) <= 0 {
		return "is not above " + text
	}
	if text, has := f.tag.Lookup("min"); has && compare(v, f.bound(text, v.Type())) < 0 {
		return "is below " + text
	}
	if text, has := f.tag.Lookup("max"); has && compare(v, f.bound(text, v.Type())) > 0 {
		return "is above " + text
	}
	return ""
}

// bound reads an end of the range: of a text or a list, that of its length.
func (f *Field) bound(text string, t reflect.Type) reflect.Value {
	kind := f.Kind
	switch kind {
	case Pair:
		kind = Decimal
	case Text, List, Sections, Named, Texts:
		kind = Size
	}
	value := reflect.New(t).Elem()
	f.must(kind.parse(text, value), text)
	return value
}

// compare has NaN below every number.
func compare(a, b reflect.Value) int {
	if a.CanFloat() {
		return cmp.Compare(a.Float(), b.Float())
	}
	return cmp.Compare(a.Int(), b.Int())
}

func formatDecimal(v float64) string {
	if math.Abs(v) < 1e15 && math.Abs(v) >= 1e-6 || v == 0 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func (f *Field) words() []string { return strings.Split(f.tag.Get("oneof"), ",") }

// Bounded says whether less is allowed than any value of the kind, or a value has a meaning of its own.
func (f *Field) Bounded() bool { return f.Kind == Word || f.span() != "" || f.Zero() != "" }

// Allowed says which values are allowed, as "1 to 65535 connections" or "0 (off) to 24h".
func (f *Field) Allowed() string {
	switch f.Kind {
	case Word:
		words := f.words()
		text := words[len(words)-1]
		if before := words[:len(words)-1]; len(before) > 0 {
			text = strings.Join(before, ", ") + " or " + text
		}
		return text + f.allowedEmpty()
	case Truth:
		return "true or false"
	case Section:
		return "a section of keys"
	case Text:
		return f.allowedLength("text in quotes", "bytes")
	case List:
		return f.allowedLength("a list", "entries") + ", such as [a, b]"
	case Sections:
		return f.allowedLength("a list of sections", "entries")
	case Named:
		return f.allowedLength("a section of named sections", "entries")
	case Texts:
		return f.allowedLength("a section of names, each with text in quotes", "entries")
	}
	text := f.span()
	if text == "" {
		text = [...]string{
			Whole: "a whole number", Size: "a number of bytes", Time: "a time with its unit",
			Decimal: "a number", Pair: "a number",
		}[f.Kind]
	}
	if zero := f.Zero(); zero != "" {
		if rest, inside := strings.CutPrefix(text, f.zero()+" "); inside {
			text = f.zero() + " (" + zero + ") " + rest
		} else {
			text = f.zero() + " (" + zero + "), or " + text
		}
	}
	return text
}

// zero is how a value of nothing is written.
func (f *Field) zero() string {
	if f.Kind == Time {
		return "0s"
	}
	return "0"
}

func (f *Field) allowedLength(what, unit string) string {
	text := what
	if span := f.span(); span != "" {
		text = what + " of " + span + " " + unit
	}
	return text + f.allowedEmpty()
}

// allowedEmpty is what an empty text means.
func (f *Field) allowedEmpty() string {
	if zero := f.Zero(); zero != "" {
		return `, "" is ` + zero
	}
	return ""
}

// span is the range in words; "" without one.
func (f *Field) span() string {
	least, hasLeast := f.tag.Lookup("min")
	above, hasAbove := f.tag.Lookup("above")
	most, hasMost := f.tag.Lookup("max")
	text := ""
	switch {
	case hasLeast && hasMost:
		text = least + " to " + most
	case hasLeast:
		text = least + " or more"
	case hasAbove && hasMost:
		text = "above " + above + ", at most " + most
	case hasAbove:
		text = "above " + above
	case hasMost:
		text = "at most " + most
	}
	unit := f.tag.Get("unit")
	if f.Kind == Size && strings.HasSuffix(least+most, "B") {
		unit = "" // it is in the text
	}
	if text != "" && unit != "" {
		text += " " + unit
	}
	return text
}

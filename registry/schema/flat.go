package schema

import (
	"bytes"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/google/jsonschema-go/jsonschema"

	"weir/codec"
)

// flatSchema is the compiled form of the schemas that most tools have: an object of plain members. It looks at the JSON
// text as it stands, in one pass, without allocating.
//
// Its rule: it may only say "certainly valid" or "ask the full validator", never "invalid". So it can be no stricter
// than jsonschema-go, gives no error messages of its own, and whatever is unusual (escapes in keys, exponents, 1.0 for
// an integer) may simply be handed on. FuzzFlatSchema holds it to never being laxer.
type flatSchema struct {
	props    []flatProperty
	required uint64 // bit i: props[i] must be there
	open     bool   // members that are not in props may have any value
}

type flatProperty struct {
	key                  string
	kind                 flatKind
	enum                 []string // strings only; nil is any
	minLength, maxLength int      // in characters
	bounded              bool     // the four below are set
	min, max             float64
	above, below         float64 // exclusive
}

type flatKind uint8

const (
	flatAny flatKind = iota
	flatString
	flatInteger
	flatNumber
	flatBoolean
)

var flatKinds = map[string]flatKind{
	"string": flatString, "integer": flatInteger, "number": flatNumber, "boolean": flatBoolean,
}

// maxFlatProperties is the width of the mask of required members.
const maxFlatProperties = 64

// maxPlainNumberBytes is how long a number may be to be judged here: 15 digits are exact in a float64, so both sides
// compare the same value.
const maxPlainNumberBytes = 15

// compileFlat compiles a schema, or returns nil when it has anything that this file does not know.
func compileFlat(s *jsonschema.Schema) *flatSchema {
	rest := withoutNotes(s)
	rest.Type, rest.Properties, rest.Required, rest.AdditionalProperties = "", nil, nil, nil
	if s.Type != "object" || !isBlank(&rest) || len(s.Properties) > maxFlatProperties {
		return nil
	}
	f := &flatSchema{open: true}
	if more := s.AdditionalProperties; more != nil {
		f.open = isBlank(more)
		if !f.open && !isFalse(more) {
			return nil
		}
	}
	for key, property := range s.Properties {
		p, ok := compileFlatProperty(key, property)
		if !ok || strings.IndexByte(key, '\\') >= 0 { // such a key would match another one's escapes
			return nil
		}
		f.props = append(f.props, p)
	}
	slices.SortFunc(f.props, func(a, b flatProperty) int { return strings.Compare(a.key, b.key) })
	for _, key := range s.Required {
		i := slices.IndexFunc(f.props, func(p flatProperty) bool { return p.key == key })
		if i < 0 {
			return nil
		}
		f.required |= 1 << i
	}
	return f
}

func compileFlatProperty(key string, s *jsonschema.Schema) (p flatProperty, ok bool) {
	rest := withoutNotes(s)
	kind, known := flatKinds[s.Type]
	if s.Type == "" {
		known = true // and kind flatAny: then nothing else may be said
	}
	rest.Type = ""
	p = flatProperty{key: key, kind: kind, maxLength: -1}
	switch kind {
	case flatString:
		rest.Enum, rest.MinLength, rest.MaxLength = nil, nil, nil
		if s.MinLength != nil {
			p.minLength = *s.MinLength
		}
		if s.MaxLength != nil {
			p.maxLength = *s.MaxLength
		}
		for _, value := range s.Enum {
			text, isText := value.(string)
			if !isText {
				return p, false
			}
			p.enum = append(p.enum, text)
		}
		if s.Enum != nil && p.enum == nil || p.maxLength < -1 {
			return p, false // an empty list, or a limit below zero, allows nothing: not worth a case
		}
	case flatInteger, flatNumber:
		rest.Minimum, rest.Maximum, rest.ExclusiveMinimum, rest.ExclusiveMaximum = nil, nil, nil, nil
		p.bound(s)
	}
	return p, known && isBlank(&rest)
}

// bound takes over the limits of a number; what is not limited gets limits beyond any number of maxPlainNumberBytes.
func (p *flatProperty) bound(s *jsonschema.Schema) {
	const beyond = 1e300
	p.min, p.above, p.max, p.below = -beyond, -beyond, beyond, beyond
	for _, limit := range []struct{ from, to *float64 }{
		{s.Minimum, &p.min}, {s.Maximum, &p.max}, {s.ExclusiveMinimum, &p.above}, {s.ExclusiveMaximum, &p.below},
	} {
		if limit.from != nil {
			*limit.to, p.bounded = *limit.from, true
		}
	}
}

// withoutNotes is a copy of s without the keywords that say nothing about validity. A default is not one of them: it
// changes the value.
func withoutNotes(s *jsonschema.Schema) jsonschema.Schema {
	c := *s
	c.Title, c.Description, c.Comment, c.Format = "", "", "", ""
	c.Examples, c.Extra, c.PropertyOrder = nil, nil, nil
	c.Deprecated, c.ReadOnly, c.WriteOnly = false, false, false
	return c
}

func isBlank(s *jsonschema.Schema) bool { return reflect.ValueOf(*s).IsZero() }

// isFalse recognises the schema that nothing matches, in the form jsonschema-go gives the literal false.
func isFalse(s *jsonschema.Schema) bool {
	rest := *s
	rest.Not = nil
	return s.Not != nil && isBlank(s.Not) && isBlank(&rest)
}

// accepts says whether text is certainly a valid instance. text must be valid JSON without duplicate keys.
func (f *flatSchema) accepts(text string) bool {
	object := unsafe.Slice(unsafe.StringData(text), len(text)) // only read
	var seen uint64
	for off := 0; ; {
		key, value, next := codec.NextMember(object, off)
		if next <= 0 {
			return next < 0 && f.required&^seen == 0
		}
		off = next
		p, mask := f.property(bytesAsString(key[1 : len(key)-1]))
		if p == nil {
			if !f.open || bytes.IndexByte(key, '\\') >= 0 { // escaped, it may be one of props after all
				return false
			}
			continue
		}
		if !p.accepts(bytesAsString(value)) {
			return false
		}
		seen |= mask
	}
}

// property finds a key; few tools have so many that a map would be faster.
func (f *flatSchema) property(key string) (*flatProperty, uint64) {
	for i := range f.props {
		if f.props[i].key == key {
			return &f.props[i], 1 << i
		}
	}
	return nil, 0
}

// accepts judges one value token.
func (p *flatProperty) accepts(token string) bool {
	switch p.kind {
	case flatAny:
		return true
	case flatString:
		if token[0] != '"' {
			return false
		}
		if p.enum == nil && p.minLength <= 0 && p.maxLength < 0 {
			return true
		}
		if strings.IndexByte(token, '\\') >= 0 {
			return false
		}
		text := token[1 : len(token)-1]
		if p.enum != nil && !slices.Contains(p.enum, text) {
			return false
		}
		n := utf8.RuneCountInString(text)
		return n >= p.minLength && (p.maxLength < 0 || n <= p.maxLength)
	case flatInteger, flatNumber:
		if !isPlainNumber(token, p.kind == flatNumber) {
			return false
		}
		if !p.bounded {
			return true
		}
		v, err := strconv.ParseFloat(token, 64)
		return err == nil && v >= p.min && v <= p.max && v > p.above && v < p.below
	default: // flatBoolean
		return token == "true" || token == "false"
	}
}

// isPlainNumber: an optional minus, digits and, if allowed, one dot; no exponent, and short enough to be exact.
func isPlainNumber(token string, fraction bool) bool {
	if len(token) > maxPlainNumberBytes {
		return false
	}
	for i := range len(token) {
		c := token[i]
		if c < '0' || c > '9' {
			if !(c == '-' && i == 0) && !(c == '.' && fraction) {
				return false
			}
		}
	}
	return true
}

// bytesAsString lets the checker read bytes that stay as they are while it does.
func bytesAsString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

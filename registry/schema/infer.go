package schema

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"unicode"

	"github.com/google/jsonschema-go/jsonschema"
)

// inference writes the schema of a shape, as jsonschema-go would but for what docs/TYPES.md names.
type inference struct {
	// nullable adds null to the types of pointers and slices, where it is allowed: in the schemas of outputs, and in
	// those that inputs are checked against. What clients are shown of an input has plain types.
	nullable bool
	// maps: null is allowed for maps too. A nil map in an output is refused, as by the SDK.
	maps bool
	defs map[string]*jsonschema.Schema
	name map[*shape]string // of a recursive shape in defs
}

// inferred is the schema of a whole argument or output.
func inferred(s *shape, nullable, maps bool) (*jsonschema.Schema, error) {
	for s.kind == isPointer {
		s = s.elem
	}
	i := inference{nullable: nullable, maps: maps, defs: map[string]*jsonschema.Schema{}, name: map[*shape]string{}}
	root, err := i.plain(s)
	if err != nil {
		return nil, err
	}
	switch {
	case s.kind == isRaw && (s.t.Kind() == reflect.Struct || s.t.Kind() == reflect.Map):
		root.Type = "object" // all that can be said of it
	case s.kind == isSlice && nullable:
		root = orNull(root)
	}
	if root.Type == "object" && root.Properties == nil {
		root.Properties = map[string]*jsonschema.Schema{} // several clients refuse an object without
	}
	if len(i.defs) > 0 {
		root.Defs = i.defs
	}
	return root, nil
}

// of is the schema of a value within another.
func (i *inference) of(s *shape) (*jsonschema.Schema, error) {
	if s.kind == isPointer {
		for s.kind == isPointer {
			s = s.elem
		}
		inner, err := i.of(s)
		if err != nil || !i.nullable {
			return inner, err
		}
		return orNull(inner), nil
	}
	if !s.recursive {
		return i.body(s)
	}
	name, known := i.name[s]
	if !known {
		name = i.define(s.t)
		i.name[s] = name
		body, err := i.body(s)
		if err != nil {
			return nil, err
		}
		i.defs[name] = body
	}
	return &jsonschema.Schema{Ref: "#/$defs/" + name}, nil
}

// define takes a name in $defs for a type.
func (i *inference) define(t reflect.Type) string {
	base := strings.Map(func(c rune) rune {
		if c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
			return c
		}
		return '_'
	}, t.Name())
	name := base
	for n := 2; i.defs[name] != nil; n++ {
		name = fmt.Sprintf("%s%d", base, n)
	}
	i.defs[name] = &jsonschema.Schema{} // taken
	return name
}

// orNull allows null besides.
func orNull(s *jsonschema.Schema) *jsonschema.Schema {
	switch {
	case s.Ref != "":
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "null"}, s}}
	case s.Type != "":
		s.Types, s.Type = []string{"null", s.Type}, ""
	}
	if s.Enum != nil {
		s.Enum = append(s.Enum, nil)
	}
	return s
}

// body is the schema of a shape that is no pointer, in place.
func (i *inference) body(s *shape) (*jsonschema.Schema, error) {
	d, err := i.plain(s)
	if err == nil && i.nullable && (s.kind == isSlice || s.kind == isBytes || s.kind == isMap && i.maps) {
		return orNull(d), nil
	}
	return d, err
}

func (i *inference) plain(s *shape) (_ *jsonschema.Schema, err error) {
	d := new(jsonschema.Schema)
	switch s.kind {
	case isBool:
		d.Type = "boolean"
	case isInt:
		d.Type = "integer"
		d.Minimum, d.Maximum = bounds(s.t)
	case isBigInt:
		d.Type = "integer"
	case isFloat, isNumber:
		d.Type = "number"
	case isText:
		d.Type, d.Format = "string", s.format
	case isBytes:
		d.Type, d.ContentEncoding = "string", "base64"
	case isSlice, isArray:
		d.Type = "array"
		if s.kind == isArray {
			n := s.t.Len()
			d.MinItems, d.MaxItems = &n, &n
		}
		if d.Items, err = i.of(s.elem); err == nil && isBlank(d.Items) {
			d.Items.Description = anyValue
		}
	case isMap:
		d.Type = "object"
		if isInteger(s.t.Key().Kind()) {
			d.PropertyNames = &jsonschema.Schema{Pattern: "^-?[0-9]+$"}
		}
		d.AdditionalProperties, err = i.of(s.elem)
	case isStruct:
		err = i.structure(d, s)
	}
	if err != nil {
		return nil, err
	}
	if s.enum != nil {
		d.Enum = append([]any(nil), s.enum...)
	}
	return d, nil
}

// bounds are those that jsonschema-go gives: of the types that are narrower than what clients compute with.
func bounds(t reflect.Type) (least, most *float64) {
	number := func(f float64) *float64 { return &f }
	switch t.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32:
		limit := math.Ldexp(1, t.Bits()-1)
		return number(-limit), number(limit - 1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return number(0), number(math.Ldexp(1, t.Bits()) - 1)
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return number(0), nil
	}
	return nil, nil
}

// anyValue describes what may be anything: without it the schema would be written true, which some clients refuse.
const anyValue = "any JSON value"

// reservedTag: jsonschema-go keeps descriptions that begin so for later.
var reservedTag = regexp.MustCompile("^[^ \t\n]*=")

func (i *inference) structure(d *jsonschema.Schema, s *shape) error {
	d.Type = "object"
	d.AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}}
	d.Properties = make(map[string]*jsonschema.Schema, len(s.fields))
	for _, f := range s.fields {
		p, err := i.field(&f)
		if err != nil {
			return err
		}
		if tag, ok := f.Tag.Lookup("jsonschema"); ok {
			if tag == "" || reservedTag.MatchString(tag) {
				return fmt.Errorf("%v.%s: the tag jsonschema:%q must be a description, and not begin with WORD=", s.t, f.Name, tag)
			}
			p.Description = tag
		}
		if isBlank(p) {
			p.Description = anyValue
		}
		d.Properties[f.name] = p
		d.PropertyOrder = append(d.PropertyOrder, f.name)
		if !f.optional && !f.behindPointer {
			d.Required = append(d.Required, f.name)
		}
	}
	return nil
}

func (i *inference) field(f *shapeField) (*jsonschema.Schema, error) {
	if f.quoted {
		p := &jsonschema.Schema{Type: "string", Enum: f.enum}
		if i.nullable && f.shape.kind == isPointer {
			p = orNull(p)
		}
		return p, nil
	}
	p, err := i.of(f.shape)
	if err != nil || f.enum == nil {
		return p, err
	}
	at := p
	for at.Items != nil || at.AdditionalProperties != nil { // of a list or map: what is in it
		if at.Items != nil {
			at = at.Items
		} else {
			at = at.AdditionalProperties
		}
	}
	at.Enum = append([]any(nil), f.enum...)
	if at.Types != nil {
		at.Enum = append(at.Enum, nil)
	}
	return p, nil
}

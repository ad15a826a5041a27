package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/bytedance/sonic"
	"github.com/google/jsonschema-go/jsonschema"

	"weir/codec"
	"weir/registry/value"
)

// Schema checks one tool's arguments or output. Immutable; safe for concurrent use.
type Schema struct {
	root     *jsonschema.Schema // what resolved is of
	resolved *jsonschema.Resolved
	flat     *flatSchema // nil: only the full validator understands the schema
	shape    *shape      // of the Go type; nil: an output of any
	// hasDefaults: valid values may have to be completed, so what is decoded is not what was sent.
	hasDefaults  bool
	nullIsAbsent bool
	// shortDigits: numbers of more digits may not fit the Go type though they fit the schema; 0: all do.
	shortDigits int
	// sound: encoding/json alone makes the output, so it is bounded, in UTF-8 and well formed.
	sound bool
	// elemZero is the zero value of *T's element, when T is a pointer and its schema was inferred: it is encoded in
	// place of nil, which would be null and not match.
	elemZero any
}

// InputOptions say how arguments are judged.
type InputOptions struct {
	// NullIsAbsent: null for an optional argument counts as leaving it out, where its schema does not allow null.
	NullIsAbsent bool
}

// Input compiles the schema of arguments that are decoded into In. One that is missing in *definition is inferred and
// put there: with plain types, though null is taken where Go has nil. The error names the field of In that no call
// could fill.
func Input[In any](definition *any, opt InputOptions) (*Schema, error) {
	t := reflect.TypeFor[In]()
	s := &Schema{nullIsAbsent: opt.NullIsAbsent}
	var err error
	if s.shape, err = shapeOf(t, true); err != nil {
		return nil, fmt.Errorf("input type: %w", err)
	}
	checked, given := *definition, *definition != nil
	switch {
	case given:
	case t == reflect.TypeFor[any]():
		checked = &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
		*definition = checked
	default:
		if name := borrowed(t, jsonUnmarshaler); name != "" {
			return nil, fmt.Errorf("input type: %v decodes as its embedded %s does; "+
				"give the field a name, or the tool an input schema", t, name)
		}
		shown, err := inferred(s.shape, false, false)
		if err != nil {
			return nil, fmt.Errorf("input type: %w", err)
		}
		if checked, err = inferred(s.shape, true, true); err != nil {
			return nil, fmt.Errorf("input type: %w", err)
		}
		*definition = shown
	}
	if err := s.compile(checked, *definition); err != nil {
		return nil, fmt.Errorf("input schema: %w", err)
	}
	s.shortDigits = s.shape.shortDigits(given)
	// The decoder of the type is compiled now, not during the first call.
	if err := sonic.Pretouch(t); err != nil {
		return nil, fmt.Errorf("input type: %w", err)
	}
	return s, nil
}

// Output compiles the schema of what Out encodes to. One that is missing in *definition is inferred and put there,
// unless Out is any: then the output is not described, and the Schema is nil. The error names the field of Out that
// cannot be encoded.
func Output[Out any](definition *any) (*Schema, error) {
	t := reflect.TypeFor[Out]()
	isAny := t == reflect.TypeFor[any]()
	if *definition == nil && isAny {
		return nil, nil
	}
	s := new(Schema)
	if !isAny {
		var err error
		if s.shape, err = shapeOf(t, false); err != nil {
			return nil, fmt.Errorf("output type: %w", err)
		}
		s.sound = s.shape.sound()
	}
	if *definition == nil {
		if name := borrowed(t, jsonMarshaler); name != "" {
			return nil, fmt.Errorf("output type: %v encodes as its embedded %s does; "+
				"give the field a name, or the tool an output schema", t, name)
		}
		shown, err := inferred(s.shape, true, false)
		if err != nil {
			return nil, fmt.Errorf("output type: %w", err)
		}
		*definition = shown
		if t.Kind() == reflect.Pointer {
			s.elemZero = reflect.Zero(t.Elem()).Interface()
		}
	}
	if err := s.compile(*definition, *definition); err != nil {
		return nil, fmt.Errorf("output schema: %w", err)
	}
	return s, nil
}

// borrowed names the embedded field whose method a struct has, if any: then the struct's own fields are no part of its
// JSON.
func borrowed(t, method reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || !reflect.PointerTo(t).Implements(method) {
		return ""
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && (f.Type.Implements(method) || reflect.PointerTo(f.Type).Implements(method)) {
			return f.Name
		}
	}
	return ""
}

// compile resolves the schema that values are checked against. shown is what clients see of it, and allows no more.
func (s *Schema) compile(checked, shown any) (err error) {
	if s.root, err = read(checked); err != nil {
		return err
	}
	if s.root == nil {
		return errors.New("the schema is nil")
	}
	if err := checkTypes(s.root, ""); err != nil {
		return err
	}
	if s.resolved, err = s.root.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true}); err != nil {
		return err
	}
	raw, err := json.Marshal(s.root)
	if err != nil {
		return err
	}
	s.hasDefaults = bytes.Contains(raw, []byte(`"default"`)) // also a property of that name: then only time is lost
	plain, err := read(shown)
	if err != nil {
		return err
	}
	s.flat = compileFlat(plain)
	return nil
}

// shortDigits is how many digits a number may have at most of which the schema alone knows that it fits; 0: as many as
// it likes. given: the schema is not inferred, so a number may stand where it says nothing.
func (s *shape) shortDigits(given bool) int {
	digits := 0
	limit := func(n int) {
		if digits == 0 || n < digits {
			digits = n
		}
	}
	s.walk(map[*shape]bool{}, false, func(s *shape, quoted bool) {
		switch {
		case s.kind == isFloat && s.t.Bits() == 32:
			limit(value.Digits(32))
		case s.kind == isAny, s.kind == isFloat && (given || quoted):
			limit(value.Digits(64))
		}
	})
	return digits
}

// sound says whether encoding/json makes all of the JSON, out of a type that cannot be nested without end.
func (s *shape) sound() bool {
	sound := true
	s.walk(map[*shape]bool{}, false, func(s *shape, _ bool) {
		if s.kind == isAny || s.kind == isRaw || s.recursive {
			sound = false
		}
	})
	return sound
}

// walk visits s and all that it is made of. quoted: it stands in a string.
func (s *shape) walk(seen map[*shape]bool, quoted bool, visit func(s *shape, quoted bool)) {
	if visit(s, quoted); seen[s] {
		return
	}
	seen[s] = true
	if s.elem != nil {
		s.elem.walk(seen, quoted, visit)
	}
	for _, f := range s.fields {
		f.shape.walk(seen, f.quoted, visit)
	}
}

// CheckInput wants what tools/list must show: an object with type "object" (MCP, Tool.inputSchema), whose types exist.
func CheckInput(definition any) error {
	if definition == nil {
		return errors.New("the input schema is missing")
	}
	if _, err := value.Marshal(definition); err != nil {
		return fmt.Errorf("input schema: %w", err)
	}
	if !DescribesObject(definition) {
		return errors.New(`the input schema must be an object with type "object"`)
	}
	if err := CheckDefinition(definition); err != nil {
		return fmt.Errorf("input schema: %w", err)
	}
	return nil
}

// CheckDefinition refuses what is no JSON schema, or names a type that JSON does not have.
func CheckDefinition(definition any) error {
	s, err := read(definition)
	if err != nil {
		return err
	}
	if err := checkTypes(s, ""); err != nil {
		return err
	}
	return checkRefs(s, s, "")
}

// Shown is the form of an input schema that every client takes: several refuse an object without properties. Whatever
// fits such a schema fits it with none named.
func Shown(definition any) any {
	if s, ok := definition.(*jsonschema.Schema); ok {
		if s == nil || s.Type != "object" || s.Properties != nil {
			return definition
		}
		shown := *s
		shown.Properties = map[string]*jsonschema.Schema{}
		return &shown
	}
	raw, err := value.Marshal(definition)
	if err != nil || codec.Member(raw, "properties") != nil || raw[0] != '{' {
		return definition
	}
	return json.RawMessage(append(raw[:len(raw)-1:len(raw)-1], `,"properties":{}}`...))
}

// DescribesObject says whether a schema in any of its Go forms is an object with type "object".
func DescribesObject(definition any) bool {
	raw, err := value.Marshal(definition)
	if err != nil {
		return false
	}
	var root struct {
		Type any `json:"type"`
	}
	return json.Unmarshal(raw, &root) == nil && root.Type == "object"
}

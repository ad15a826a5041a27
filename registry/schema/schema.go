package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/decoder"
	"github.com/google/jsonschema-go/jsonschema"
)

// strictOptions decode arguments. Keys match in exact case only: a second spelling of a key is how one parser is shown
// another value than the next. Duplicate keys and bad UTF-8 never get here, codec.Scan refuses them, which is also why
// nothing that is skipped is checked again. Strings point into the input.
const strictOptions = decoder.OptionCaseSensitive | decoder.OptionNoValidateJSON

// Decoder is scratch for decoding. It is part of the caller's own memory, so that it is not an allocation of its own.
// The zero value is ready; one goroutine at a time uses it.
type Decoder struct{ sonic decoder.Decoder }

// Decode decodes text, valid JSON that nobody writes to afterwards, into v. Keys match in exact case, and strings in v
// point into text.
func (d *Decoder) Decode(text string, v any) error {
	d.sonic.Reset(text)
	d.sonic.SetOptions(strictOptions)
	return d.sonic.Decode(v)
}

// Schema checks one tool's arguments or output. Immutable; safe for concurrent use.
type Schema struct {
	resolved *jsonschema.Resolved
	flat     *flatSchema // nil: only the full validator understands the schema
	// hasDefaults: valid values may have to be completed, so what is decoded is not what was sent.
	hasDefaults bool
	// elemZero is the zero value of *T's element, when T is a pointer and its schema was inferred: it is encoded in
	// place of nil, which would be null and not match.
	elemZero any
}

// Input compiles the schema of arguments that are decoded into In. One that is missing in *definition is inferred and
// put there.
func Input[In any](definition *any) (*Schema, error) {
	if *definition == nil && reflect.TypeFor[In]() == reflect.TypeFor[any]() {
		*definition = &jsonschema.Schema{Type: "object"}
	}
	s, err := compile[In](definition)
	if err != nil {
		return nil, fmt.Errorf("input schema: %w", err)
	}
	// The decoder of the type is compiled now, not during the first call.
	if err := sonic.Pretouch(reflect.TypeFor[In]()); err != nil {
		return nil, fmt.Errorf("input type: %w", err)
	}
	return s, nil
}

// Output compiles the schema of what Out encodes to. One that is missing in *definition is inferred and put there,
// unless Out is any: then the output is not described, and the Schema is nil.
func Output[Out any](definition *any) (*Schema, error) {
	if *definition == nil && reflect.TypeFor[Out]() == reflect.TypeFor[any]() {
		return nil, nil
	}
	s, err := compile[Out](definition)
	if err != nil {
		return nil, fmt.Errorf("output schema: %w", err)
	}
	return s, nil
}

// compile resolves the schema in *field, or infers it from T and puts it there, as the SDK's AddTool does:
// jsonschema-go's rules, pointers as what they point to, defaults checked.
func compile[T any](field *any) (*Schema, error) {
	s := new(Schema)
	var definition *jsonschema.Schema
	switch given := (*field).(type) {
	case nil:
		t := reflect.TypeFor[T]()
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
			s.elemZero = reflect.Zero(t).Interface()
		}
		var err error
		if definition, err = jsonschema.ForType(t, &jsonschema.ForOptions{}); err != nil {
			return nil, err
		}
		*field = definition
	case *jsonschema.Schema:
		definition = given
	default:
		raw, err := json.Marshal(given)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &definition); err != nil {
			return nil, err
		}
	}
	if definition == nil {
		return nil, errors.New("the schema is nil")
	}
	var err error
	if s.resolved, err = definition.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true}); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(definition)
	if err != nil {
		return nil, err
	}
	s.hasDefaults = bytes.Contains(raw, []byte(`"default"`)) // also a property of that name: then only time is lost
	s.flat = compileFlat(definition)
	return s, nil
}

// Decode checks args, an object or "" for none, and decodes it into in, a pointer to the zero value, whose strings then
// point into args. The error names what does not fit and may quote it.
func (s *Schema) Decode(d *Decoder, args string, in any) error {
	if args == "" {
		args = "{}"
	}
	if s.flat != nil && s.flat.accepts(args) && d.Decode(args, in) == nil {
		return nil
	}
	// Everything that is not plainly right takes the long way, which has the last word and finds the words for no.
	// encoding/json and not json.Number: the validator computes with exponents, so 1e999999999 must not reach it.
	instance := make(map[string]any)
	if err := json.Unmarshal([]byte(args), &instance); err != nil {
		return fmt.Errorf("unmarshaling arguments: %w", err)
	}
	if err := s.resolved.ApplyDefaults(&instance); err != nil {
		return fmt.Errorf("applying schema defaults: %w", err)
	}
	if err := s.resolved.Validate(&instance); err != nil {
		return err
	}
	target := reflect.ValueOf(in).Elem()
	if !s.hasDefaults {
		target.SetZero()
		if d.Decode(args, in) == nil {
			return nil // as it was sent: large integers keep every digit
		}
	}
	// 1.0 is an integer to a schema and not to a decoder; rewritten, it is 1.
	target.SetZero()
	completed, err := json.Marshal(instance)
	if err != nil {
		return err
	}
	return d.Decode(string(completed), in)
}

// Encode encodes and checks a typed output; nil when there is none, which only an Out of any or a pointer without
// inferred schema can say. A nil pointer whose element was described stands for the element's zero value.
func Encode[Out any](s *Schema, out Out) ([]byte, error) {
	var value any = out
	if s != nil && s.elemZero != nil && reflect.ValueOf(value).IsNil() {
		value = s.elemZero
	}
	if value == nil {
		return nil, nil
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("marshaling output: %w", err)
	}
	if s == nil {
		return encoded, nil
	}
	if encoded, err = s.checkOutput(encoded); err != nil {
		return nil, fmt.Errorf("validating tool output: %w", err)
	}
	return encoded, nil
}

// checkOutput checks an encoded output and returns it, completed with the schema's defaults.
func (s *Schema) checkOutput(encoded []byte) ([]byte, error) {
	if s.flat != nil && s.flat.accepts(bytesAsString(encoded)) {
		return encoded, nil
	}
	var instance any
	if err := json.Unmarshal(encoded, &instance); err != nil {
		return nil, fmt.Errorf("unmarshaling output: %w", err)
	}
	rewrite := s.hasDefaults
	if instance == nil && s.resolved.Schema().Type == "object" {
		instance, rewrite = make(map[string]any), true // a nil map, which encodes as null
	}
	if _, ok := instance.(map[string]any); ok {
		if err := s.resolved.ApplyDefaults(&instance); err != nil {
			return nil, fmt.Errorf("applying schema defaults: %w", err)
		}
	}
	if err := s.resolved.Validate(&instance); err != nil {
		return nil, err
	}
	if !rewrite {
		return encoded, nil
	}
	return json.Marshal(instance)
}

// CheckInput wants what tools/list must show: an object with type "object" (MCP, Tool.inputSchema).
func CheckInput(definition any) error {
	if definition == nil {
		return errors.New("the input schema is missing")
	}
	if !DescribesObject(definition) {
		return errors.New(`the input schema must be an object with type "object"`)
	}
	return nil
}

// DescribesObject says whether a schema in any of its Go forms is an object with type "object".
func DescribesObject(definition any) bool {
	raw, err := json.Marshal(definition)
	if err != nil {
		return false
	}
	var root struct {
		Type any `json:"type"`
	}
	return json.Unmarshal(raw, &root) == nil && root.Type == "object"
}

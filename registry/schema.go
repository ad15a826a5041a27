package registry

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

// decodeStrict decodes text, valid JSON that nobody writes to afterwards, into v. d is scratch, and part of the call so
// that it is not an allocation of its own.
func decodeStrict(d *decoder.Decoder, text string, v any) error {
	d.Reset(text)
	d.SetOptions(strictOptions)
	return d.Decode(v)
}

// pretouch compiles the decoder of a type when a tool is registered, not during its first call.
func pretouch(t reflect.Type) error { return sonic.Pretouch(t) }

// jsonValid says whether a handler's raw JSON is that.
func jsonValid(raw []byte) bool { return json.Valid(raw) }

// schema checks one tool's arguments or output.
type schema struct {
	resolved *jsonschema.Resolved
	flat     *flatSchema // nil: only the full validator understands the schema
	// hasDefaults: valid values may have to be completed, so what is decoded is not what was sent.
	hasDefaults bool
	// elemZero is the zero value of *T's element, when T is a pointer and its schema was inferred: it is encoded in
	// place of nil, which would be null and not match.
	elemZero any
}

// compileSchema resolves the schema in *field, or infers it from T and puts it there, as the SDK's AddTool does:
// jsonschema-go's rules, pointers as what they point to, defaults checked.
func compileSchema[T any](field *any) (*schema, error) {
	s := new(schema)
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

// decode checks args, an object or "" for none, and decodes it into in, a pointer to the zero value. The error names
// what does not fit and may quote it.
func (s *schema) decode(d *decoder.Decoder, args string, in any) error {
	if args == "" {
		args = "{}"
	}
	if s.flat != nil && s.flat.accepts(args) && decodeStrict(d, args, in) == nil {
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
		if decodeStrict(d, args, in) == nil {
			return nil // as it was sent: large integers keep every digit
		}
	}
	// 1.0 is an integer to a schema and not to a decoder; rewritten, it is 1.
	target.SetZero()
	completed, err := json.Marshal(instance)
	if err != nil {
		return err
	}
	return decodeStrict(d, string(completed), in)
}

// checkOutput checks an encoded output and returns it, completed with the schema's defaults.
func (s *schema) checkOutput(encoded []byte) ([]byte, error) {
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

// checkInputSchema wants what tools/list must show: an object with type "object" (MCP, Tool.inputSchema).
func checkInputSchema(definition any) error {
	if definition == nil {
		return errors.New("the input schema is missing")
	}
	if !describesObject(definition) {
		return errors.New(`the input schema must be an object with type "object"`)
	}
	return nil
}

// describesObject says whether a schema in any of its Go forms is an object with type "object".
func describesObject(definition any) bool {
	raw, err := json.Marshal(definition)
	if err != nil {
		return false
	}
	var root struct {
		Type any `json:"type"`
	}
	return json.Unmarshal(raw, &root) == nil && root.Type == "object"
}

package schema

import (
	"encoding/json"
	"fmt"
	"reflect"

	"weir/registry/value"
)

// Encode encodes and checks a typed output; nil when there is none, which only an Out of any can say. A nil pointer
// whose element was described stands for the element's zero value. What the handler supplied as raw JSON is repaired;
// what is nested without end is an error.
func Encode[Out any](s *Schema, out Out) ([]byte, error) {
	if any(out) == nil {
		return nil, nil
	}
	var v any
	if s != nil && s.elemZero != nil && reflect.ValueOf(out).IsNil() {
		v = s.elemZero
	} else {
		addressable := out // encoding/json calls the methods of pointers on what it can address
		v = &addressable
	}
	encoded, err := s.marshal(v)
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

func (s *Schema) marshal(v any) ([]byte, error) {
	if s != nil && s.sound {
		return json.Marshal(v)
	}
	return value.Marshal(v)
}

// checkOutput checks an encoded output and returns it, completed with the schema's defaults. No number changes.
func (s *Schema) checkOutput(encoded []byte) ([]byte, error) {
	if s.flat != nil && s.flat.accepts(bytesAsString(encoded)) {
		return encoded, nil
	}
	v, err := value.Decode(string(encoded))
	if err != nil {
		return nil, fmt.Errorf("unmarshaling output: %w", err)
	}
	rewrite := false
	if v == nil && s.resolved.Schema().Type == "object" {
		v, rewrite = make(map[string]any), true // a nil map, which encodes as null
	}
	completed, err := s.judge(v)
	if err != nil {
		return nil, err
	}
	if !rewrite && !completed {
		return encoded, nil
	}
	return value.Encode(v)
}

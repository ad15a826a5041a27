package schema

import (
	"bytes"
	"encoding/json"
	"errors"

	"weir/registry/value"
)

// ForAnswers compiles the schema that a client's user is asked with (MCP 2025-11-25, client/elicitation, requested
// schema); nil when it is nil or null, for answers of any form. The error is also of one that is of no object.
func ForAnswers(definition any) (*Schema, error) {
	raw, err := value.Marshal(definition)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	s := new(Schema)
	if err := s.compile(json.RawMessage(raw), json.RawMessage(raw)); err != nil {
		return nil, err
	}
	if s.root.Type != "" && s.root.Type != "object" || s.root.Types != nil {
		return nil, errors.New("its type must be object")
	}
	return s, nil
}

// Answer checks an answer, a JSON object, and returns it with the schema's defaults. Its numbers are those of
// Decoder.Object. s may be nil. The error names what does not fit and may quote it.
func (s *Schema) Answer(content string) (map[string]any, error) {
	if s == nil {
		return value.Object(content)
	}
	v, err := value.Decode(content)
	if err != nil {
		return nil, err
	}
	if _, err := s.judge(v); err != nil {
		return nil, err
	}
	object, _ := value.Soften(v).(map[string]any)
	return object, nil
}

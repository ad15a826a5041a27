package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"weir/registry/value"
)

// Rounding finds numbers that a program changes which reads JSON as float64 and writes it again.
type Rounding struct{ root *jsonschema.Schema }

// RoundingOf reads the schema of what goes through such a program; definition may be anything, nil too.
func RoundingOf(definition any) Rounding {
	root, err := read(definition)
	if err != nil || root == nil {
		root = new(jsonschema.Schema)
	}
	return Rounding{root}
}

// Before finds a number in JSON that has not been there yet and would change. ok is false when there is none.
func (r Rounding) Before(text []byte) (path, token string, ok bool) {
	return r.find(text, func(_ *jsonschema.Schema, token string) bool { return !value.Survives(token) })
}

// After finds a number in JSON that has been there and may have changed: an integer, unless the schema has it for a
// float, beyond what every float64 holds.
func (r Rounding) After(text []byte) (path, token string, ok bool) {
	return r.find(text, func(s *jsonschema.Schema, token string) bool {
		const exact = 1 << 53
		i, integer := value.Comparable(token).(int64)
		_, whole := value.Integer(token)
		return whole && s.Type != "number" && (!integer || i > exact || i < -exact)
	})
}

func (r Rounding) find(text []byte, changed func(s *jsonschema.Schema, token string) bool) (path, token string,
	ok bool) {
	if value.Short(bytesAsString(text), value.Digits(64)) {
		return "", "", false
	}
	v, err := value.Decode(string(text))
	if err != nil {
		return "", "", false
	}
	return r.search(r.root, v, "", changed)
}

func (r Rounding) search(s *jsonschema.Schema, v any, path string, changed func(s *jsonschema.Schema,
	token string) bool,
) (at, token string, ok bool) {
	if s == nil {
		s = new(jsonschema.Schema)
	}
	s = follow(r.root, s)
	switch v := v.(type) {
	case json.Number:
		return path, clip(string(v)), changed(s, string(v))
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			p := s.Properties[key]
			if p == nil {
				p = s.AdditionalProperties
			}
			if at, token, ok = r.search(p, v[key], join(path, key), changed); ok {
				return at, token, true
			}
		}
	case []any:
		for i, element := range v {
			if at, token, ok = r.search(s.Items, element, fmt.Sprintf("%s[%d]", path, i), changed); ok {
				return at, token, true
			}
		}
	}
	return "", "", false
}

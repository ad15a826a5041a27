package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"weir/registry/value"
)

// literal decodes JSON with its numbers as the validator compares them.
func literal(text string) (any, error) {
	v, err := value.Decode(text)
	return value.Numbers(v), err
}

func isJSONNumber(v any) bool {
	switch v.(type) {
	case int64, uint64, float64:
		return true
	}
	return false
}

// children calls visit with every schema directly in s and the names that lead there.
func children(s *jsonschema.Schema, visit func(path []string, sub *jsonschema.Schema)) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" { // those that the library encodes itself
			name = map[string]string{"Items": "items", "ItemsArray": "items", "DependencySchemas": "dependencies"}[field.Name]
		}
		switch sub := v.Field(i).Interface().(type) {
		case *jsonschema.Schema:
			if sub != nil {
				visit([]string{name}, sub)
			}
		case []*jsonschema.Schema:
			for n, one := range sub {
				visit([]string{name, fmt.Sprint(n)}, one)
			}
		case map[string]*jsonschema.Schema:
			for key, one := range sub {
				visit([]string{name, key}, one)
			}
		}
	}
}

// jsonTypes are all that JSON has.
var jsonTypes = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// checkTypes refuses a schema that names a type which JSON does not have: no value would ever fit it.
func checkTypes(s *jsonschema.Schema, path string) (err error) {
	if s == nil {
		return fmt.Errorf("%s is null", where(path))
	}
	types := s.Types
	if s.Type != "" {
		types = append([]string{s.Type}, types...)
	}
	for _, t := range types {
		if !slices.Contains(jsonTypes, t) {
			return fmt.Errorf("%s has the type %q, which is none of %s", where(path), t, strings.Join(jsonTypes, ", "))
		}
	}
	children(s, func(names []string, sub *jsonschema.Schema) {
		if err == nil {
			err = checkTypes(sub, path+"/"+strings.Join(names, "/"))
		}
	})
	return err
}

// checkRefs refuses a reference into a $defs that does not have it: clients that compile schemas refuse the list.
func checkRefs(root, s *jsonschema.Schema, path string) (err error) {
	name, within := strings.CutPrefix(s.Ref, "#/$defs/")
	if within && !strings.ContainsAny(name, "/~%") && root.Defs[name] == nil {
		return fmt.Errorf("%s refers to %q, which is not there", where(path), s.Ref)
	}
	children(s, func(names []string, sub *jsonschema.Schema) {
		if err == nil {
			err = checkRefs(root, sub, path+"/"+strings.Join(names, "/"))
		}
	})
	return err
}

func where(path string) string {
	if path == "" {
		return "the schema"
	}
	return path
}

// exactLiterals gives a decoded schema the numbers of its enums and constants as they were written: the library reads
// them as float64.
func exactLiterals(s *jsonschema.Schema, written any) {
	node, ok := written.(map[string]any)
	if !ok {
		return
	}
	if list, ok := node["enum"].([]any); ok && len(list) == len(s.Enum) {
		for i, v := range list {
			s.Enum[i] = value.Numbers(v)
		}
	}
	if v, ok := node["const"]; ok && s.Const != nil {
		*s.Const = value.Numbers(v)
	}
	children(s, func(names []string, sub *jsonschema.Schema) {
		var at any = node
		for _, name := range names {
			switch in := at.(type) {
			case map[string]any:
				at = in[name]
			case []any:
				var i int
				if _, err := fmt.Sscan(name, &i); err != nil || i >= len(in) {
					return
				}
				at = in[i]
			}
		}
		exactLiterals(sub, at)
	})
}

// read decodes a definition in any of its Go forms.
func read(definition any) (*jsonschema.Schema, error) {
	if s, ok := definition.(*jsonschema.Schema); ok {
		return s, nil
	}
	raw, err := json.Marshal(definition)
	if err != nil {
		return nil, err
	}
	var s *jsonschema.Schema
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return nil, err
	}
	written, err := value.Decode(string(raw))
	if err != nil {
		return nil, err
	}
	exactLiterals(s, written)
	return s, nil
}

// completion fills in what the sender left out, as jsonschema-go's ApplyDefaults does, which would change numbers.
type completion struct {
	root *jsonschema.Schema
	// nullIsAbsent: a member that is null counts as left out where it is optional and its schema has no null.
	nullIsAbsent bool
	defaults     bool
	changed      bool
}

// object completes a value that s describes.
func (c *completion) object(s *jsonschema.Schema, v any) error {
	if c.nullIsAbsent {
		c.dropNulls(s, v)
	}
	if !c.defaults {
		return nil
	}
	return c.fill(s, v)
}

func (c *completion) fill(s *jsonschema.Schema, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	for key, p := range s.Properties {
		if slices.Contains(s.Required, key) {
			continue
		}
		member, given := m[key]
		switch {
		case given:
		case p.Default != nil:
			var err error
			if member, err = value.Decode(string(p.Default)); err != nil {
				return fmt.Errorf("the default of %q: %w", key, err)
			}
			c.changed, m[key] = true, member
		case hasDefault(p):
			member = map[string]any{}
			c.changed, m[key] = true, member
		default:
			continue
		}
		if err := c.fill(p, member); err != nil {
			return err
		}
	}
	return nil
}

// hasDefault says whether a property of a property, and so on, has a default.
func hasDefault(s *jsonschema.Schema) bool {
	if s == nil {
		return false
	}
	for _, p := range s.Properties {
		if p.Default != nil || hasDefault(p) {
			return true
		}
	}
	return s.Default != nil
}

func (c *completion) dropNulls(s *jsonschema.Schema, v any) {
	s = follow(c.root, s)
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			p, named := s.Properties[key]
			if p == nil {
				p = s.AdditionalProperties
			}
			switch {
			case p == nil:
			case member != nil:
				c.dropNulls(p, member)
			case named && !slices.Contains(s.Required, key) && !takesNull(follow(c.root, p)):
				delete(v, key)
				c.changed = true
			}
		}
	case []any:
		if s.Items == nil {
			return
		}
		for _, element := range v {
			c.dropNulls(s.Items, element)
		}
	}
}

// takesNull says whether a schema may allow null, by its type alone.
func takesNull(s *jsonschema.Schema) bool {
	return s.Type == "" && s.Types == nil || s.Type == "null" || slices.Contains(s.Types, "null")
}

// follow is the schema that a reference into $defs leads to; others stay.
func follow(root, s *jsonschema.Schema) *jsonschema.Schema {
	for range 10 {
		name, ok := strings.CutPrefix(s.Ref, "#/$defs/")
		if !ok || root.Defs[name] == nil {
			break
		}
		s = root.Defs[name]
	}
	return s
}

// misplacedNull finds a null that the schema does not allow, and what it wants instead. The library's words for it are
// about Go's reflection.
func misplacedNull(root, s *jsonschema.Schema, v any, path string) (at, want string) {
	s = follow(root, s)
	switch v := v.(type) {
	case nil:
		if !takesNull(s) {
			return path, strings.TrimPrefix(strings.Join(append([]string{s.Type}, s.Types...), " or "), " or ")
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			p := s.Properties[key]
			if p == nil {
				p = s.AdditionalProperties
			}
			if p == nil || isFalse(p) {
				continue
			}
			if at, want = misplacedNull(root, p, v[key], join(path, key)); want != "" {
				return at, want
			}
		}
	case []any:
		if s.Items == nil {
			break
		}
		for i, element := range v {
			if at, want = misplacedNull(root, s.Items, element, fmt.Sprintf("%s[%d]", path, i)); want != "" {
				return at, want
			}
		}
	}
	return "", ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

package invoke

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec/option"
)

// maxFileBytes is what a file may bring into an argument.
const maxFileBytes = 64 << 20

// object is what --json says; nil without it.
func (f *Flags) object() (json.RawMessage, error) {
	if f.JSON == "" {
		return nil, nil
	}
	if len(f.Arguments) > 0 {
		return nil, usage("--json: there are key=value arguments too: allowed is one of the two")
	}
	text := f.JSON
	if path, is := strings.CutPrefix(text, "@"); is {
		var err error
		if text, err = readFile(path); err != nil {
			return nil, usage("--json: %v", err)
		}
	}
	if trimmed := strings.TrimSpace(text); !json.Valid([]byte(text)) || !strings.HasPrefix(trimmed, "{") {
		return nil, usage("--json: %s is no JSON object: allowed is such as '{\"key\": 1}', or @FILE",
			option.Quote(trimmed))
	}
	return json.RawMessage(text), nil
}

func readFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return string(text), err
}

// schema is what of a JSON schema says how values are written.
type schema struct {
	Type       any                `json:"type"`
	Properties map[string]*schema `json:"properties"`
	Additional any                `json:"additionalProperties"`
	Items      *schema            `json:"items"`
	Required   []string           `json:"required"`
	Enum       []any              `json:"enum"`
}

// types are the types that a value may have; none: any.
func (s *schema) types() (types []string) {
	if s == nil {
		return nil
	}
	switch found := s.Type.(type) {
	case string:
		return []string{found}
	case []any:
		for _, one := range found {
			if text, is := one.(string); is {
				types = append(types, text)
			}
		}
	}
	return types
}

// typed makes arguments of key=value, with the types of the tool's schema.
func (f *Flags) typed(ctx context.Context, session *mcp.ClientSession) (json.RawMessage, error) {
	found, err := tools(ctx, session, f.Tool)
	if err != nil {
		return nil, err
	}
	var s schema
	if len(found) > 0 { // a server may call what it does not list
		text, err := json.Marshal(found[0].InputSchema)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &s); err != nil { // it has a form of its own: everything is text or JSON
			s = schema{}
		}
	}
	return f.values(&s)
}

// values are the arguments as an object.
func (f *Flags) values(s *schema) (json.RawMessage, error) {
	values := map[string]any{}
	given := map[string][]string{}
	for _, one := range f.Arguments {
		key, text, ok := strings.Cut(one, "=")
		if !ok || key == "" {
			return nil, usage("%s is no argument: allowed is key=value", option.Quote(one))
		}
		if s.Additional == false && s.Properties[key] == nil {
			return nil, usage("%s has no argument %s%s", f.Tool, option.Quote(key), meant(key, s))
		}
		if path, is := strings.CutPrefix(text, "@"); is && !strings.HasPrefix(path, "@") {
			var err error
			if text, err = readFile(path); err != nil {
				return nil, usage("%s: %v (%s=@@... is a text that begins with @)", key, err, key)
			}
		} else if is {
			text = path
		}
		given[key] = append(given[key], text)
	}
	for key, texts := range given {
		value, err := valueOf(key, texts, s.Properties[key])
		if err != nil {
			return nil, err
		}
		values[key] = value
	}
	for _, key := range s.Required {
		if _, has := values[key]; !has {
			return nil, usage("%s needs the argument %s", f.Tool, key)
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(values)
	return b.Bytes(), err
}

// meant says what an argument may have been.
func meant(key string, s *schema) string {
	known := slices.Sorted(maps.Keys(s.Properties))
	if near := option.Nearest(key, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(known) == 0 {
		return ": it has none"
	}
	return ": allowed are " + strings.Join(known, ", ")
}

// valueOf is the value of an argument that was given so often.
func valueOf(key string, texts []string, s *schema) (any, error) {
	isList := slices.Contains(s.types(), "array")
	if len(texts) == 1 && !(isList && !strings.HasPrefix(strings.TrimSpace(texts[0]), "[")) {
		return scalarOf(key, texts[0], s)
	}
	if !isList && len(s.types()) > 0 {
		return nil, usage("%s is given %d times: allowed is once", key, len(texts))
	}
	var items *schema
	if s != nil {
		items = s.Items
	}
	list := make([]any, len(texts))
	for i, text := range texts {
		var err error
		if list[i], err = scalarOf(key, text, items); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// scalarOf is a text as the first of the schema's types that it can be. Numbers keep their digits.
func scalarOf(key, text string, s *schema) (any, error) {
	types := s.types()
	trimmed := strings.TrimSpace(text)
	isJSON := json.Valid([]byte(trimmed))
	raw := func() json.RawMessage { return json.RawMessage(trimmed) }
	for _, kind := range types {
		switch {
		case kind == "string":
		case !isJSON:
		case kind == "integer" || kind == "number":
			if _, err := strconv.ParseFloat(trimmed, 64); err == nil {
				return raw(), nil
			}
		case kind == "boolean" && (trimmed == "true" || trimmed == "false"),
			kind == "null" && trimmed == "null",
			kind == "array" && trimmed[0] == '[',
			kind == "object" && trimmed[0] == '{':
			return raw(), nil
		}
	}
	switch {
	case slices.Contains(types, "string"):
		return text, nil
	case len(types) > 0:
		return nil, usage("%s: %s is not allowed: allowed is %s", key, option.Quote(text), strings.Join(types, " or "))
	case s != nil && len(s.Enum) > 0 && slices.Contains(s.Enum, any(text)):
		return text, nil
	case isJSON:
		return raw(), nil
	}
	return text, nil
}

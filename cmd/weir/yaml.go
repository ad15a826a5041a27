package main

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// The configuration file is decoded here and not by the library's own decoder, for two things that one does not do:
// show every mistake at once, and remember where each value stands, so that a limit which a package refuses later is
// shown at its place in the file. The library does what is hard: tokens, indentation, quoting.

// decoder fills a struct from a YAML document. Rule: a value that is wrong leaves its field as it was.
type decoder struct {
	problems  *problems
	positions map[string]position // by path ("queue.max_waiting"): where its value stands
	known     []string            // every path that exists, for suggestions
}

// decodeYAML fills target (a pointer to a struct with yaml tags) from text, which was read from the file named in
// p. Positions of all values that were set are added to positions.
func decodeYAML(text []byte, target any, p *problems, positions map[string]position) {
	d := &decoder{problems: p, positions: positions}
	root := reflect.ValueOf(target).Elem()
	walkOptions(root, "", func(o option) { d.known = append(d.known, o.path) })
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		p.list = append(p.list, syntaxProblem(err))
		return
	}
	for i, doc := range file.Docs {
		if doc.Body == nil {
			continue // nothing but comments: everything keeps its default
		}
		if i > 0 {
			start := position{line: doc.Start.Position.Line, column: doc.Start.Position.Column}
			p.add(start, "a second document; the configuration is one document, so remove the --- here")
			continue
		}
		d.section(doc.Body, root, "")
	}
}

func syntaxProblem(err error) problem {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return problem{text: err.Error()}
	}
	found := problem{text: syntax.GetMessage()}
	if token := syntax.GetToken(); token != nil {
		found.at = position{line: token.Position.Line, column: token.Position.Column}
	}
	return found
}

func at(n ast.Node) position {
	if section, ok := n.(ast.MapNode); ok { // its token is the first colon; a reader looks for the first key
		if first := section.MapRange(); first.Next() {
			n = first.Key()
		}
	}
	token := n.GetToken()
	if token == nil || token.Position == nil {
		return position{}
	}
	return position{line: token.Position.Line, column: token.Position.Column}
}

// section decodes a mapping into a struct.
func (d *decoder) section(n ast.Node, into reflect.Value, path string) {
	if _, empty := n.(*ast.NullNode); empty {
		return // "queue:" with everything under it commented out
	}
	mapping, ok := n.(ast.MapNode)
	if !ok {
		d.problems.add(at(n), "%s: found %s, want a section of keys", orTop(path), describe(n))
		return
	}
	fields := fieldsByKey(into)
	seen := map[string]position{}
	for entries := mapping.MapRange(); entries.Next(); {
		entry := entries.KeyValue()
		place := at(entry.Key)
		key, ok := entry.Key.(*ast.StringNode)
		if !ok {
			d.problems.add(place, "found %s as a key, want the plain name of a key", describe(entry.Key))
			continue
		}
		full := join(path, key.Value)
		if first, twice := seen[key.Value]; twice {
			d.problems.add(place, "%s: set twice; the first is in line %d", full, first.line)
			continue
		}
		seen[key.Value] = place
		field, known := fields[key.Value]
		if !known {
			d.problems.add(place, "unknown key %q%s", full, d.suggest(full, path))
			continue
		}
		if field.Kind() == reflect.Struct {
			d.positions[full] = place
			d.section(entry.Value, field, full)
			continue
		}
		d.positions[full] = at(entry.Value)
		if err := setValue(entry.Value, field, key.Value); err != nil {
			d.problems.add(at(entry.Value), "%s: %v", full, err)
		}
	}
}

// setValue stores a scalar or a list of them; the error says what was found and what is wanted.
func setValue(n ast.Node, field reflect.Value, key string) error {
	if field.Kind() == reflect.Slice {
		return setList(n, field, key)
	}
	if field.Type() == durationType {
		return setDuration(n, field)
	}
	switch field.Kind() {
	case reflect.String:
		text, ok := n.(*ast.StringNode)
		if !ok {
			return fmt.Errorf("found %s, want text in quotes%s", describe(n), offHint(n))
		}
		field.SetString(text.Value)
	case reflect.Bool:
		value, ok := n.(*ast.BoolNode)
		if !ok {
			return fmt.Errorf("found %s, want true or false", describe(n))
		}
		field.SetBool(value.Value)
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Int8,
		reflect.Uint, reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		return setInteger(n, field, strings.Contains(key, "_bytes"))
	case reflect.Float64:
		switch value := n.(type) {
		case *ast.FloatNode:
			field.SetFloat(value.Value)
		case *ast.IntegerNode:
			whole, err := integer(value)
			if err != nil {
				return err
			}
			field.SetFloat(float64(whole))
		default:
			return fmt.Errorf("found %s, want a number", describe(n))
		}
	default:
		panic(fmt.Sprintf("configuration key %s has type %s, which no file can set", key, field.Type()))
	}
	return nil
}

var durationType = reflect.TypeFor[time.Duration]()

func setDuration(n ast.Node, field reflect.Value) error {
	const want = "want a time with its unit, such as 500ms, 5s or 1m30s (0s is none)"
	text, ok := n.(*ast.StringNode)
	if !ok {
		return fmt.Errorf("found %s, %s", describe(n), want)
	}
	value, err := time.ParseDuration(text.Value)
	if err != nil {
		return fmt.Errorf("found %s, %s", describe(n), want)
	}
	field.SetInt(int64(value))
	return nil
}

func setInteger(n ast.Node, field reflect.Value, isBytes bool) error {
	want := "want a whole number"
	if isBytes {
		want = "want a number of bytes, such as 65536 or 64KiB"
	}
	var value int64
	switch found := n.(type) {
	case *ast.IntegerNode:
		whole, err := integer(found)
		if err != nil {
			return err
		}
		value = whole
	case *ast.StringNode:
		size, ok := parseSize(found.Value)
		if !isBytes || !ok {
			return fmt.Errorf("found %s, %s", describe(n), want)
		}
		value = size
	default:
		return fmt.Errorf("found %s, %s", describe(n), want)
	}
	if field.CanUint() {
		if value < 0 || field.OverflowUint(uint64(value)) {
			return fmt.Errorf("found %d, %s from 0 to %d", value, want, uint64(math.MaxUint64)>>(64-field.Type().Bits()))
		}
		field.SetUint(uint64(value))
		return nil
	}
	if field.OverflowInt(value) {
		return fmt.Errorf("found %d, %s up to %d", value, want, math.MaxInt64>>(64-field.Type().Bits()))
	}
	field.SetInt(value)
	return nil
}

func integer(n *ast.IntegerNode) (int64, error) {
	switch value := n.Value.(type) {
	case int64:
		return value, nil
	case uint64:
		if value <= math.MaxInt64 {
			return int64(value), nil
		}
	}
	return 0, fmt.Errorf("found %s, want a whole number up to %d", n.Token.Value, int64(math.MaxInt64))
}

// parseSize reads "64KiB", "1 MiB", "2GiB". Only the binary units: K and KB mean two things.
func parseSize(text string) (int64, bool) {
	for unit, shift := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		digits, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		value, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || value < 0 || value > math.MaxInt64>>shift {
			return 0, false
		}
		return value << shift, true
	}
	return 0, false
}

func setList(n ast.Node, field reflect.Value, key string) error {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return fmt.Errorf("found %s, want a list, such as [a, b]", describe(n))
	}
	values := reflect.MakeSlice(field.Type(), len(list.Values), len(list.Values))
	for i, one := range list.Values {
		if err := setValue(one, values.Index(i), key); err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	field.Set(values)
	return nil
}

// describe says what stands in the file, shortened: a value may be a pasted key of 4 KB.
func describe(n ast.Node) string {
	const longest = 60
	short := func(s string) string {
		if len(s) > longest {
			return s[:longest] + "..."
		}
		return s
	}
	switch found := n.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		return short(n.GetToken().Value)
	case *ast.StringNode:
		return strconv.Quote(short(found.Value))
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor or alias (not supported here)"
	case *ast.TagNode:
		return "a tag (not supported here)"
	}
	return "a value of another kind"
}

// offHint helps who writes "http:" with nothing behind it to switch a listener off.
func offHint(n ast.Node) string {
	if _, empty := n.(*ast.NullNode); empty {
		return ` ("" is none)`
	}
	return ""
}

func orTop(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

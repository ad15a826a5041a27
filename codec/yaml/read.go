package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"weir/codec/option"
)

// maxListedKeys is how many known keys a section may have to be listed where an unknown one is like none of them.
const maxListedKeys = 16

// byteOrderMark is what some editors write before UTF-8. It says nothing (RFC 3629 6) and is no part of the first key.
const byteOrderMark = "\ufeff"

// Read fills a pointer to a struct from the text of a file, which is named in mistakes. What the file does not name
// stays as it is; sections that are made for it (behind nil pointers, in lists) begin with their defaults. Places has
// every key that was written; it is nil when the text is no YAML or no section, and mistakes then says where.
func Read(file string, text []byte, into any) (option.Places, option.Mistakes) {
	root := reflect.ValueOf(into).Elem()
	r := &reader{file: file, places: option.Places{"": {File: file}}, known: option.Keys(root.Type())}
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		r.add(option.Place{Line: 1, Column: 1}, "", "the file is UTF-16: allowed is UTF-8")
		return nil, r.mistakes
	}
	parsed, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.addSyntax(err)
		return nil, r.mistakes
	}
	isRead := false
	for i, doc := range parsed.Docs {
		switch {
		case doc.Body == nil: // nothing but comments
		case i > 0:
			start := doc.Start.Position
			r.add(option.Place{Line: start.Line, Column: start.Column}, "",
				"a second document: allowed is one, so remove the --- here")
		case !isSection(doc.Body):
			r.add(r.at(doc.Body), "", "the file: %s is not a section: allowed is a section of keys", describe(doc.Body))
			return nil, r.mistakes
		default:
			isRead = true
			r.section(doc.Body, root, "")
		}
	}
	if !isRead {
		r.missing(option.Fields(root, ""), nil, option.Place{})
	}
	return r.places, r.mistakes
}

// reader goes on after each mistake.
type reader struct {
	file     string
	places   option.Places
	known    []string // every key that exists, for suggestions
	mistakes option.Mistakes
}

func (r *reader) add(at option.Place, key, format string, args ...any) {
	at.File = r.file
	r.mistakes = append(r.mistakes, &option.Mistake{Place: at, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (r *reader) addSyntax(err error) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		r.add(option.Place{}, "", "%v", err)
		return
	}
	var at option.Place
	if token := syntax.GetToken(); token != nil {
		at = option.Place{Line: token.Position.Line, Column: token.Position.Column}
	}
	r.add(at, "", "%s", syntax.GetMessage())
}

// at is where a reader of the file looks for a node.
func (r *reader) at(n ast.Node) option.Place {
	if section, ok := n.(ast.MapNode); ok { // its token is the first colon; a reader looks for the first key
		if first := section.MapRange(); first.Next() {
			n = first.Key()
		}
	}
	place := option.Place{File: r.file}
	if token := n.GetToken(); token != nil && token.Position != nil {
		place.Line, place.Column = token.Position.Line, token.Position.Column
	}
	return place
}

// section reads a mapping into a struct.
func (r *reader) section(n ast.Node, into reflect.Value, path string) {
	if !isSection(n) {
		r.add(r.at(n), path, "%s is not a section: allowed is a section of keys", describe(n))
		return
	}
	fields := option.Fields(into, path)
	seen := map[string]option.Place{}
	for entries := entriesOf(n); entries != nil && entries.Next(); {
		entry := entries.KeyValue()
		key, ok := r.key(entry.Key, path, seen)
		if !ok {
			continue
		}
		if f := find(fields, key); f != nil {
			r.value(entry.Value, f)
		} else {
			r.add(seen[key], "", "unknown key %s%s", option.Quote(key), r.suggest(key, path, fields))
		}
	}
	r.missing(fields, seen, r.at(n))
}

// key reads a key of the section at path, which has none twice.
func (r *reader) key(n ast.Node, path string, seen map[string]option.Place) (key string, ok bool) {
	place := r.at(n)
	word, ok := n.(*ast.StringNode)
	if !ok {
		r.add(place, "", "%s is not a key: allowed is the plain name of a key", describe(n))
		return "", false
	}
	key = option.Join(path, word.Value)
	if first, twice := seen[key]; twice {
		r.add(place, key, "set twice: allowed is once, and the first is in line %d", first.Line)
		return "", false
	}
	seen[key], r.places[key] = place, place
	return key, true
}

// isSection takes nothing for an empty section: "log:" with everything below it commented out.
func isSection(n ast.Node) bool {
	_, isMapping := n.(ast.MapNode)
	_, isEmpty := n.(*ast.NullNode)
	return isMapping || isEmpty
}

// entriesOf is nil for an empty section.
func entriesOf(n ast.Node) *ast.MapNodeIter {
	if mapping, ok := n.(ast.MapNode); ok {
		return mapping.MapRange()
	}
	return nil
}

// missing reports the keys that a section at that place must have and has not.
func (r *reader) missing(fields []option.Field, seen map[string]option.Place, at option.Place) {
	for i := range fields {
		if _, there := seen[fields[i].Key]; !there && fields[i].Required() {
			r.add(at, fields[i].Key, "missing: allowed is %s", fields[i].Allowed())
		}
	}
}

func find(fields []option.Field, key string) *option.Field {
	for i := range fields {
		if fields[i].Key == key {
			return &fields[i]
		}
	}
	return nil
}

// suggest says what was probably meant by an unknown key.
func (r *reader) suggest(key, path string, fields []option.Field) string {
	var here []string
	for i := range fields {
		here = append(here, fields[i].Key)
	}
	near := option.Nearest(key, here) // a neighbour is likelier than a key of another section
	if near == "" {
		near = option.Nearest(key, r.known)
	}
	leaf := option.Leaf(key)
	renamed := slices.IndexFunc(fields, func(f option.Field) bool { return f.Was() == leaf })
	switch {
	case renamed >= 0:
		return fmt.Sprintf("; it is called %q now", fields[renamed].Key)
	case near == "" && len(fields) <= maxListedKeys:
		for i := range here {
			here[i] = option.Leaf(here[i])
		}
		return ": allowed here are " + strings.Join(here, ", ")
	case near == "":
		return ""
	case near == key && strings.Contains(strings.TrimPrefix(key, path+"."), "."): // as messages and docs name it
		return fmt.Sprintf("; the dots stand for sections, so write %q indented below %q", leaf+":",
			option.Leaf(strings.TrimSuffix(key, "."+leaf))+":")
	}
	return fmt.Sprintf("; did you mean %q?", near)
}

// Write renders a struct of options as a file that would set them, in the order of its fields.
func Write(options any) ([]byte, error) {
	return yaml.MarshalWithOptions(options, yaml.Indent(2), yaml.IndentSequence(true))
}

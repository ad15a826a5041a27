package yaml

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"weir/codec/option"
)

// value reads what stands behind a key.
func (r *reader) value(n ast.Node, f *option.Field) {
	_, isSection := n.(ast.MapNode)
	switch {
	case f.Kind == option.Section, f.Kind == option.Pair && isSection:
		r.inner(n, f)
		return
	case f.Kind == option.Sections:
		r.sections(n, f)
		return
	case f.Kind == option.Named, f.Kind == option.Texts:
		r.named(n, f)
		return
	}
	r.places[f.Key] = r.at(n)
	if f.Kind == option.List {
		r.list(n, f)
		return
	}
	err := f.Kind.Mismatch()
	if text, ok := scalar(n, f.Kind); ok {
		err = f.Set(text)
	}
	if err != nil {
		r.add(r.at(n), f.Key, "%s is %v: allowed is %s", describe(n), err, allowed(f))
	}
}

// inner reads a section, making it when it is behind a pointer.
func (r *reader) inner(n ast.Node, f *option.Field) {
	if _, isEmpty := n.(*ast.NullNode); isEmpty && f.Required() {
		r.add(r.at(n), f.Key, "%s is not a section: allowed is a section of keys", describe(n))
		return
	}
	into := f.Value
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		option.SetDefaults(into.Interface())
		into = into.Elem()
	}
	r.section(n, into, f.Key)
}

// sections reads a list of sections. One that is wrong is there all the same, so that the others keep their index.
func (r *reader) sections(n ast.Node, f *option.Field) {
	r.places[f.Key] = r.at(n)
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.add(r.at(n), f.Key, "%s is %v: allowed is %s", describe(n), f.Kind.Mismatch(), f.Allowed())
		return
	}
	values := reflect.MakeSlice(f.Value.Type(), len(list.Values), len(list.Values))
	f.Value.Set(values)
	for i, one := range list.Values {
		key := option.Entry(f.Key, i)
		r.places[key] = r.at(one)
		option.SetDefaults(values.Index(i).Addr().Interface())
		r.section(one, values.Index(i), key)
	}
}

// list reads a list of texts.
func (r *reader) list(n ast.Node, f *option.Field) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.add(r.at(n), f.Key, "%s is %v: allowed is %s", describe(n), f.Kind.Mismatch(), f.Allowed())
		return
	}
	values := reflect.MakeSlice(f.Value.Type(), len(list.Values), len(list.Values))
	for i, one := range list.Values {
		text, ok := one.(*ast.StringNode)
		if !ok {
			r.add(r.at(one), f.Key, "%s is not text: allowed is text in quotes", describe(one))
			return
		}
		values.Index(i).SetString(text.Value)
		r.places[option.Entry(f.Key, i)] = r.at(one)
	}
	f.Value.Set(values)
}

// named reads what stands under names of its own: sections, or texts.
func (r *reader) named(n ast.Node, f *option.Field) {
	if !isSection(n) {
		r.add(r.at(n), f.Key, "%s is not a section: allowed is %s", describe(n), f.Allowed())
		return
	}
	values := reflect.MakeMap(f.Value.Type())
	seen := map[string]option.Place{}
	for entries := entriesOf(n); entries != nil && entries.Next(); {
		entry := entries.KeyValue()
		key, ok := r.key(entry.Key, f.Key, seen)
		if !ok {
			continue
		}
		name := reflect.ValueOf(strings.TrimPrefix(key, f.Key+"."))
		if f.Kind == option.Named {
			one := reflect.New(f.Value.Type().Elem().Elem())
			option.SetDefaults(one.Interface())
			r.section(entry.Value, one.Elem(), key)
			values.SetMapIndex(name, one)
			continue
		}
		text, ok := entry.Value.(*ast.StringNode)
		if !ok {
			r.add(r.at(entry.Value), key, "%s is not text: allowed is text in quotes", describe(entry.Value))
			continue
		}
		r.places[key] = r.at(text)
		values.SetMapIndex(name, reflect.ValueOf(text.Value))
	}
	if f.Value.SetZero(); values.Len() > 0 {
		f.Value.Set(values)
	}
}

// scalar is the text of a value if it is written in the way of its kind: a number in quotes is text.
func scalar(n ast.Node, kind option.Kind) (text string, ok bool) {
	switch found := n.(type) {
	case *ast.StringNode:
		return found.Value, kind == option.Text || kind == option.Word || kind == option.Time || kind == option.Size
	case *ast.BoolNode:
		return strconv.FormatBool(found.Value), kind == option.Truth
	case *ast.IntegerNode:
		ok = kind == option.Whole || kind == option.Size || kind == option.Decimal || kind == option.Pair
		switch value := found.Value.(type) { // the library has read 1_000, 0x10 and the like
		case int64:
			return strconv.FormatInt(value, 10), ok
		case uint64:
			return strconv.FormatUint(value, 10), ok
		}
		return found.Token.Value, ok
	case *ast.FloatNode:
		return strconv.FormatFloat(found.Value, 'g', -1, 64), kind == option.Decimal || kind == option.Pair
	}
	return "", false
}

// allowed is the field's, with an example where a bare number may have been meant.
func allowed(f *option.Field) string {
	switch f.Kind {
	case option.Time:
		return f.Allowed() + ", such as 500ms, 5s or 1m30s"
	case option.Size:
		return f.Allowed() + ", such as 65536 or 64 KiB"
	}
	return f.Allowed()
}

// describe says what stands in the file, shortened.
func describe(n ast.Node) string {
	switch found := n.(type) {
	case *ast.NullNode:
		return "an empty value"
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		return option.Shorten(n.GetToken().Value)
	case *ast.StringNode:
		return option.Quote(found.Value)
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

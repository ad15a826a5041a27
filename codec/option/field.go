package option

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Kind is how a value is written.
type Kind uint8

// The kinds of values.
const (
	Whole    Kind = iota // a whole number
	Size                 // a number of bytes, such as 65536 or 64 KiB
	Time                 // a time with its unit
	Decimal              // a number
	Text                 // text in quotes
	Word                 // one of a few words
	Truth                // true or false
	List                 // a list of texts
	Section              // further keys
	Sections             // a list of sections
	Named                // sections, each under a name of its own
	Texts                // texts, each under a name of its own
	Pair                 // Numbers: one number, or a section of them
)

// Numbers is a section of numbers that may be written as one number, which all of them then have.
type Numbers interface {
	// Numbers returns where they stand. It is called on one goroutine at a time and the pointers are not kept.
	Numbers() []*float64
}

// Field is one option, a field of a struct.
type Field struct {
	Key   string        // dotted, relative to the struct that was walked; entries of lists have their index in brackets
	Kind  Kind          // how it is written
	Value reflect.Value // settable; of a pointer, the pointer: nil is not set
	Owner reflect.Type  // the struct that declares the field, whose source has the comment
	Name  string        // the field's Go name
	tag   reflect.StructTag
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	numbersType  = reflect.TypeFor[Numbers]()
)

// Fields returns the options of one section, a struct whose key is given, in the order of its fields. Those of inlined
// structs are among them. Two fields with one key panic.
func Fields(v reflect.Value, key string) []Field {
	var fields []Field
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, flags, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case !field.IsExported() || name == "-":
			continue
		case flags == "inline":
			fields = append(fields, Fields(v.Field(i), key)...)
			continue
		case name == "" && !isTagged(field.Tag):
			continue
		case name == "":
			name = field.Name
		}
		found := Field{Key: Join(key, name), Value: v.Field(i), Owner: v.Type(), Name: field.Name, tag: field.Tag}
		found.Kind = found.kind()
		if slices.ContainsFunc(fields, func(f Field) bool { return f.Key == found.Key }) {
			panic(fmt.Sprintf("two fields of %s have the key %s", v.Type(), found.Key))
		}
		fields = append(fields, found)
	}
	return fields
}

// isTagged says whether a field without a key is an option all the same.
func isTagged(tag reflect.StructTag) bool {
	for _, name := range []string{"default", "min", "max", "above", "oneof"} {
		if _, has := tag.Lookup(name); has {
			return true
		}
	}
	return false
}

// kind is found from the field's type and tags.
func (f *Field) kind() Kind {
	t := f.scalar()
	switch {
	case t == durationType:
		return Time
	case reflect.PointerTo(t).Implements(numbersType):
		return Pair
	case f.tag.Get("oneof") != "":
		return Word
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		if f.tag.Get("unit") == "bytes" {
			return Size
		}
		return Whole
	case reflect.Float64:
		return Decimal
	case reflect.String:
		return Text
	case reflect.Bool:
		return Truth
	case reflect.Struct:
		return Section
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return List
		}
		if t.Elem().Kind() == reflect.Struct {
			return Sections
		}
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			return Texts
		}
		if t.Elem().Kind() == reflect.Pointer && t.Elem().Elem().Kind() == reflect.Struct {
			return Named
		}
	}
	panic(fmt.Sprintf("option %s has type %s, which no file can set", f.Key, f.Value.Type()))
}

// Walk visits every option below a pointer to a struct, sections before what they hold. What a nil pointer or an empty
// list could hold is not visited.
func Walk(options any, visit func(Field)) {
	walk(reflect.ValueOf(options).Elem(), "", visit)
}

func walk(v reflect.Value, key string, visit func(Field)) {
	for _, f := range Fields(v, key) {
		visit(f)
		switch f.Kind {
		case Section:
			if inner := f.target(); inner.IsValid() {
				walk(inner, f.Key, visit)
			}
		case Sections:
			for i := range f.Value.Len() {
				walk(f.Value.Index(i), Entry(f.Key, i), visit)
			}
		case Named:
			for _, name := range f.Names() {
				walk(f.Named(name), Join(f.Key, name), visit)
			}
		}
	}
}

// Names are the names of a map, sorted.
func (f *Field) Names() []string {
	var names []string
	for _, name := range f.Value.MapKeys() {
		names = append(names, name.String())
	}
	slices.Sort(names)
	return names
}

// Named is the section under a name.
func (f *Field) Named(name string) reflect.Value {
	return f.Value.MapIndex(reflect.ValueOf(name)).Elem()
}

// target is the value itself, behind a pointer; not valid for nil.
func (f *Field) target() reflect.Value {
	if f.Value.Kind() == reflect.Pointer {
		return f.Value.Elem()
	}
	return f.Value
}

// scalar is the type of the value, without a pointer to it.
func (f *Field) scalar() reflect.Type {
	t := f.Value.Type()
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// Join is the key of what a section holds.
func Join(section, key string) string {
	switch {
	case section == "":
		return key
	case key == "": // of the section as a whole
		return section
	}
	return section + "." + key
}

// Entry is the key of an entry of a list, counted from 0.
func Entry(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// Leaf is the last word of a key.
func Leaf(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// Required says whether a file must have the key.
func (f *Field) Required() bool { return f.tag.Get("required") == "true" }

// Was is the key, in the same section, that the option had before; "" when it had no other.
func (f *Field) Was() string { return f.tag.Get("was") }

// Zero says what 0 or "" means, as "off"; "" when it has no meaning of its own.
func (f *Field) Zero() string { return f.tag.Get("zero") }

// SetDefaults gives every option below a pointer to a struct that has a default its default, and leaves the others.
func SetDefaults(options any) {
	Walk(options, func(f Field) {
		if text, has := f.tag.Lookup("default"); has {
			f.must(f.Set(text), text)
		}
	})
}

// must panics for a tag that contradicts its field.
func (f *Field) must(err error, tag string) {
	if err != nil {
		panic(fmt.Sprintf("option %s: its tag %q: %v", f.Key, tag, err))
	}
}

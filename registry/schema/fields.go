package schema

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// jsonField is a field of a struct as encoding/json sees it: promoted fields of embedded structs are among them, and
// those that another field hides are not.
type jsonField struct {
	reflect.StructField
	name     string // its key
	tagged   bool   // the name is from the tag
	quoted   bool   // of the tag option string: the value stands in a string
	optional bool   // omitempty or omitzero
	depth    int    // how many embedded structs lead to it
	// behindPointer: an embedded pointer leads to it, so that encoding/json leaves it out where that is nil.
	behindPointer bool
}

// embedded is a struct whose fields are promoted.
type embedded struct {
	t             reflect.Type
	index         []int // of the embedded fields that lead to it
	behindPointer bool
}

// jsonFields lists the fields of a struct by encoding/json's rules (Go's own for embedded structs, with names from
// tags), in the order of the source.
func jsonFields(t reflect.Type) []jsonField {
	var all []jsonField
	visited := map[reflect.Type]bool{}
	next, times := []embedded{{t: t}}, map[reflect.Type]int{}
	for depth := 0; len(next) > 0; depth++ {
		current, twice := next, times
		next, times = nil, map[reflect.Type]int{}
		for _, e := range current {
			if visited[e.t] {
				continue
			}
			visited[e.t] = true
			for i := range e.t.NumField() {
				f, promoted, ok := jsonFieldOf(e.t.Field(i))
				f.Index = append(slices.Clone(e.index), i)
				switch {
				case !ok:
				case promoted == nil:
					f.depth, f.behindPointer = depth, e.behindPointer
					all = append(all, f)
					if twice[e.t] > 1 { // embedded twice at one depth: the two hide each other
						all = append(all, f)
					}
				default:
					if times[promoted]++; times[promoted] == 1 {
						next = append(next, embedded{promoted, f.Index, e.behindPointer || f.Type.Kind() == reflect.Pointer})
					}
				}
			}
		}
	}
	all = dominant(all)
	slices.SortFunc(all, func(a, b jsonField) int { return slices.Compare(a.Index, b.Index) })
	return all
}

// jsonFieldOf reads one field; promoted is the struct whose fields stand for it. ok is false when it is not encoded.
func jsonFieldOf(sf reflect.StructField) (f jsonField, promoted reflect.Type, ok bool) {
	t := sf.Type
	if sf.Anonymous && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !sf.IsExported() && !(sf.Anonymous && t.Kind() == reflect.Struct) {
		return f, nil, false
	}
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return f, nil, false
	}
	name, options, _ := strings.Cut(tag, ",")
	if !isKey(name) {
		name = ""
	}
	f = jsonField{StructField: sf, name: name, tagged: name != ""}
	if name == "" {
		f.name = sf.Name
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "string":
			f.quoted = canQuote(sf.Type)
		case "omitempty", "omitzero":
			f.optional = true
		}
	}
	if sf.Anonymous && !f.tagged && t.Kind() == reflect.Struct {
		return f, t, true
	}
	return f, nil, true
}

// canQuote: the tag option string means something for a few kinds only.
func canQuote(t reflect.Type) bool {
	if t.Name() == "" && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64:
		return true
	}
	return isInteger(t.Kind())
}

func isInteger(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uintptr }

// isKey says whether encoding/json takes a tag's name.
func isKey(name string) bool {
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return name != ""
}

// dominant leaves one field of each name: the least deep, then the tagged; none where two are equal in that.
func dominant(all []jsonField) []jsonField {
	return slices.DeleteFunc(slices.Clone(all), func(f jsonField) bool {
		same := 0
		for _, other := range all {
			if other.name != f.name {
				continue
			}
			if other.depth < f.depth || other.depth == f.depth && other.tagged && !f.tagged {
				return true
			}
			if other.depth == f.depth && other.tagged == f.tagged {
				same++
			}
		}
		return same > 1
	})
}

package main

import (
	"fmt"
	"reflect"
	"strings"
)

// option is one key of the configuration: a field of some package's Options that carries a yaml tag.
type option struct {
	path    string // dotted, as in the file: "queue.max_waiting"
	value   reflect.Value
	section bool         // a struct of further keys, visited before them
	owner   reflect.Type // the struct that declares the field, whose source holds the comment
	field   string       // the field's name there
}

// walkOptions visits every key below v, a struct, in the order of its fields. It is the one place that knows how a
// struct becomes keys; the decoder, the printed configuration and docs/CONFIG.md all stand on it.
func walkOptions(v reflect.Value, path string, visit func(option)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key, inline := yamlKey(field)
		if inline {
			walkOptions(v.Field(i), path, visit)
		}
		if inline || key == "" {
			continue
		}
		found := option{path: join(path, key), value: v.Field(i), owner: v.Type(), field: field.Name}
		found.section = found.value.Kind() == reflect.Struct
		visit(found)
		if found.section {
			walkOptions(found.value, found.path, visit)
		}
	}
}

// yamlKey is a field's key; "" for a field that no file sets.
func yamlKey(field reflect.StructField) (key string, inline bool) {
	key, flags, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	if key == "-" || !field.IsExported() {
		return "", false
	}
	return key, flags == "inline"
}

// fieldsByKey is one section's keys; those of inlined structs are its own.
func fieldsByKey(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		key, inline := yamlKey(v.Type().Field(i))
		switch {
		case inline:
			for inner, value := range fieldsByKey(v.Field(i)) {
				if _, twice := fields[inner]; twice {
					panic(fmt.Sprintf("two fields of %s have the key %s", v.Type(), inner))
				}
				fields[inner] = value
			}
		case key != "":
			fields[key] = v.Field(i)
		}
	}
	return fields
}

// suggest names the key that was probably meant: nearly the same word in this section, or this very word (or nearly)
// in another one.
func (d *decoder) suggest(full, section string) string {
	best, bestDistance := "", 1+max(2, len(full)/4)
	leaf := lastKey(full)
	for _, known := range d.known {
		distance := editDistance(leaf, lastKey(known))
		if !strings.HasPrefix(known, section) || strings.Contains(strings.TrimPrefix(known, section+"."), ".") {
			distance++ // the same section is likelier
		}
		if distance < bestDistance && distance <= len(leaf)/2 {
			best, bestDistance = known, distance
		}
	}
	switch {
	case best == "":
		return ""
	case best == full: // written with its dots, as messages and docs/CONFIG.md name it
		return fmt.Sprintf("; the dots stand for sections, so write %q indented below %q", leaf+":", lastKey(strings.TrimSuffix(full, "."+leaf))+":")
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func lastKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// editDistance is how many letters to insert, delete, replace or swap with their neighbour. Keys are short; a pasted line
// as a key is cut to the length at which it cannot be near anything anyway.
func editDistance(a, b string) int {
	const longest = 64
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	var d [longest + 1][longest + 1]int
	for i := range len(a) + 1 {
		d[i][0] = i
	}
	for j := range len(b) + 1 {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			d[i][j] = min(replace, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

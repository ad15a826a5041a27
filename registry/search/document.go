package search

import "weir/codec"

// Document is what is searched of one tool.
type Document struct {
	// Mount is the server that the tool is of, "" for this one's own, and Name what the tool is called there.
	Mount, Name        string
	Title, Description string
	// Parameters are the names and descriptions of its parameters, one after the other.
	Parameters []string
}

// How much of a definition is read: what a tool says of itself is another server's to choose.
const (
	maxParameters = 256 // names and descriptions
	maxDepth      = 4   // of schemas within schemas
)

// ReadTool reads the definition of a tool as tools/list has it: name, title, description, and of its input schema the
// properties, those of their items and alternatives, and the values that they name. What has another type than it
// should is left out. definition is JSON that was scanned; what is returned does not alias it.
func ReadTool(definition []byte) Document {
	d := Document{Name: text(definition, "name"), Title: text(definition, "title"),
		Description: text(definition, "description")}
	if d.Title == "" {
		d.Title = text(codec.Member(definition, "annotations"), "title")
	}
	d.readSchema(codec.Member(definition, "inputSchema"), 0)
	return d
}

// text is a member that is a string.
func text(of []byte, key string) string {
	if len(of) == 0 || of[0] != '{' {
		return ""
	}
	s, _ := codec.StringOf(codec.Member(of, key))
	return string(s)
}

// readSchema notes the parameters of a schema.
func (d *Document) readSchema(schema []byte, depth int) {
	if len(schema) == 0 || schema[0] != '{' || depth == maxDepth {
		return
	}
	properties := codec.Member(schema, "properties")
	for off := 0; len(properties) > 0 && properties[0] == '{'; {
		key, value, next := codec.NextMember(properties, off)
		if next <= 0 {
			break
		}
		off = next
		name, _ := codec.StringOf(key)
		if !d.note(string(name)) || !d.note(text(value, "description")) {
			return
		}
		d.readSchema(value, depth+1)
		each(codec.Member(value, "enum"), func(one []byte) {
			word, _ := codec.StringOf(one)
			d.note(string(word))
		})
	}
	d.readSchema(codec.Member(schema, "items"), depth+1)
	for _, several := range [...]string{"anyOf", "oneOf", "allOf"} {
		each(codec.Member(schema, several), func(one []byte) { d.readSchema(one, depth+1) })
	}
}

// note keeps a word or text of a parameter; false when there are enough.
func (d *Document) note(text string) bool {
	if len(d.Parameters) >= maxParameters {
		return false
	}
	if text != "" {
		d.Parameters = append(d.Parameters, text)
	}
	return true
}

// each gives take the elements of an array.
func each(array []byte, take func(one []byte)) {
	for off := 0; len(array) > 0 && array[0] == '['; {
		one, next, err := codec.NextElement(array, off)
		if err != nil || next < 0 {
			return
		}
		take(one)
		off = next
	}
}

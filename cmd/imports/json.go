package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// JSON as people write it into files: with comments, and commas behind the last entry. Both are overwritten with
// spaces, so that every place stays where it is.

// object is a JSON object with its members in their order.
type object []member

type member struct {
	key   string
	value any // object, []any, string, json.Number, bool or nil
}

// get is a member's value; nil without one.
func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// maxDepth bounds how deep objects and arrays stand in one another.
const maxDepth = 100

// errDeep is what is not read.
var errDeep = fmt.Errorf("it is nested more than %d deep", maxDepth)

// parse reads the one value of a file, which is named in errors.
func parse(file string, text []byte) (any, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	at := func(offset int64, what string) error {
		before := text[:max(0, min(int(offset), len(text)))]
		line := bytes.Count(before, []byte("\n")) + 1
		column := len(before) - bytes.LastIndexByte(before, '\n')
		return fmt.Errorf("%s:%d:%d: %s", file, line, column, what)
	}
	plain, open := withoutComments(text)
	if open >= 0 {
		return nil, at(int64(open), "a comment is not closed: allowed is /* ... */")
	}
	plain = withoutCommas(plain)
	err := json.Unmarshal(plain, new(json.RawMessage)) // it knows where a mistake is; the decoder of tokens does not
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(text)):
		return nil, at(syntax.Offset, "the file ends where more is to come: allowed is one JSON object")
	case errors.As(err, &syntax):
		return nil, at(syntax.Offset-1, err.Error())
	case err != nil:
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	d := json.NewDecoder(bytes.NewReader(plain))
	d.UseNumber()
	value, err := read(d, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return value, nil
}

func read(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, is := token.(json.Delim)
	if !is {
		return token, nil
	}
	if depth == maxDepth {
		return nil, errDeep
	}
	var members object
	var entries []any
	for d.More() {
		one := member{}
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			one.key, _ = key.(string)
		}
		if one.value, err = read(d, depth+1); err != nil {
			return nil, err
		}
		members, entries = append(members, one), append(entries, one.value)
	}
	if _, err := d.Token(); err != nil { // the end
		return nil, err
	}
	if delim == '{' {
		return members, nil
	}
	return entries, nil
}

// withoutComments overwrites comments. open is where one begins that does not end, or -1.
func withoutComments(text []byte) (plain []byte, open int) {
	plain = bytes.Clone(text)
	for i := 0; i < len(plain); i++ {
		rest := plain[i:]
		length := 0
		switch {
		case plain[i] == '"':
			i += stringLength(rest) - 1
			continue
		case bytes.HasPrefix(rest, []byte("//")):
			if length = bytes.IndexByte(rest, '\n'); length < 0 {
				length = len(rest)
			}
		case bytes.HasPrefix(rest, []byte("/*")):
			end := bytes.Index(rest[2:], []byte("*/"))
			if end < 0 {
				return nil, i
			}
			length = end + 4
		default:
			continue
		}
		for j := range rest[:length] {
			if rest[j] != '\n' {
				rest[j] = ' '
			}
		}
		i += length - 1
	}
	return plain, -1
}

// withoutCommas overwrites the commas before the end of an object or array.
func withoutCommas(plain []byte) []byte {
	for i := 0; i < len(plain); i++ {
		switch plain[i] {
		case '"':
			i += stringLength(plain[i:]) - 1
		case ',':
			next := bytes.TrimLeft(plain[i+1:], " \t\r\n")
			if len(next) > 0 && (next[0] == '}' || next[0] == ']') {
				plain[i] = ' '
			}
		}
	}
	return plain
}

// stringLength is how long the string is with which b begins; all of b if it does not end.
func stringLength(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

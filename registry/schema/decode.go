package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/bytedance/sonic/decoder"

	"weir/registry/value"
)

// strictOptions decode arguments. Keys match in exact case only: a second spelling of a key is how one parser is shown
// another value than the next. Duplicate keys and bad UTF-8 never get here, codec.Scan refuses them, which is also why
// nothing that is skipped is checked again. Strings point into the input.
const strictOptions = decoder.OptionCaseSensitive | decoder.OptionNoValidateJSON

// Decoder is scratch for decoding. It is part of the caller's own memory, so that it is not an allocation of its own.
// The zero value is ready; one goroutine at a time uses it.
type Decoder struct{ sonic decoder.Decoder }

// Decode decodes text, valid JSON that nobody writes to afterwards, into v. Keys match in exact case, and strings in v
// point into text.
func (d *Decoder) Decode(text string, v any) error { return d.decode(text, v, strictOptions) }

func (d *Decoder) decode(text string, v any, options decoder.Options) error {
	d.sonic.Reset(text)
	d.sonic.SetOptions(options)
	return d.sonic.Decode(v)
}

// Object decodes an object that no type describes. Numbers are float64, but those that a float64 does not hold are
// json.Numbers: none changes its digits.
func (d *Decoder) Object(text string, into *map[string]any) (err error) {
	if value.Short(text, value.Digits(64)) {
		return d.Decode(text, into)
	}
	*into, err = value.Object(text)
	return err
}

// Decode checks args, an object or "" for none, and decodes it into in, a pointer to the zero value, whose strings then
// point into args or a copy. No number changes its digits. The error names what does not fit and may quote it.
func (s *Schema) Decode(d *Decoder, args string, in any) error {
	if args == "" {
		args = "{}"
	}
	if s.flat != nil && s.flat.accepts(args) && (s.shortDigits == 0 || value.Short(args, s.shortDigits)) &&
		d.Decode(args, in) == nil {
		return nil
	}
	// Everything that is not plainly right takes the long way, which has the last word and finds the words for no.
	sent, err := value.Decode(args)
	if err != nil {
		return fmt.Errorf("unmarshaling arguments: %w", err)
	}
	completed, err := s.judge(sent)
	if err != nil {
		var f fitting
		if _, unfit := f.fit(s.shape, sent, false); unfit != nil {
			return unfit // it names the place by its path, and writes numbers as they were sent
		}
		return err
	}
	f := fitting{changed: completed}
	sent, err = f.fit(s.shape, sent, false)
	if err != nil {
		return err
	}
	text := args
	if f.changed {
		// 1.0 is an integer to a schema and not to a decoder; rewritten, it is 1.
		rewritten, err := value.Encode(sent)
		if err != nil {
			return err
		}
		text = string(rewritten)
	}
	options := strictOptions
	if f.numbers {
		options |= decoder.OptionUseNumber
	}
	target := reflect.ValueOf(in).Elem()
	target.SetZero()
	if err := d.decode(text, in, options); err != nil {
		if located := locate(s.shape, sent, ""); located != nil {
			return located
		}
		return errors.New("the arguments do not fit the type that the tool decodes them into")
	}
	if f.numbers {
		soften(s.shape, target)
	}
	return nil
}

// judge completes a decoded value and checks it. completed: something was filled in or left out.
func (s *Schema) judge(v any) (completed bool, err error) {
	c := completion{root: s.root, nullIsAbsent: s.nullIsAbsent, defaults: s.hasDefaults}
	if c.nullIsAbsent || c.defaults {
		if err := c.object(s.root, v); err != nil {
			return false, fmt.Errorf("applying schema defaults: %w", err)
		}
	}
	comparable := value.Numbers(v)
	err = s.resolved.Validate(&comparable)
	if err == nil {
		return c.changed, nil
	}
	if at, want := misplacedNull(s.root, s.root, v, ""); want != "" {
		return false, fmt.Errorf("%s: null is not allowed here, want %s", named(at), want)
	}
	return false, errors.New(strings.ReplaceAll(err.Error(), "<invalid reflect.Value>", "null"))
}

func named(path string) string {
	if path == "" {
		return "the value"
	}
	return path
}

// fitting compares the numbers of decoded arguments with the Go types that they go to.
type fitting struct {
	path    []string
	changed bool // something is written in another way now
	numbers bool // a number goes into an any that is more than a float64
}

// refuse names the place where a value does not fit.
func (f *fitting) refuse(format string, args ...any) error {
	return fmt.Errorf("%s: %s", named(strings.Join(f.path, "")), fmt.Sprintf(format, args...))
}

func (f *fitting) in(step string) { f.path = append(f.path, step) }

func (f *fitting) inMember(key string) {
	if len(f.path) > 0 {
		key = "." + key
	}
	f.in(key)
}

func (f *fitting) out() { f.path = f.path[:len(f.path)-1] }

// fit checks v and what is in it, and returns what is to be decoded in its place.
func (f *fitting) fit(s *shape, v any, quoted bool) (any, error) {
	for s.kind == isPointer {
		s = s.elem
	}
	switch v := v.(type) {
	case json.Number:
		return f.number(s, string(v))
	case string:
		if quoted {
			return f.quotedNumber(s, v)
		}
	case []any:
		return v, f.elements(s, v)
	case map[string]any:
		return v, f.members(s, v)
	}
	return v, nil
}

func (f *fitting) elements(s *shape, list []any) (err error) {
	within := s.elem
	switch s.kind {
	case isSlice, isArray:
	case isAny:
		within = s
	default:
		return nil
	}
	for i, v := range list {
		f.in("[" + strconv.Itoa(i) + "]")
		if list[i], err = f.fit(within, v, false); err != nil {
			return err
		}
		f.out()
	}
	return nil
}

func (f *fitting) members(s *shape, m map[string]any) (err error) {
	for key, v := range m {
		within, quoted := s, false
		switch s.kind {
		case isAny:
		case isMap:
			within = s.elem
		case isStruct:
			field := s.field(key)
			if field == nil {
				continue
			}
			within, quoted = field.shape, field.quoted
		default:
			return nil
		}
		f.inMember(key)
		if m[key], err = f.fit(within, v, quoted); err != nil {
			return err
		}
		f.out()
	}
	return nil
}

func (s *shape) field(key string) *shapeField {
	for i := range s.fields {
		if s.fields[i].name == key {
			return &s.fields[i]
		}
	}
	return nil
}

func (f *fitting) number(s *shape, token string) (any, error) {
	switch s.kind {
	case isAny:
		if _, soft := value.Soften(json.Number(token)).(float64); !soft {
			f.numbers = true
		}
	case isFloat:
		if !value.Fits(token, s.t.Bits()) {
			return nil, f.refuse("%s does not fit a %v, which would change its digits", clip(token), s.t.Kind())
		}
	case isInt, isBigInt:
		digits, ok := value.Integer(token)
		if !ok {
			return nil, f.refuse(`%s has type "number", want "integer" of at most %d digits`, clip(token), value.MaxDigits)
		}
		if s.kind == isInt && !inRange(s.t, digits) {
			return nil, f.refuse("%s does not fit %v", clip(token), s.t)
		}
		f.changed = f.changed || digits != token
		return json.Number(digits), nil
	}
	return json.Number(token), nil
}

// quotedNumber is a number in a string (the tag option string). Nothing else in a string is looked at, but written
// anew: the decoder does not know escapes there.
func (f *fitting) quotedNumber(s *shape, text string) (any, error) {
	f.changed = true
	if s.kind == isFloat && json.Valid([]byte(text)) && text != "null" && !value.Fits(text, s.t.Bits()) {
		return nil, f.refuse("%s does not fit a %v, which would change its digits", clip(text), s.t.Kind())
	}
	return text, nil
}

func inRange(t reflect.Type, digits string) bool {
	var err error
	if t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr {
		_, err = strconv.ParseUint(digits, 10, t.Bits())
	} else {
		_, err = strconv.ParseInt(digits, 10, t.Bits())
	}
	return err == nil
}

// clip keeps a number short enough to be read.
func clip(token string) string {
	const most = 40
	if len(token) > most {
		return token[:most] + "..."
	}
	return token
}

// soften makes the json.Numbers in the anys of a decoded value float64s, but for those that a float64 does not hold.
func soften(s *shape, v reflect.Value) {
	switch s.kind {
	case isAny:
		if !v.IsNil() && v.CanSet() {
			v.Set(reflect.ValueOf(value.Soften(v.Interface())))
		}
	case isPointer:
		if !v.IsNil() {
			soften(s.elem, v.Elem())
		}
	case isSlice, isArray:
		for i := range v.Len() {
			soften(s.elem, v.Index(i))
		}
	case isMap:
		for key, member := range v.Seq2() {
			copied := reflect.New(member.Type()).Elem()
			copied.Set(member)
			soften(s.elem, copied)
			v.SetMapIndex(key, copied)
		}
	case isStruct:
		for i := range s.fields {
			if at, err := v.FieldByIndexErr(s.fields[i].Index); err == nil {
				soften(s.fields[i].shape, at)
			}
		}
	}
}

// locate finds the value that does not decode into its Go type, and says why.
func locate(s *shape, v any, path string) error {
	for s.kind == isPointer {
		s = s.elem
	}
	switch v := v.(type) {
	case []any:
		if s.kind == isSlice || s.kind == isArray {
			for i, element := range v {
				if err := locate(s.elem, element, fmt.Sprintf("%s[%d]", path, i)); err != nil {
					return err
				}
			}
		}
	case map[string]any:
		for key, member := range v {
			within := s.elem
			if s.kind == isStruct {
				field := s.field(key)
				if field == nil {
					continue
				}
				if field.quoted { // only the struct knows how to read it
					if err := decodes(s.t, map[string]any{key: member}, join(path, key)); err != nil {
						return err
					}
					continue
				}
				within = field.shape
			} else if s.kind != isMap {
				break
			}
			if err := locate(within, member, join(path, key)); err != nil {
				return err
			}
		}
	}
	return decodes(s.t, v, path)
}

// decodes says why a value is none of a Go type.
func decodes(t reflect.Type, v any, path string) error {
	text, err := value.Encode(v)
	if err != nil {
		return nil
	}
	if err := json.Unmarshal(text, reflect.New(t).Interface()); err != nil {
		return fmt.Errorf("%s: %s", named(path), strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

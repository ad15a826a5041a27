package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
)

// Decode decodes JSON text into maps, slices, strings and so on, with every number as a json.Number.
func Decode(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more bytes after the value")
	}
	return v, nil
}

// Encode is the inverse of Decode: numbers are written as they were read, and nothing is escaped without need.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Soften makes the json.Numbers of a decoded value float64s, which is what handlers expect in an any, but for those
// that a float64 does not hold: they stay, with every digit. It changes v and returns it.
func Soften(v any) any {
	switch v := v.(type) {
	case json.Number:
		if Fits(string(v), 64) {
			if f, err := v.Float64(); err == nil && !inexactInteger(string(v), f) {
				return f
			}
		}
	case map[string]any:
		for key, member := range v {
			v[key] = Soften(member)
		}
	case []any:
		for i, element := range v {
			v[i] = Soften(element)
		}
	}
	return v
}

// Machine makes the json.Numbers that Soften left int64s or uint64s, in v itself, for a program that knows no others.
// path names one that neither holds.
func Machine(v any, path string) (_ any, misfit string) {
	switch v := v.(type) {
	case json.Number:
		switch n := Comparable(string(v)).(type) {
		case int64, uint64:
			return n, ""
		}
		return v, path
	case map[string]any:
		for key, member := range v {
			if v[key], misfit = Machine(member, path+"."+key); misfit != "" {
				return v, misfit
			}
		}
	case []any:
		for i, element := range v {
			if v[i], misfit = Machine(element, fmt.Sprintf("%s[%d]", path, i)); misfit != "" {
				return v, misfit
			}
		}
	}
	return v, ""
}

// inexactInteger says whether an integer, written in digits alone, is not the float64 that is printed like it:
// 118601925487507500 is printed for ...504, which a handler that converts to int64 would be given.
func inexactInteger(token string, f float64) bool {
	if Short(token, exactFloat64Digits) {
		return false
	}
	exact, ok := new(big.Int).SetString(token, 10)
	if !ok {
		return false
	}
	printed, _ := new(big.Float).SetFloat64(f).Int(nil)
	return exact.Cmp(printed) != 0
}

// Object decodes an object for a handler: numbers as Soften leaves them.
func Object(text string) (map[string]any, error) {
	v, err := Decode(text)
	if err != nil {
		return nil, err
	}
	object, ok := Soften(v).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("not an object")
	}
	return object, nil
}

// Numbers makes the json.Numbers of a decoded value Comparable, in a copy.
func Numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return Comparable(string(v))
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, member := range v {
			m[key] = Numbers(member)
		}
		return m
	case []any:
		s := make([]any, len(v))
		for i, element := range v {
			s[i] = Numbers(element)
		}
		return s
	}
	return v
}

package mounts

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/codec/option"
	"weir/reactor/mount"
)

// Resolve returns mounts with the values of their variables, which lookup has. places are those of the configuration's
// keys. What was written is not changed.
func Resolve(written map[string]*mount.Options, lookup func(name string) (string, bool),
	places option.Places,
) (map[string]*mount.Options, option.Mistakes) {
	r := resolver{lookup: lookup, places: places}
	resolved := make(map[string]*mount.Options, len(written))
	for _, name := range slices.Sorted(maps.Keys(written)) {
		key := option.Join("mounts", name)
		if !mount.CheckName(name) {
			r.add(key, "%s is not a name for a mount: allowed are 1 to 32 of A-Z, a-z, 0-9, _ and -, the first of them a "+
				"letter or digit", option.Quote(name))
		}
		one := *written[name]
		if at := places.Of(key); at.Line > 0 {
			one.At = fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Column)
		}
		for _, text := range []struct {
			key string
			at  *string
		}{{"command", &one.Command}, {"cwd", &one.Cwd}, {"unix", &one.Unix}, {"tcp", &one.TCP},
			{"url", &one.URL}, {"token_file", &one.TokenFile}} {
			*text.at = r.expand(option.Join(key, text.key), *text.at)
		}
		one.Args = slices.Clone(one.Args)
		for i := range one.Args {
			one.Args[i] = r.expand(option.Entry(key+".args", i), one.Args[i])
		}
		one.Headers = maps.Clone(one.Headers)
		for _, name := range slices.Sorted(maps.Keys(one.Headers)) {
			one.Headers[name] = r.expand(option.Join(key+".headers", name), one.Headers[name])
		}
		one.Env = maps.Clone(one.Env)
		for _, variable := range slices.Sorted(maps.Keys(one.Env)) {
			at := option.Join(key+".env", variable)
			if variable == "" || strings.ContainsAny(variable, "=\x00") {
				r.add(at, "%s is not the name of a variable: allowed is text without =", option.Quote(variable))
			}
			one.Env[variable] = r.expand(at, one.Env[variable])
		}
		resolved[name] = &one
	}
	return resolved, r.mistakes
}

type resolver struct {
	lookup   func(name string) (string, bool)
	places   option.Places
	mistakes option.Mistakes
}

func (r *resolver) add(key, format string, args ...any) {
	r.mistakes = append(r.mistakes, &option.Mistake{Place: r.places.Of(key), Key: key, Text: fmt.Sprintf(format, args...)})
}

// expand puts variables into the text of a key.
func (r *resolver) expand(key, text string) string {
	expanded, err := expand(text, r.lookup)
	if err != nil {
		r.add(key, "%v", err)
	}
	if strings.ContainsRune(expanded, 0) {
		r.add(key, "it holds a NUL, which no program can be given: allowed is text without")
	}
	return expanded
}

var errOpen = errors.New(`a "${" is not closed: allowed is ${VAR} or ${VAR:-default}, and $${ for ${ itself`)

// expand replaces ${VAR} and ${VAR:-default}. A default is taken as it stands, up to the first brace.
func expand(text string, lookup func(name string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if at > 0 && text[at-1] == '$' {
			b.WriteString(text[:at-1] + "${")
			text = text[at+2:]
			continue
		}
		b.WriteString(text[:at])
		inner, rest, closed := strings.Cut(text[at+2:], "}")
		if !closed {
			return "", errOpen
		}
		value, err := variable(inner, lookup)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		text = rest
	}
}

// variable is what stands for the inside of ${}.
func variable(inner string, lookup func(name string) (string, bool)) (string, error) {
	if prompt, is := strings.CutPrefix(inner, "input:"); is {
		return "", fmt.Errorf("${input:%s} is what an editor asks its user for, and nobody is asked here: allowed is ${VAR},"+
			" a variable of the environment that this process is started in", option.Shorten(prompt))
	}
	name, standIn, has := strings.Cut(inner, ":-")
	if !isVariable(name) {
		return "", fmt.Errorf("${%s} names no variable: allowed is ${VAR} or ${VAR:-default}, and $${ for ${ itself",
			option.Shorten(inner))
	}
	value, set := lookup(name)
	switch {
	case has && value == "":
		return standIn, nil
	case !set:
		return "", fmt.Errorf("the variable %s is not set in the environment of this process: allowed is to set it, or a "+
			"default, ${%s:-default}", option.Shorten(name), option.Shorten(name))
	}
	return value, nil
}

// isVariable says whether name is one of a variable (POSIX 8.1, in both cases).
func isVariable(name string) bool {
	for i, c := range name {
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

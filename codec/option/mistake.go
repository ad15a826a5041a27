package option

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxShown bounds what one bad file prints: a file that is something else altogether (a log, a binary) has a mistake on
// every line, and the first fifty say so.
const maxShown = 50

// Place is where something was written: a line and a column of a file, both from 1, or a flag. The zero value is
// nowhere.
type Place struct {
	File         string
	Line, Column int
	Flag         string // without its dashes
}

// order puts what has a place in a file first, then flags, then what nobody wrote.
func (p Place) order() int {
	switch {
	case p.Line > 0:
		return 0
	case p.Flag != "":
		return 1
	}
	return 2
}

// Mistake is one thing that is wrong with what somebody wrote, in words for that person.
type Mistake struct {
	Place
	Key  string // dotted, as in messages.json.max_depth; "" when it is about no known key
	Text string // what is wrong, and what is allowed
}

// Error returns the place, the key and the text. The name of a flag stands for the key.
func (m *Mistake) Error() string {
	text := m.Text
	if m.Key != "" && m.Flag == "" {
		text = m.Key + ": " + text
	}
	switch {
	case m.Flag != "":
		return "--" + m.Flag + ": " + text
	case m.Line > 0:
		return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, text)
	case m.File != "":
		return m.File + ": " + text
	}
	return text
}

// Mistakes are all that were found, so that the reader mends them before the next try.
type Mistakes []*Mistake

// Add adds one about a key.
func (m *Mistakes) Add(key, format string, args ...any) {
	*m = append(*m, &Mistake{Key: key, Text: fmt.Sprintf(format, args...)})
}

// Has says whether a key has a mistake.
func (m Mistakes) Has(key string) bool {
	return slices.ContainsFunc(m, func(one *Mistake) bool { return one.Key == key })
}

// AddNew adds those about keys that have no mistake yet, nor their sections: a value that could not be read is not also
// out of range.
func (m *Mistakes) AddNew(more Mistakes) {
	before := *m
	for _, one := range more {
		known := false
		for key := one.Key; key != "" && !known; key = section(key) {
			known = before.Has(key)
		}
		if !known {
			*m = append(*m, one)
		}
	}
}

// Errors is how Validate hands them out; nil when there are none.
func (m Mistakes) Errors() []error {
	var errs []error
	for _, one := range m {
		errs = append(errs, one)
	}
	return errs
}

// Err is m as an error, nil when there are none.
func (m Mistakes) Err() error {
	if len(m) == 0 {
		return nil
	}
	return m
}

// Error returns a line for each: files first, in their order, then flags, then what nobody wrote; after fifty, how many
// more.
func (m Mistakes) Error() string {
	sorted := slices.SortedStableFunc(slices.Values(m), func(a, b *Mistake) int {
		return cmp.Or(
			cmp.Compare(a.order(), b.order()),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
		)
	})
	var lines []string
	for i, one := range sorted {
		if i == maxShown {
			lines = append(lines, fmt.Sprintf("and %d more", len(sorted)-i))
			break
		}
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Places says where each key was written. The key "" is the whole file.
type Places map[string]Place

// Of is the place of a key; one that nobody wrote is placed where its section is.
func (p Places) Of(key string) Place {
	for {
		if at, ok := p[key]; ok || key == "" {
			return at
		}
		key = section(key)
	}
}

// Locate gives the errors of a Validate the places of their keys.
func (p Places) Locate(errs []error) Mistakes {
	var located Mistakes
	for _, err := range errs {
		found := asMistake(err)
		found.Place = p.Of(found.Key)
		located = append(located, &found)
	}
	return located
}

// section is the key of what holds a key: a.b is held by a, a[1] too.
func section(key string) string {
	return key[:max(0, strings.LastIndexAny(key, ".["))]
}

// asMistake copies a mistake; an error of another type is one about no key.
func asMistake(err error) Mistake {
	if found, ok := err.(*Mistake); ok {
		return *found
	}
	return Mistake{Text: err.Error()}
}

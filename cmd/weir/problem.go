package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxShownProblems bounds what one bad configuration prints: a file that is something else altogether (a log, a
// binary) has a mistake on every line, and the first fifty say so.
const maxShownProblems = 50

// position is where a value was written: a place in the file (1-based), or the flag that set it. The zero value is a
// default that nobody wrote.
type position struct {
	line, column int
	flag         string
	file         string // when it is another one than the configuration
}

// problem is one mistake in the configuration, in words for the person who wrote it.
type problem struct {
	at   position
	text string
}

// problems is every mistake found, so that the reader mends all of them before the next try.
type problems struct {
	file string // as the user named it; "" without a file
	list []problem
}

func (p *problems) add(at position, format string, args ...any) {
	p.list = append(p.list, problem{at, fmt.Sprintf(format, args...)})
}

// Error implements error: one line each, the file's in its order, then the flags'.
func (p *problems) Error() string {
	slices.SortStableFunc(p.list, func(a, b problem) int {
		return cmp.Or(
			cmp.Compare(order(a.at), order(b.at)),
			cmp.Compare(a.at.file, b.at.file),
			cmp.Compare(a.at.line, b.at.line),
			cmp.Compare(a.at.column, b.at.column),
		)
	})
	var b strings.Builder
	for i, one := range p.list {
		if i == maxShownProblems {
			fmt.Fprintf(&b, "and %d more\n", len(p.list)-i)
			break
		}
		switch {
		case one.at.flag != "":
			fmt.Fprintf(&b, "--%s: ", one.at.flag)
		case one.at.line > 0:
			fmt.Fprintf(&b, "%s:%d:%d: ", cmp.Or(one.at.file, p.file), one.at.line, one.at.column)
		case p.file != "":
			fmt.Fprintf(&b, "%s: ", p.file)
		}
		b.WriteString(one.text)
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// order puts what has a place in the file first, then flags, then what nobody wrote.
func order(at position) int {
	switch {
	case at.line > 0:
		return 0
	case at.flag != "":
		return 1
	}
	return 2
}

// orNil keeps a typed nil out of the error interface.
func (p *problems) orNil() error {
	if len(p.list) == 0 {
		return nil
	}
	return p
}

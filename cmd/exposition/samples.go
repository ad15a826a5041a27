package exposition

import (
	"bytes"
	"iter"
	"strconv"
	"strings"
)

// Sample is one value of a page.
type Sample struct {
	Name   string
	labels string
	Value  float64
}

// Label is the value of a label; "" for one that the sample does not have.
func (s *Sample) Label(name string) string {
	rest, found := s.labels, true
	if !strings.HasPrefix(rest, name+`="`) {
		_, rest, found = strings.Cut(rest, ","+name+`="`)
	} else {
		rest = rest[len(name)+2:]
	}
	if !found {
		return ""
	}
	for end := 0; end < len(rest); end++ {
		switch rest[end] {
		case '\\':
			end++
		case '"':
			value, err := strconv.Unquote(`"` + rest[:end] + `"`)
			if err != nil {
				return rest[:end]
			}
			return value
		}
	}
	return ""
}

// Samples are those of a page, as the metrics library makes it, whose name begins with prefix.
func Samples(page []byte, prefix string) iter.Seq[Sample] {
	return func(yield func(Sample) bool) {
		for line := range bytes.Lines(page) {
			name := nameOf(line)
			if !strings.HasPrefix(name, prefix) || name == "" {
				continue
			}
			space := bytes.LastIndexByte(line, ' ')
			value, err := strconv.ParseFloat(string(bytes.TrimSpace(line[space+1:])), 64)
			if err != nil {
				continue
			}
			s := Sample{Name: name, Value: value}
			if labels := line[len(name):space]; len(labels) > 2 {
				s.labels = string(labels[1 : len(labels)-1])
			}
			if !yield(s) {
				return
			}
		}
	}
}

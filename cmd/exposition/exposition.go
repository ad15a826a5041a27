package exposition

import (
	"bytes"
	"strings"
)

// ContentType is that of a page in the Prometheus text format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Type is what Prometheus takes a series for.
type Type string

// The types of the text format.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
	Summary   Type = "summary"
)

// Family is the series of one name.
type Family struct {
	Name   string
	Type   Type
	Labels string // their names, separated by ", "
	Help   string // one sentence; what stands between backticks is code on the page
}

// Section is a heading of the page and what stands below it.
type Section struct {
	Title    string
	Families []Family
}

// families are those that are known, by name.
var families = func() map[string]*Family {
	known := map[string]*Family{}
	for _, s := range Sections {
		for i := range s.Families {
			known[s.Families[i].Name] = &s.Families[i]
		}
	}
	for i := range processSeries {
		known[processSeries[i].Name] = &processSeries[i]
	}
	return known
}()

// Page is a page of samples, as the metrics library makes it, with help and type before each family. The samples of one
// family stand together. One that is not known is shown as it is. It may be called concurrently.
func Page(samples []byte) []byte {
	page := bytes.NewBuffer(make([]byte, 0, len(samples)+len(families)*128))
	last := ""
	for line := range bytes.Lines(samples) {
		name := nameOf(line)
		if name == "" || leftOut[name] {
			continue // a comment of the library, which lacks the help
		}
		if f := familyOf(name); f != nil && f.Name != last {
			f.appendHead(page)
			last = f.Name
		}
		page.Write(line)
	}
	return page.Bytes()
}

// nameOf is the name of a sample; "" for a comment.
func nameOf(line []byte) string {
	if end := bytes.IndexAny(line, "{ "); end > 0 && line[0] != '#' {
		return string(line[:end])
	}
	return ""
}

// familyOf finds the family of a sample: of histograms and summaries several names belong to one.
func familyOf(name string) *Family {
	if f := families[name]; f != nil {
		return f
	}
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		if base, is := strings.CutSuffix(name, part); is {
			if f := families[base]; f != nil && (f.Type == Histogram || f.Type == Summary) {
				return f
			}
		}
	}
	return nil
}

func (f *Family) appendHead(page *bytes.Buffer) {
	page.WriteString("# HELP " + f.Name + " " + strings.ReplaceAll(f.Help, "`", "") + "\n")
	page.WriteString("# TYPE " + f.Name + " " + string(f.Type) + "\n")
}

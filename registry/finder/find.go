package finder

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"weir/codec"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/search"
)

// How many tools are found.
const (
	defaultFound = 5
	maxFound     = 20
	maxNear      = 3 // that are named to who calls a tool that is not there
)

// question is what find_tools is given.
type question struct {
	Query string `json:"query"`
	Limit int    `json:"limit,omitempty"`
}

// answer is what it says.
type answer struct {
	Tools []found `json:"tools"`
	Note  string  `json:"note,omitempty"`
}

// found is a tool that was found, as much of it as who calls it needs.
type found struct {
	Name        string          `json:"name"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	InputSchema json.RawMessage `json:"inputSchema,omitempty"`
}

// What is said beside tools.
const (
	noteShort = "There was no room for all input schemas: ask for one tool, by its name and with limit 1, to see its."
	noteNone  = "Nothing was found. Ask with other words, such as what the tool would be called or works on."
)

// shortBytes is how much of a description is told where there is no room for all of it.
const shortBytes = 200

// current is the index of the list that is shown. While it is made anew by one call the others search the one before,
// which may name a tool that has gone; who is first waits until it is made.
func (v *View) current() *index {
	all := v.shelf.Load().all
	now := v.index.Load()
	switch {
	case now == nil:
		v.of.indexing.Lock()
	case same(now.all, all) || !v.of.indexing.TryLock():
		return now
	}
	defer v.of.indexing.Unlock()
	if now = v.index.Load(); now != nil && same(now.all, all) {
		return now
	}
	held := v.holds.Load()
	room := v.of.opt.MaxIndexBytes - int(v.of.bytes.Load()-held)
	next := &index{all: all, words: search.New(documents(all), room)}
	v.holds.Store(int64(next.words.Bytes()))
	v.of.bytes.Add(v.holds.Load() - held)
	v.index.Store(next)
	return next
}

// documents are what is searched of tools.
func documents(all []*handler.Tool) []search.Document {
	documents := make([]search.Document, len(all))
	for i, t := range all {
		documents[i] = search.ReadTool(t.Encoded(protocol.LatestRevision))
		if mount, name := origin(t); mount != "" {
			documents[i].Mount = mount
			if strings.HasSuffix(t.Tool.Name, name) { // else it was renamed
				documents[i].Name = name
			}
		}
	}
	return documents
}

// answer finds tools.
func (v *View) answer(q question) answer {
	if q.Limit == 0 {
		q.Limit = defaultFound
	}
	ix := v.current()
	a := answer{Tools: []found{}}
	room := v.of.opt.MaxFoundBytes
	for i, at := range ix.words.Find(q.Query, q.Limit) {
		encoded := ix.all[at].Encoded(protocol.LatestRevision)
		one := found{Name: ix.all[at].Tool.Name, Title: text(encoded, "title"), Description: text(encoded, "description"),
			InputSchema: codec.Member(encoded, "inputSchema")}
		size := len(one.Name) + len(one.Title) + len(one.Description) + len(one.InputSchema)
		if size > room && (i > 0 || size > v.of.whole()) {
			one.InputSchema, a.Note = nil, noteShort
			one.Description = clip(one.Description)
			size = len(one.Name) + len(one.Title) + len(one.Description)
		}
		room -= size
		a.Tools = append(a.Tools, one)
	}
	if len(a.Tools) == 0 {
		a.Note = noteNone
	}
	return a
}

// whole is how much of the first tool is told in any case: answers hold it twice, and once of these with escapes.
func (f *Finder) whole() int { return f.defaults.MaxBytes / 4 }

// clip is the beginning of a long text.
func clip(s string) string {
	if len(s) <= shortBytes {
		return s
	}
	end := shortBytes
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// missing says that there is no tool of a name, and which were probably meant.
func (v *View) missing(name string) error {
	if IsOne([]byte(name)) {
		return errors.New("call_tool calls what find_tools finds; find_tools itself is called by its own name")
	}
	ix := v.current()
	names := make([]string, len(ix.all))
	for i, t := range ix.all {
		names[i] = t.Tool.Name
	}
	near := search.Near(names, name, maxNear)
	for _, at := range ix.words.Find(name, maxNear-len(near)) {
		if !slices.Contains(near, names[at]) {
			near = append(near, names[at])
		}
	}
	said := fmt.Sprintf("there is no tool %q", protocol.Clip(name))
	if len(near) > 0 {
		said += "; near are " + strings.Join(near, ", ")
	}
	return errors.New(said + ". find_tools finds others")
}

// text is a member that is a string.
func text(of []byte, key string) string {
	s, _ := codec.StringOf(codec.Member(of, key))
	return string(s)
}

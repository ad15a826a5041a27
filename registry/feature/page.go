package feature

import (
	"weir/codec"
	"weir/registry/protocol"
)

// Lists are sent in pages (MCP 2025-11-25, server/utilities/pagination), from what was encoded when the entries were
// added, on the loop.

// List is what tells one list from another on the wire.
type List struct {
	member string // opens the array in the result
	tag    byte   // in cursors, so that a cursor of another list is none of this
}

// The lists of each kind.
var (
	Tools     = &List{member: `"tools":[`, tag: 't'}
	Prompts   = &List{member: `"prompts":[`, tag: 'p'}
	Resources = &List{member: `"resources":[`, tag: 'r'}
	Templates = &List{member: `"resourceTemplates":[`, tag: 'u'}
)

// Page says which part of a list is wanted.
type Page struct {
	// Cursor is the token of params.cursor; nil or "" is the first page.
	Cursor []byte
	// Revision is the place of the client's revision in the table.
	Revision int
	// MaxEntries and MaxBytes bound the page. One entry is sent, however long.
	MaxEntries, MaxBytes int
}

// AppendPage appends the members of a page: the array, in order of names, and nextCursor unless it is the last. all is
// a set's (Set.All). The error is a cursor that is none of this list; then nothing was appended.
func AppendPage[E Entry](dst []byte, list *List, all []E, p Page) ([]byte, *codec.Error) {
	last, ok := protocol.DecodeCursor(list.tag, p.Cursor)
	if !ok {
		return dst, protocol.ErrCursor
	}
	if last != "" {
		i, found := search(all, last)
		if found {
			i++
		}
		all = all[i:]
	}
	dst = append(dst, list.member...)
	sent, limit := 0, len(dst)+p.MaxBytes
	for _, e := range all {
		d := e.entry()
		encoded := d.encoded[p.Revision]
		if sent == p.MaxEntries || sent > 0 && len(dst)+len(encoded)+protocol.CursorBytes(d.Name) >= limit {
			break
		}
		if sent > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, encoded...)
		sent++
	}
	dst = append(dst, ']')
	if sent < len(all) {
		dst = protocol.AppendCursor(dst, list.tag, all[sent-1].entry().Name)
	}
	return dst, nil
}

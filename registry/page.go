package registry

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"weir/codec"
)

// Lists are sent in pages (MCP 2025-11-25, server/utilities/pagination), from what was encoded when the entries were
// registered, on the loop.

// listRow is what tells one list from another on the wire.
type listRow struct {
	member string // opens the array in the result
	tag    byte   // in cursors, so that a cursor of another list is none of this
}

var listRows = struct{ tools, prompts, resources, templates listRow }{
	tools:     listRow{member: `"tools":[`, tag: 't'},
	prompts:   listRow{member: `"prompts":[`, tag: 'p'},
	resources: listRow{member: `"resources":[`, tag: 'r'},
	templates: listRow{member: `"resourceTemplates":[`, tag: 'u'},
}

// maxListOverheadBytes is what a page holds beside definitions and cursor: caching, identity.
const maxListOverheadBytes = 2048

// appendPage appends the response to a list request: one page, in order of names.
func appendPage[E entry](r *Registry, x *Exchange, dst []byte, row *listRow, all []E) []byte {
	if token := x.Env.Cursor.Of(x.Raw); token != nil && string(token) != "null" {
		last, ok := decodeCursor(row.tag, token)
		if !ok {
			return codec.AppendError(dst, x.id(), errCursor)
		}
		i, found := search(all, last)
		if found {
			i++
		}
		all = all[i:]
	}
	dst = appendHead(dst, x.id())
	dst = append(dst, '{')
	dst = append(dst, row.member...)
	sent, limit := 0, len(dst)+r.opt.MaxResultBytes-maxListOverheadBytes
	for _, e := range all {
		l := e.shown()
		definition := l.definition[x.revision]
		if sent == r.opt.PageSize || sent > 0 && len(dst)+len(definition)+cursorBytes(l.name) >= limit {
			break
		}
		if sent > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, definition...)
		sent++
	}
	dst = append(dst, ']')
	if sent < len(all) {
		dst = appendCursor(dst, row.tag, all[sent-1].shown().name)
	}
	if x.rev().Modern {
		dst = append(dst, r.prepared.caching...)
		dst = append(dst, r.prepared.suffix...)
	}
	return append(dst, "}}"...)
}

// A cursor is the name of the last entry that was sent, so that a page begins where the one before ended even when
// entries came and went in between, and the server remembers nothing. It starts with the list's tag and a checksum of
// all: clients must not build or change cursors, and this refuses those that do. More is not needed, for a cursor
// grants nothing; and without a secret in it, it is good at every node of a cluster.
const (
	cursorHead     = 1 + crc32.Size
	maxCursorBytes = (cursorHead+maxURIBytes)*4/3 + 1 // the longest names are URIs
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func cursorSum(tag byte, name string) uint32 {
	return crc32.Update(crc32.Checksum([]byte{tag}, castagnoli), castagnoli, []byte(name))
}

// cursorBytes is how long the cursor is that holds the name.
func cursorBytes(name string) int { return base64.RawURLEncoding.EncodedLen(cursorHead + len(name)) }

// appendCursor appends the member nextCursor.
func appendCursor(dst []byte, tag byte, last string) []byte {
	cursor := make([]byte, 0, cursorHead+maxNameBytes)
	cursor = append(cursor, tag)
	cursor = binary.BigEndian.AppendUint32(cursor, cursorSum(tag, last))
	cursor = append(cursor, last...)
	dst = append(dst, `,"nextCursor":"`...)
	dst = base64.RawURLEncoding.AppendEncode(dst, cursor)
	return append(dst, '"')
}

// decodeCursor returns the name in a cursor; false when it is not one that appendCursor made for this list.
func decodeCursor(tag byte, token []byte) (last string, ok bool) {
	text, ok := codec.StringOf(token)
	if !ok || len(text) > maxCursorBytes {
		return "", false
	}
	cursor, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(cursor) < cursorHead || cursor[0] != tag {
		return "", false
	}
	last = string(cursor[cursorHead:])
	return last, binary.BigEndian.Uint32(cursor[1:]) == cursorSum(tag, last)
}

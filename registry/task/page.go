package task

import (
	"strconv"

	"weir/codec"
	"weir/registry/protocol"
)

// Page says which part of a client's tasks is wanted.
type Page struct {
	// Cursor is the token of params.cursor.
	Cursor []byte
	// MaxEntries and MaxBytes bound the page. One task is sent, however long.
	MaxEntries, MaxBytes int
}

// listTag is in cursors of tasks/list.
const listTag = 'k'

// AppendPage appends the members of a page of tasks/list (MCP 2025-11-25): the tasks of owner, oldest first, and
// nextCursor unless it is the last. The error is a cursor that is none of this list; then nothing was appended.
func (tt *Table) AppendPage(dst []byte, owner Owner, p Page) ([]byte, *codec.Error) {
	after := uint64(0)
	last, ok := protocol.DecodeCursor(listTag, p.Cursor)
	if !ok {
		return dst, protocol.ErrCursor
	}
	if last != "" {
		var err error
		if after, err = strconv.ParseUint(last, 10, 63); err != nil {
			return dst, protocol.ErrCursor
		}
	}
	all := tt.of(owner, after, p.MaxEntries+1)
	dst = append(dst, `"tasks":[`...)
	limit, sent, seen := len(dst)+p.MaxBytes, 0, 0
	for _, one := range all {
		if seen == p.MaxEntries {
			break
		}
		if !one.modern { // else of the other era, which has no list
			before := len(dst)
			if sent > 0 {
				dst = append(dst, ',')
			}
			dst = append(one.Append(append(dst, '{'), false), '}')
			if len(dst) > limit && sent > 0 { // a page has one at least, or the list would not go on
				dst = dst[:before]
				break
			}
			sent++
		}
		seen++
	}
	dst = append(dst, ']')
	if seen < len(all) {
		dst = protocol.AppendCursor(dst, listTag, strconv.FormatUint(all[seen-1].number, 10))
	}
	return dst, nil
}

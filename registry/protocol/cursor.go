package protocol

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"weir/codec"
)

const (
	// MaxURIBytes bounds the URIs that are registered and read. Over HTTP in the modern era they are header values too.
	MaxURIBytes = 2048
	// ListOverheadBytes is what a page of a list holds beside its entries and cursor: caching, identity.
	ListOverheadBytes = 2048
)

// A cursor is the name of the last entry that was sent, so that a page begins where the one before ended even when
// entries came and went in between, and the server remembers nothing. It starts with the list's tag and a checksum of
// all: clients must not build or change cursors, and this refuses those that do. More is not needed, for a cursor
// grants nothing; and without a secret in it, it is good at every node of a cluster.
const (
	cursorHead     = 1 + crc32.Size
	usualNameBytes = 128                              // of most entries: the buffer of a longer one grows
	maxCursorBytes = (cursorHead+MaxURIBytes)*4/3 + 1 // the longest names are URIs
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func cursorSum(tag byte, name string) uint32 {
	return crc32.Update(crc32.Checksum([]byte{tag}, castagnoli), castagnoli, []byte(name))
}

// CursorBytes is how long the cursor is that holds the name of an entry.
func CursorBytes(name string) int { return base64.RawURLEncoding.EncodedLen(cursorHead + len(name)) }

// AppendCursor appends the member nextCursor, with a comma before it: the list that tag stands for goes on after the
// entry named last.
func AppendCursor(dst []byte, tag byte, last string) []byte {
	cursor := make([]byte, 0, cursorHead+usualNameBytes)
	cursor = append(cursor, tag)
	cursor = binary.BigEndian.AppendUint32(cursor, cursorSum(tag, last))
	cursor = append(cursor, last...)
	dst = append(dst, `,"nextCursor":"`...)
	dst = base64.RawURLEncoding.AppendEncode(dst, cursor)
	return append(dst, '"')
}

// DecodeCursor returns the name in a cursor; false when it is not one that AppendCursor made for this list. The first
// page follows no name: its token is nil, or "", with which some clients begin.
func DecodeCursor(tag byte, token []byte) (last string, ok bool) {
	if token == nil || string(token) == `""` {
		return "", true
	}
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

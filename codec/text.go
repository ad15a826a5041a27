package codec

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Strings are most of a message, so they are looked at eight bytes at a time: one 64-bit load and a dozen instructions
// find the first byte that needs thought (quote, backslash, control character, non-ASCII).
const (
	eachByte  = 0x0101010101010101
	highBits  = 0x80 * eachByte
	quotes    = '"' * eachByte
	backslash = '\\' * eachByte
	spaces    = ' ' * eachByte
)

// special marks, with its high bit, the first byte of w that needs thought; later marks may be wrong, since a borrow
// runs upwards from a marked byte. Zero means that all eight are plain.
func special(w uint64) uint64 {
	// For a byte below 0x80: b-0x20 sets the high bit if it is a control character, and (b^x)-1 if it equals x.
	return ((w - spaces) | ((w ^ quotes) - eachByte) | ((w ^ backslash) - eachByte) | w) & highBits
}

// plainEnd returns the first index at or after i whose byte needs thought, or len(raw).
func plainEnd(raw []byte, i int) int {
	// Long texts: four words per turn, or the loop itself would cost as much as what it does.
	for b := raw[i:]; len(b) >= 32; b = b[32:] {
		if special(binary.LittleEndian.Uint64(b))|special(binary.LittleEndian.Uint64(b[8:]))|
			special(binary.LittleEndian.Uint64(b[16:]))|special(binary.LittleEndian.Uint64(b[24:])) != 0 {
			break
		}
		i += 32
	}
	for ; i+8 <= len(raw); i += 8 {
		if m := special(binary.LittleEndian.Uint64(raw[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(raw) {
		if c := raw[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
		i++
	}
	return i
}

// text checks the string that starts with the quote at raw[i] and returns the index after its closing quote, or -1 with
// s.err set. escaped says whether it holds a backslash.
//
// Decided here, where RFC 8259 leaves it open (sections 8.1 and 8.2): invalid UTF-8 and unpaired surrogate escapes are
// refused, since they have no meaning that two parsers must share; U+0000 written as \u0000 is text like any other in
// values, and refused where it names something (keys, method, id).
func (s *scanner) text(i int) (end int, escaped bool) {
	raw, at := s.raw, i+1
	for range 3 { // keys and short values end within three words; longer ones are worth a call
		if at+8 > len(raw) {
			break
		}
		m := special(binary.LittleEndian.Uint64(raw[at:]))
		if m == 0 {
			at += 8
			continue
		}
		at += bits.TrailingZeros64(m) >> 3
		if raw[at] == '"' {
			return at + 1, false
		}
		break
	}
	return s.hardText(i, at)
}

// hardText is text for all that needs thought, apart so that the usual string costs one call; start is the opening
// quote and everything before i is checked.
func (s *scanner) hardText(start, i int) (end int, escaped bool) {
	raw := s.raw
	for {
		i = plainEnd(raw, i)
		if i >= len(raw) {
			s.refuse(CodeParse, "unterminated string", start)
			return -1, escaped
		}
		switch c := raw[i]; {
		case c == '"':
			return i + 1, escaped
		case c == '\\':
			escaped = true
			_, size := escapeAt(raw[i:])
			if size == 0 {
				s.refuse(CodeParse, "broken escape or unpaired surrogate", i)
				return -1, escaped
			}
			i += size
		case c < ' ':
			s.refuse(CodeParse, "control character in a string", i)
			return -1, escaped
		default:
			end, ok := nonASCIIEnd(raw, i)
			if !ok {
				s.refuse(CodeParse, "invalid UTF-8", end)
				return -1, escaped
			}
			i = end
		}
	}
}

// nonASCIIEnd skips the non-ASCII characters at raw[i]; false when what stands at the returned index is not UTF-8 (RFC
// 3629: no overlong forms, no surrogates, nothing above U+10FFFF, nothing cut short).
func nonASCIIEnd(raw []byte, i int) (int, bool) {
	for i < len(raw) && raw[i] >= utf8.RuneSelf {
		// Most of the world's text is three-byte characters outside the two corners that need care (E0: overlong, ED:
		// surrogates); going through DecodeRune for them takes three times as long.
		if i+2 < len(raw) {
			if c := raw[i]; c > 0xe0 && c < 0xf0 && c != 0xed && raw[i+1]&0xc0 == 0x80 && raw[i+2]&0xc0 == 0x80 {
				i += 3
				continue
			}
		}
		r, size := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && size == 1 {
			return i, false
		}
		i += size
	}
	return i, true
}

// escapeAt decodes the escape that b starts with (b[0] is the backslash), a surrogate pair as one. size is zero when it
// is broken, cut short, or an unpaired surrogate.
func escapeAt(b []byte) (r rune, size int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return 0, 0
	}
	r = hex4(b[2:])
	switch {
	case r < 0 || r >= 0xdc00 && r < 0xe000:
		return 0, 0
	case r < 0xd800 || r >= 0xe000:
		return r, 6
	}
	if len(b) < 12 || b[6] != '\\' || b[7] != 'u' {
		return 0, 0
	}
	low := hex4(b[8:])
	if low < 0xdc00 || low >= 0xe000 {
		return 0, 0
	}
	return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
}

// hex4 reads four hexadecimal digits; -1 when there are not four.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

package codec

import "unicode/utf8"

// replacement is U+FFFD, as bytes and as an escape.
const (
	replacement        = "\uFFFD"
	replacementEscaped = `\ufffd`
)

// Repair makes JSON text that a handler supplied fit to leave: bytes that are not UTF-8 and escapes of half a surrogate
// pair become U+FFFD, as encoding/json does with Go strings (RFC 8259, sections 8.1 and 8.2). text must be valid JSON
// otherwise. It returns text itself, which it never writes to, when nothing is wrong, and then allocates nothing.
func Repair(text []byte) []byte {
	for i := 0; i < len(text); {
		next, ok := soundEnd(text, i)
		if !ok {
			return repaired(text, next)
		}
		i = next
	}
	return text
}

// soundEnd skips what is sound at text[i]: one special byte or a run of plain ones. false: what stands at the returned
// index is broken.
func soundEnd(text []byte, i int) (int, bool) {
	if i = plainEnd(text, i); i >= len(text) {
		return i, true
	}
	switch c := text[i]; {
	case c >= utf8.RuneSelf:
		return nonASCIIEnd(text, i)
	case c == '\\':
		_, size := escapeAt(text[i:])
		return i + size, size > 0
	}
	return i + 1, true
}

// repaired is Repair from the first broken place on.
func repaired(text []byte, at int) []byte {
	fixed := append(make([]byte, 0, len(text)+len(replacementEscaped)), text[:at]...)
	for ok := false; ; {
		if !ok {
			if text[at] == '\\' {
				fixed = append(fixed, replacementEscaped...)
				at = min(at+len(replacementEscaped), len(text))
			} else {
				fixed = append(fixed, replacement...)
				at++
			}
		}
		if at >= len(text) {
			return fixed
		}
		from := at
		at, ok = soundEnd(text, at)
		fixed = append(fixed, text[from:at]...)
	}
}

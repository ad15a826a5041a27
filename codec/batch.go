package codec

import "bytes"

// Batches are arrays of messages (JSON-RPC 2.0, section 6). MCP has them in 2025-03-26 only; whether one is welcome is
// the registry's business. Walking finds where elements begin and end; each element must still pass Scan.

// IsBatch says whether the message is an array: whether its first byte that is not white space is '['.
func IsBatch(raw []byte) bool {
	i := messageStart(raw)
	return i < len(raw) && raw[i] == '['
}

// NextElement walks a batch. off is 0 for the first element and then the next of the call before. elem aliases raw;
// after the last element it is nil and next is negative, so an empty batch gives that at once (and is to be answered
// with one CodeInvalidRequest). err is an *Error with CodeParse: the array itself is broken, nothing of it may run, so
// walk the whole batch before running its first element. Brackets inside elements are only counted: what a broken
// element really is, Scan says. Nothing is allocated except for an error.
func NextElement(raw []byte, off int) (elem []byte, next int, err error) {
	s := scanner{raw: raw}
	i, want := skipSpace(raw, off), byte(',')
	if off == 0 {
		i, want = messageStart(raw), '['
	}
	switch {
	case i < len(raw) && raw[i] == want:
		i = skipSpace(raw, i+1)
	case off > 0 && i < len(raw) && raw[i] == ']':
		return nil, -1, s.batchEnd(i)
	case off == 0:
		s.broken(i, "'['")
		return nil, -1, s.err
	default:
		s.broken(i, "',' or ']'")
		return nil, -1, s.err
	}
	if off == 0 && i < len(raw) && raw[i] == ']' {
		return nil, -1, s.batchEnd(i)
	}
	end := skipValue(raw, i)
	if end <= i {
		s.broken(i, "a message")
		return nil, -1, s.err
	}
	return raw[i:end:end], end, nil
}

// batchEnd checks that nothing follows the ']' at raw[i].
func (s *scanner) batchEnd(i int) error {
	if i = skipSpace(s.raw, i+1); i < len(s.raw) {
		s.refuse(CodeParse, "more bytes after the batch", i)
		return s.err
	}
	return nil
}

// Member finds one member of a JSON object that Scan has checked, at its top level, and returns the value's token,
// aliasing object; nil when there is no such member or object is no object (nil, say). Keys are compared unescaped. It
// costs one pass over the object up to the member, and allocates nothing.
func Member(object []byte, key string) []byte {
	for off := 0; ; {
		name, value, next := NextMember(object, off)
		if next <= 0 {
			return nil
		}
		if sameText(name[1:len(name)-1], key) {
			return value
		}
		off = next
	}
}

// NextMember walks a JSON object that Scan has checked. off is 0 for the first member and then the next of the call
// before. key and value are tokens, a key with its quotes and escapes, aliasing object. next is negative after the last
// member, and 0 when object is no object or is broken where the walk stands. Nothing is allocated.
func NextMember(object []byte, off int) (key, value []byte, next int) {
	i := skipSpace(object, off)
	want := byte(',')
	if off == 0 {
		want = '{'
	}
	switch {
	case i < len(object) && object[i] == want:
		i = skipSpace(object, i+1)
	case off > 0 && i < len(object) && object[i] == '}':
		return nil, nil, -1
	default:
		return nil, nil, 0
	}
	if off == 0 && i < len(object) && object[i] == '}' {
		return nil, nil, -1
	}
	if i >= len(object) || object[i] != '"' {
		return nil, nil, 0
	}
	end := skipString(object, i)
	if end < 0 {
		return nil, nil, 0
	}
	colon := skipSpace(object, end)
	if colon >= len(object) || object[colon] != ':' {
		return nil, nil, 0
	}
	from := skipSpace(object, colon+1)
	if next = skipValue(object, from); next <= from {
		return nil, nil, 0
	}
	return object[i:end:end], object[from:next:next], next
}

// skipValue returns the index after the value at raw[i] without checking what is inside: strings end at their quote,
// arrays and objects where brackets are even, everything else before the next structural byte. -1 when raw ends first;
// i itself when there is no value.
func skipValue(raw []byte, i int) int {
	if i >= len(raw) {
		return -1
	}
	switch raw[i] {
	case '"':
		return skipString(raw, i)
	case '{', '[':
	default:
		for i < len(raw) {
			switch raw[i] {
			case ',', ']', '}', ':', ' ', '\t', '\n', '\r':
				return i
			}
			i++
		}
		return i
	}
	for open := 0; i < len(raw); {
		switch raw[i] {
		case '"':
			if i = skipString(raw, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			open++
		case '}', ']':
			if open--; open == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

// skipString returns the index after the string's closing quote, or -1.
func skipString(raw []byte, i int) int {
	for i++; ; {
		n := bytes.IndexByte(raw[i:], '"')
		if n < 0 {
			return -1
		}
		// The quote ends the string unless an odd number of backslashes stands before it.
		back := 0
		for back < n && raw[i+n-1-back] == '\\' {
			back++
		}
		i += n + 1
		if back%2 == 0 {
			return i
		}
	}
}

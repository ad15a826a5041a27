package trace

import "encoding/binary"

// What OTLP's messages need of protobuf's wire format: length-delimited fields, variable and fixed integers
// (protobuf.dev, encoding).

const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

func appendTag(dst []byte, field, wire int) []byte {
	return binary.AppendUvarint(dst, uint64(field<<3|wire))
}

func appendUint(dst []byte, field int, v uint64) []byte {
	return binary.AppendUvarint(appendTag(dst, field, wireVarint), v)
}

func appendFixed64(dst []byte, field int, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(appendTag(dst, field, wireFixed64), v)
}

func appendFixed32(dst []byte, field int, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(appendTag(dst, field, wireFixed32), v)
}

func appendBytes[T []byte | string](dst []byte, field int, v T) []byte {
	dst = binary.AppendUvarint(appendTag(dst, field, wireBytes), uint64(len(v)))
	return append(dst, v...)
}

// appendMessage appends what fill appends, as a field. The length comes first, so its bytes are moved behind it.
func appendMessage(dst []byte, field int, fill func(dst []byte) []byte) []byte {
	dst = appendTag(dst, field, wireBytes)
	from := len(dst)
	dst = fill(dst)
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(dst)-from))
	dst = append(dst, length[:n]...)
	copy(dst[from+n:], dst[from:len(dst)-n])
	copy(dst[from:], length[:n])
	return dst
}

// field is one of a message that is read.
type field struct {
	number int
	value  uint64 // of an integer
	bytes  []byte // of what has a length
}

// nextField takes a field off the front of b; false at its end, and where it is no protobuf.
func nextField(b []byte) (f field, rest []byte, ok bool) {
	tag, n := binary.Uvarint(b)
	if n <= 0 {
		return f, nil, false
	}
	b, f.number = b[n:], int(tag>>3)
	switch tag & 7 {
	case wireVarint:
		if f.value, n = binary.Uvarint(b); n <= 0 {
			return f, nil, false
		}
		return f, b[n:], true
	case wireFixed64:
		if len(b) < 8 {
			return f, nil, false
		}
		return f, b[8:], true
	case wireFixed32:
		if len(b) < 4 {
			return f, nil, false
		}
		return f, b[4:], true
	case wireBytes:
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return f, nil, false
		}
		f.bytes = b[n : n+int(length)]
		return f, b[n+int(length):], true
	}
	return f, nil, false
}

// rejectedSpans reads an ExportTraceServiceResponse: how many spans the collector would not have, and why.
func rejectedSpans(b []byte) (n int, why string) {
	for f, rest, ok := nextField(b); ok; f, rest, ok = nextField(rest) {
		if f.number != 1 { // partial_success
			continue
		}
		for g, rest, ok := nextField(f.bytes); ok; g, rest, ok = nextField(rest) {
			switch g.number {
			case 1:
				n = int(min(g.value, 1<<30))
			case 2:
				why = string(g.bytes[:min(len(g.bytes), 200)])
			}
		}
	}
	return n, why
}

package codec

// Span is a stretch of the message it was scanned from. Offsets, not slices: they stay true when the message is copied
// from the connection's buffer to where it waits for a worker. A span always covers a whole JSON token, a string with
// its quotes. The zero value means "absent": no token is empty.
type Span struct{ Off, Len uint32 }

// Of returns the token in raw, which must be the message the span was scanned from or a copy of it; nil when absent.
// The result aliases raw.
func (s Span) Of(raw []byte) []byte {
	if s.Len == 0 {
		return nil
	}
	end := s.Off + s.Len
	return raw[s.Off:end:end]
}

// Present says whether the token was there.
func (s Span) Present() bool { return s.Len > 0 }

// span makes a Span of raw[from:to]. Messages are at most 64 MiB (Limits), so 32 bits hold any offset.
func span(from, to int) Span { return Span{Off: uint32(from), Len: uint32(to - from)} }

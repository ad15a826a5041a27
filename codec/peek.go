package codec

import "bytes"

// peekBytes is how far Peek looks: enough for every header-like member when clients send them first, and little enough
// that deciding about a 4 MiB message costs what deciding about a small one costs.
const peekBytes = 4096

// errPeek stands for every error in Peek, which reports none.
var errPeek = Error{Code: CodeParse, Message: "not read further"}

// peekLimits are generous: Peek must not stop at what Scan will judge.
var peekLimits = JSONLimits{MaxDepth: 128, MaxMembers: peekBytes, MaxIDBytes: 1024}

// Peek finds what admission needs to know about a big message without reading all of it: kind, id, method and the
// members of params, where they end within the first 4 KiB; and the id also when it is the last member, where the
// TypeScript and Python SDKs put it. It reports no errors and allocates nothing: what it cannot find is absent, and
// Kind is KindInvalid when the kind is not certain. Nothing it finds is certain before Scan agreed; its use is to
// refuse early, with the right id, what would cost much to check.
func Peek(raw []byte, e *Envelope) {
	*e = Envelope{}
	window := raw
	if len(raw) > peekBytes {
		window = raw[:peekBytes]
		// A number that the cut runs through would look complete: 12 of 12345. Cut before it instead.
		for len(window) > 0 && isNumberByte(window[len(window)-1]) {
			window = window[:len(window)-1]
		}
	}
	s := scanner{
		raw: window, e: e, lim: &peekLimits, depth: peekLimits.MaxDepth, members: peekLimits.MaxMembers, quiet: true,
	}
	whole := s.message() || len(raw) <= peekBytes
	s.release()
	if whole {
		return
	}
	if s.seen&(1<<fieldID) == 0 {
		e.ID = lastID(raw)
	}
	switch {
	case s.seen&(1<<fieldMethod) == 0 && s.seen&(1<<fieldResult|1<<fieldError) != 0:
		e.Kind = KindResponse
	case e.Method.Present() && e.ID.Present():
		e.Kind = KindRequest
	}
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// PeekEnd is the id of a message of which only the end is here, if that is its last member; else it is absent. As Peek,
// it is for refusing.
func PeekEnd(tail []byte) Span { return lastID(tail) }

// lastID reads the id backwards from the end of an object whose last member it is. In valid JSON the last '}' closes
// the message and what stands before it is its last value, so going backwards cannot be led into a nested object or a
// string; ids that need unescaping are left to Scan.
func lastID(raw []byte) Span {
	end, ok := backOver(raw, len(raw), "}")
	if !ok || end == 0 {
		return Span{}
	}
	end = backSpace(raw, end)
	from := end
	if end > 0 && raw[end-1] == '"' {
		from = end - 1
		for from > 0 && raw[from-1] != '"' && end-from <= peekLimits.MaxIDBytes+1 {
			from--
		}
		from--
		if from < 0 || raw[from] != '"' || plainEnd(raw, from+1) != end-1 {
			return Span{}
		}
	} else {
		for from > 0 && isNumberByte(raw[from-1]) && end-from <= peekLimits.MaxIDBytes {
			from--
		}
		if from == end || !isInteger(raw[from:end]) {
			return Span{}
		}
	}
	at, ok := backOver(raw, from, ":")
	if ok {
		at, ok = backOver(raw, at, `"id"`)
	}
	if !ok {
		return Span{}
	}
	// A comma or brace before the quote shows that the quote opens a key: it is not the escaped quote of a longer one.
	if _, comma := backOver(raw, at, ","); !comma {
		if _, brace := backOver(raw, at, "{"); !brace {
			return Span{}
		}
	}
	return span(from, end)
}

// backSpace returns the index after the last byte before end that is not white space.
func backSpace(raw []byte, end int) int {
	for end > 0 && (raw[end-1] == ' ' || raw[end-1] == '\n' || raw[end-1] == '\t' || raw[end-1] == '\r') {
		end--
	}
	return end
}

// backOver steps back from end over white space and then word.
func backOver(raw []byte, end int, word string) (int, bool) {
	end = backSpace(raw, end)
	if !bytes.HasSuffix(raw[:end], []byte(word)) {
		return 0, false
	}
	return end - len(word), true
}

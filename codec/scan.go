package codec

import (
	"bytes"
	"math"
	"strconv"
)

// scanner reads one message once, front to back. It lives on the caller's stack and allocates only to describe an
// error. Every method that advances returns the index after what it read, or -1 with err set.
type scanner struct {
	raw   []byte
	e     *Envelope
	lim   *JSONLimits
	start int    // where the message's object begins
	seen  uint32 // bit per field of the envelope whose key was read
	// depth and members are how many more levels and members are allowed.
	depth, members int
	keys           *keySet // nil until an object needs it
	nullID         bool
	quiet          bool // Peek: nobody reads the error, so it is not described
	err            *Error
}

// Scan checks the whole of raw strictly and fills e: RFC 8259 to the letter, UTF-8, no key twice in one object,
// protocol keys spelled exactly, and the rules of JSON-RPC 2.0 for the envelope. It is one pass; good input allocates
// nothing. It may be called by any number of goroutines; e and raw belong to the caller.
//
// The error, where there is one, is an *Error: CodeParse for what is not JSON or exceeds a limit, CodeInvalidRequest
// for JSON that is not one JSON-RPC message, CodeInvalidParams for array parameters. It names the offence and its byte
// offset (from 0). e.ID is set even then, so that the answer can carry it, if there is an unambiguous id: one that came
// before the offence, or anywhere in what is JSON. It may be the offence itself: a number that is no integer.
func Scan(raw []byte, e *Envelope, lim *JSONLimits) error {
	*e = Envelope{}
	s := scanner{raw: raw, e: e, lim: lim, depth: lim.MaxDepth, members: lim.MaxMembers}
	ok := s.message()
	s.release()
	if !ok {
		if s.err.Code != CodeParse && s.seen&(1<<fieldID) == 0 {
			e.ID = laterID(raw, lim.MaxIDBytes)
		}
		return s.err
	}
	return nil
}

// release gives back what the scanner borrowed.
func (s *scanner) release() {
	if s.keys != nil {
		s.keys.give()
		s.keys = nil
	}
}

// message reads all of raw as one JSON-RPC message.
func (s *scanner) message() bool {
	if len(s.raw) > math.MaxInt32 { // spans hold 32 bits
		return s.refuse(CodeParse, "message beyond 2 GiB", 0)
	}
	i := 0
	if len(s.raw) == 0 || s.raw[0] != '{' {
		i = messageStart(s.raw)
	}
	if i >= len(s.raw) {
		return s.refuse(CodeParse, "no JSON", 0)
	}
	s.start = i
	end := s.value(i, levelEnvelope)
	if end < 0 {
		return false
	}
	if rest := skipSpace(s.raw, end); rest < len(s.raw) {
		return s.refuse(CodeParse, "more bytes after the message", rest)
	}
	if s.raw[i] != '{' {
		return s.refuse(CodeInvalidRequest, "the message must be an object", i)
	}
	return s.conclude()
}

// refuse sets the error, once, and returns false.
func (s *scanner) refuse(code int, what string, at int) bool {
	if s.quiet {
		s.err = &errPeek
		return false
	}
	s.err = &Error{Code: code, Message: what + " at byte " + strconv.Itoa(at)}
	return false
}

// exceeds is refuse for a limit: what it names was more than limit units.
func (s *scanner) exceeds(code int, what string, limit int, units string, at int) bool {
	if s.quiet {
		return s.refuse(code, what, at)
	}
	return s.refuse(code, what+" than "+strconv.Itoa(limit)+" "+units, at)
}

// quotes is refuse with an excerpt of the peer's bytes after what, then more and end.
func (s *scanner) quotes(code int, what string, b []byte, more, end string, at int) bool {
	if s.quiet {
		return s.refuse(code, what, at)
	}
	return s.refuse(code, what+" "+excerpt(b)+more+end, at)
}

// broken sets the error for a byte that the grammar does not allow at i and returns -1.
func (s *scanner) broken(i int, want string) int {
	switch {
	case s.quiet:
		s.refuse(CodeParse, want, i)
	case i >= len(s.raw):
		s.refuse(CodeParse, "end of the message instead of "+want, i)
	default:
		s.refuse(CodeParse, excerpt(s.raw[i:i+1])+" instead of "+want, i)
	}
	return -1
}

// byteOrderMark is U+FEFF in UTF-8, which some editors and shells put before a text.
const byteOrderMark = "\ufeff"

// messageStart returns the index at which a message begins: after one byte order mark, which a parser may ignore (RFC
// 8259, section 8.1), and white space.
func messageStart(raw []byte) int {
	if len(raw) > 0 && raw[0] == byteOrderMark[0] && bytes.HasPrefix(raw, []byte(byteOrderMark)) {
		return skipSpace(raw, len(byteOrderMark))
	}
	return skipSpace(raw, 0)
}

// skipSpace returns the first index at or after i that is not JSON white space.
func skipSpace(raw []byte, i int) int {
	for i < len(raw) && raw[i] <= ' ' && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}

// value reads the value at raw[i]; at is its level should it be an object.
func (s *scanner) value(i int, at level) int {
	if i >= len(s.raw) {
		return s.broken(i, "a value")
	}
	switch c := s.raw[i]; c {
	case '"':
		end, _ := s.text(i)
		return end
	case '{':
		return s.object(i, at)
	case '[':
		return s.array(i)
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	default:
		if c == '-' || c-'0' <= 9 {
			return s.number(i)
		}
		return s.broken(i, "a value")
	}
}

func (s *scanner) literal(i int, word string) int {
	if len(s.raw)-i < len(word) || string(s.raw[i:i+len(word)]) != word {
		return s.broken(i, word)
	}
	return i + len(word)
}

// number reads RFC 8259, section 6: no plus, no leading zeros, digits on both sides of the point. Its value is not
// computed: numbers are forwarded as text, so no precision is lost here.
func (s *scanner) number(i int) int {
	raw := s.raw
	if raw[i] == '-' {
		i++
	}
	switch {
	case i < len(raw) && raw[i] == '0':
		i++
	case i < len(raw) && raw[i]-'1' <= 8:
		i = digitsEnd(raw, i+1)
	default:
		return s.broken(i, "a digit")
	}
	if i < len(raw) && raw[i] == '.' {
		from := i + 1
		if i = digitsEnd(raw, from); i == from {
			return s.broken(i, "a digit")
		}
	}
	if i < len(raw) && raw[i]|0x20 == 'e' {
		i++
		if i < len(raw) && (raw[i] == '+' || raw[i] == '-') {
			i++
		}
		from := i
		if i = digitsEnd(raw, from); i == from {
			return s.broken(i, "a digit")
		}
	}
	return i
}

func digitsEnd(raw []byte, i int) int {
	for i < len(raw) && raw[i]-'0' <= 9 {
		i++
	}
	return i
}

// deeper opens a level; false when there are too many.
func (s *scanner) deeper(i int) bool {
	s.depth--
	if s.depth < 0 {
		return s.exceeds(CodeParse, "nested deeper", s.lim.MaxDepth, "levels", i)
	}
	return true
}

func (s *scanner) array(i int) int {
	if !s.deeper(i) {
		return -1
	}
	raw := s.raw
	i = skipSpace(raw, i+1)
	if i < len(raw) && raw[i] == ']' {
		s.depth++
		return i + 1
	}
	for {
		if i = s.value(i, levelFree); i < 0 {
			return -1
		}
		i = skipSpace(raw, i)
		if i < len(raw) && raw[i] == ',' {
			i = skipSpace(raw, i+1)
			continue
		}
		if i < len(raw) && raw[i] == ']' {
			s.depth++
			return i + 1
		}
		return s.broken(i, "',' or ']'")
	}
}

// object reads an object whose keys belong to level at.
func (s *scanner) object(i int, at level) int {
	if !s.deeper(i) {
		return -1
	}
	raw := s.raw
	i = skipSpace(raw, i+1)
	if i < len(raw) && raw[i] == '}' {
		s.depth++
		return i + 1
	}
	var keys objectKeys
	for {
		if i >= len(raw) || raw[i] != '"' {
			return s.broken(i, "a key")
		}
		end, escaped := s.text(i)
		if end < 0 {
			return -1
		}
		f, ok := s.key(&keys, i, end, escaped, at)
		if !ok {
			return -1
		}
		i = skipSpace(raw, end)
		if i >= len(raw) || raw[i] != ':' {
			return s.broken(i, "':'")
		}
		if i++; i < len(raw) && raw[i] <= ' ' {
			i = skipSpace(raw, i)
		}
		if i < len(raw) && raw[i] == '"' {
			end, _ = s.text(i)
		} else {
			end = s.value(i, childLevel(f))
		}
		if end < 0 || f > fieldKnown && !s.note(f, i, end) {
			return -1
		}
		i = skipSpace(raw, end)
		if i < len(raw) && raw[i] == ',' {
			i = skipSpace(raw, i+1)
			continue
		}
		if i < len(raw) && raw[i] == '}' {
			s.depth++
			return i + 1
		}
		return s.broken(i, "',' or '}'")
	}
}

// objectKeys are the keys of one object so far: a few on the stack, or a number in the scanner's key set.
type objectKeys struct {
	few    [maxFewKeys]fewKey
	n      int
	object uint32 // not 0: the keys are in the set
}

// key judges the key whose token is raw[from:to] and returns its field; false means that err is set.
func (s *scanner) key(keys *objectKeys, from, to int, escaped bool, at level) (field, bool) {
	if s.members--; s.members < 0 {
		return fieldNone, s.exceeds(CodeParse, "more", s.lim.MaxMembers, "members", from)
	}
	off, n := from+1, to-from-2
	name := s.raw[off : off+n]
	if !escaped && keys.object == 0 && keys.n < maxFewKeys {
		k := fewKey{digest: digestOf(s.raw, off, n), off: uint32(off), len: uint32(n)}
		if inFew(s.raw, keys.few[:keys.n], k) {
			return fieldNone, s.twice(name, from, at)
		}
		keys.few[keys.n] = k
		keys.n++
	} else {
		if escaped {
			var ok bool
			if name, ok = s.plainName(name, from); !ok {
				return fieldNone, false
			}
		}
		s.spread(keys)
		if !s.keys.add(s.raw, keys.object, off, n, name) {
			return fieldNone, s.twice(name, from, at)
		}
	}
	if at == levelFree {
		return fieldNone, true
	}
	f := lookup(at, name)
	if f == fieldNone {
		if proper := variantOf(at, name); proper != "" {
			if proper == "id" { // whose id is meant is open, so none is echoed
				s.e.ID = Span{}
			}
			return f, s.quotes(CodeInvalidRequest, "key", name, " is a case variant of ", proper, from)
		}
	}
	if at == levelEnvelope {
		s.seen |= 1 << f
	}
	return f, true
}

// twice refuses a duplicate key. An id given twice is not echoed: the answer could end a call it does not belong to.
func (s *scanner) twice(name []byte, from int, at level) bool {
	if at == levelEnvelope && string(name) == "id" {
		s.e.ID = Span{}
	}
	return s.quotes(CodeInvalidRequest, "duplicate key", name, "", "", from)
}

// plainName unescapes a key. U+0000 is refused in keys: C strings end there, so "name\u0000x" is "name" to some
// readers.
func (s *scanner) plainName(inner []byte, from int) ([]byte, bool) {
	if s.keys == nil {
		s.keys = takeKeySet()
	}
	s.keys.scratch, _ = unescape(s.keys.scratch[:0], inner)
	for _, c := range s.keys.scratch {
		if c == 0 {
			return nil, s.refuse(CodeInvalidRequest, "U+0000 in a key", from)
		}
	}
	return s.keys.scratch, true
}

// spread moves an object's keys from the stack to the set, unless they are there.
func (s *scanner) spread(keys *objectKeys) {
	if keys.object != 0 {
		return
	}
	if s.keys == nil {
		s.keys = takeKeySet()
	}
	keys.object = s.keys.newObject()
	for _, k := range keys.few[:keys.n] {
		s.keys.add(s.raw, keys.object, int(k.off), int(k.len), s.raw[k.off:k.off+k.len])
	}
}

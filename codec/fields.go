package codec

import (
	"bytes"
	"unicode/utf8"
)

// level says whose keys an object has: at three places they are the protocol's, elsewhere they are free.
type level uint8

const (
	levelFree level = iota
	levelEnvelope
	levelParams
	levelMeta
)

// field is a protocol key that the scanner notes, or fieldKnown for one it only guards, or fieldNone.
type field uint8

const (
	fieldNone field = iota
	fieldKnown
	fieldJSONRPC
	fieldID
	fieldMethod
	fieldParams
	fieldResult
	fieldError
	fieldName
	fieldURI
	fieldArguments
	fieldCursor
	fieldRequestID
	fieldTaskID
	fieldNotifications
	fieldInputResponses
	fieldRequestState
	fieldMeta
	fieldProtocolVersion
	fieldClientCapabilities
	fieldProgressToken
	fieldLogLevel
)

// The protocol's keys per level. params holds what a server may receive in any revision, 2024-11-05 to 2026-07-28: a
// gateway that checks "name" while something behind it reads "Name" is how GHSA-4gph-2hhr-5mwg and CVE-2026-27896
// worked.
var (
	envelopeKeys = []string{"jsonrpc", "id", "method", "params", "result", "error"}
	paramsKeys   = []string{"name", "uri", "arguments", "cursor", "requestId", "taskId", "_meta", "protocolVersion",
		"capabilities", "clientInfo", "level", "ref", "argument", "context", "reason", "progressToken", "progress",
		"total", "message", "task", "inputResponses", "requestState", "notifications"}
	metaKeys = []string{"io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities",
		"progressToken", "io.modelcontextprotocol/clientInfo", "io.modelcontextprotocol/logLevel",
		"io.modelcontextprotocol/subscriptionId"}
)

// lookup finds the field of a key, spelled exactly. name is unescaped.
func lookup(at level, name []byte) field {
	switch at {
	case levelEnvelope:
		switch string(name) {
		case "jsonrpc":
			return fieldJSONRPC
		case "id":
			return fieldID
		case "method":
			return fieldMethod
		case "params":
			return fieldParams
		case "result":
			return fieldResult
		case "error":
			return fieldError
		}
	case levelParams:
		switch string(name) {
		case "name":
			return fieldName
		case "uri":
			return fieldURI
		case "arguments":
			return fieldArguments
		case "cursor":
			return fieldCursor
		case "requestId":
			return fieldRequestID
		case "taskId":
			return fieldTaskID
		case "notifications":
			return fieldNotifications
		case "inputResponses":
			return fieldInputResponses
		case "requestState":
			return fieldRequestState
		case "_meta":
			return fieldMeta
		case "protocolVersion", "capabilities", "clientInfo", "level", "ref", "argument", "context", "reason",
			"progressToken", "progress", "total", "message", "task":
			return fieldKnown
		}
	case levelMeta:
		switch string(name) {
		case "io.modelcontextprotocol/protocolVersion":
			return fieldProtocolVersion
		case "io.modelcontextprotocol/clientCapabilities":
			return fieldClientCapabilities
		case "progressToken":
			return fieldProgressToken
		case "io.modelcontextprotocol/logLevel":
			return fieldLogLevel
		case "io.modelcontextprotocol/clientInfo", "io.modelcontextprotocol/subscriptionId":
			return fieldKnown
		}
	}
	return fieldNone
}

// variantOf returns the protocol key that name is a case variant of, or "". It is asked only about names that lookup
// does not know. Folding is Unicode's simple folding, as encoding/json folds: "paramſ" (U+017F) would reach a field
// named params there.
func variantOf(at level, name []byte) string {
	var keys []string
	switch at {
	case levelEnvelope:
		keys = envelopeKeys
	case levelParams:
		keys = paramsKeys
	case levelMeta:
		keys = metaKeys
	default:
		return ""
	}
	for _, key := range keys {
		// ASCII folds keep the length; the few others that fold to ASCII make the name longer.
		if len(name) < len(key) {
			continue
		}
		if bytes.EqualFold(name, []byte(key)) {
			return key
		}
	}
	return ""
}

// childLevel is the level of the object that stands as value of f.
func childLevel(f field) level {
	switch f {
	case fieldParams:
		return levelParams
	case fieldMeta:
		return levelMeta
	default:
		return levelFree
	}
}

// note records a protocol member once its value raw[from:to] was checked, and judges the value's type where JSON-RPC
// fixes it. false means that s.err is set.
func (s *scanner) note(f field, from, to int) bool {
	sp, e := span(from, to), s.e
	switch f {
	case fieldJSONRPC:
		// JSON-RPC 2.0, section 4: exactly "2.0". Another spelling of the same string is not worth a decoder.
		if string(s.raw[from:to]) != `"2.0"` {
			return s.refuse(CodeInvalidRequest, `"jsonrpc" must be exactly "2.0"`, from)
		}
	case fieldID:
		return s.noteID(sp)
	case fieldMethod:
		e.Method = sp
		return s.noteMethod(sp)
	case fieldParams:
		e.Params = sp
		return s.noteParams(sp)
	case fieldResult:
		e.Result = sp
	case fieldError:
		e.Error = sp
		if s.raw[from] != '{' {
			return s.refuse(CodeInvalidRequest, `"error" must be an object`, from)
		}
	case fieldName:
		e.Name = sp
	case fieldURI:
		e.URI = sp
	case fieldArguments:
		e.Arguments = s.given(sp)
	case fieldCursor:
		e.Cursor = s.given(sp)
	case fieldRequestID:
		if to-from <= s.lim.MaxIDBytes+len(`""`) { // else it is of no request that was accepted
			e.RequestID = s.given(sp)
		}
	case fieldTaskID:
		e.TaskID = sp
	case fieldNotifications:
		e.Notifications = sp
	case fieldInputResponses:
		e.InputResponses = s.given(sp)
	case fieldRequestState:
		e.RequestState = s.given(sp)
	case fieldMeta:
		e.Meta = s.given(sp)
	case fieldProtocolVersion:
		e.ProtocolVersion = sp
	case fieldClientCapabilities:
		e.ClientCapabilities = sp
	case fieldProgressToken:
		if to-from > s.lim.MaxIDBytes+len(`""`) {
			return s.exceeds(CodeInvalidParams, `"progressToken" is longer`, s.lim.MaxIDBytes, "bytes", from)
		}
		e.ProgressToken = s.given(sp)
	case fieldLogLevel:
		e.LogLevel = s.given(sp)
	}
	return true
}

// given is a member of params; null is as if it were not there, as encoders write what is not set. It is not asked
// about what MCP requires where it may stand at all, nor about what names the era of a message.
func (s *scanner) given(sp Span) Span {
	if s.raw[sp.Off] == 'n' {
		return Span{}
	}
	return sp
}

func (s *scanner) noteMethod(sp Span) bool {
	token := sp.Of(s.raw)
	if token[0] != '"' {
		s.e.Method = Span{}
		return s.refuse(CodeInvalidRequest, `"method" must be a string`, int(sp.Off))
	}
	if hasNUL(token) {
		return s.refuse(CodeInvalidRequest, `"method" must not hold U+0000`, int(sp.Off))
	}
	return true
}

// noteParams: arrays are legal JSON-RPC (section 4.2, by-position) that MCP never uses, so the request is well-formed
// and its parameters are wrong; anything else is not a request at all.
func (s *scanner) noteParams(sp Span) bool {
	switch s.raw[sp.Off] {
	case '{':
		return true
	case 'n': // as if they were not there
		s.e.Params = Span{}
		s.seen &^= 1 << fieldParams
		return true
	case '[':
		return s.refuse(CodeInvalidParams,
			`"params" must be an object, by-position parameters are not used in MCP`, int(sp.Off))
	default:
		return s.refuse(CodeInvalidRequest, `"params" must be an object`, int(sp.Off))
	}
}

// noteID keeps an id that can be echoed byte for byte. One that is refused is kept too if the answer may carry it, so
// that whoever waits for the answer hears it. null is remembered and judged at the end, because an error response may
// have it (JSON-RPC 2.0, section 5) and nothing else may (MCP, basic: Requests).
func (s *scanner) noteID(sp Span) bool {
	token, at := sp.Of(s.raw), int(sp.Off)
	switch {
	case token[0] == 'n':
		s.nullID = true
		return true
	case !isID(token):
		return s.refuse(CodeInvalidRequest, `"id" must be a string or an integer`, at)
	case idBytes(token) > s.lim.MaxIDBytes:
		return s.exceeds(CodeInvalidRequest, `"id" is longer`, s.lim.MaxIDBytes, "bytes", at)
	case token[0] == '"':
		s.e.ID = sp
		return !hasNUL(token) || s.refuse(CodeInvalidRequest, `"id" must not hold U+0000`, at)
	case !idEnds(s.raw, at+len(token)):
		return true // and the message ends as no JSON
	}
	s.e.ID = sp
	return isInteger(token) || s.refuse(CodeInvalidRequest,
		`"id" must be a string or an integer, without fraction or exponent, and not -0`, at)
}

// laterID finds the id of a message that was refused before its id was read, as TypeScript's and Python's SDK write it
// last. It finds none where whose id is meant is open, or where the message does not end as an object does.
func laterID(raw []byte, maxBytes int) (id Span) {
	begin := messageStart(raw)
	for off := 0; ; {
		key, value, next := NextMember(raw[begin:], off)
		if next < 0 {
			return id
		}
		if name, ok := StringOf(key); next == 0 || !ok {
			return Span{}
		} else if bytes.EqualFold(name, []byte("id")) {
			if string(name) != "id" || id.Present() || !isID(value) || idBytes(value) > maxBytes || !isToken(value) {
				return Span{}
			}
			id = span(begin+next-len(value), begin+next)
		}
		off = next
	}
}

// isToken says whether b, which begins as one, is a whole string or number.
func isToken(b []byte) bool {
	s := scanner{raw: b, quiet: true}
	return s.value(0, levelFree) == len(b)
}

// isID says whether a token is of a type that ids have.
func isID(token []byte) bool { return token[0] == '"' || token[0] == '-' || token[0]-'0' <= 9 }

// idBytes is the length of an id as its limit counts it.
func idBytes(token []byte) int {
	if token[0] == '"' {
		return len(token) - len(`""`)
	}
	return len(token)
}

// idEnds says whether what stands at raw[end] shows that the number before it is whole: 12 of a message that was cut
// may be the beginning of 123, another request's.
func idEnds(raw []byte, end int) bool {
	return end < len(raw) && (raw[end] == ',' || raw[end] == '}' || skipSpace(raw, end) > end)
}

// isInteger says whether token is an integer as RFC 8259 writes it, of any size, as ids are compared and echoed as
// bytes; and not -0, which equals 0 for one parser and not for another.
func isInteger(token []byte) bool {
	negative := len(token) > 0 && token[0] == '-'
	if negative {
		token = token[1:]
	}
	if len(token) == 0 || token[0] == '0' {
		return len(token) == 1 && !negative
	}
	return digitsEnd(token, 0) == len(token)
}

// conclude decides what the message is, once the whole of it was read.
func (s *scanner) conclude() bool {
	has := func(f field) bool { return s.seen&(1<<f) != 0 }
	e := s.e
	refuse := func(what string) bool { return s.refuse(CodeInvalidRequest, what, s.start) }
	switch {
	case !has(fieldJSONRPC):
		return refuse(`"jsonrpc" is missing in the message`)
	case has(fieldMethod):
		if has(fieldResult) || has(fieldError) {
			return refuse(`"method" and "result" or "error" in one message`)
		}
		if s.nullID {
			return refuse(`"id" must be a string or an integer, not null, in the request`)
		}
		e.Kind = KindNotification
		if e.ID.Present() {
			e.Kind = KindRequest
		}
	case has(fieldResult) && has(fieldError):
		return refuse(`both "result" and "error" in the response`)
	case !has(fieldResult) && !has(fieldError):
		return refuse(`"method" is missing in the message`)
	case has(fieldParams):
		return refuse(`"params" in the response`)
	case has(fieldResult) && !e.ID.Present():
		return refuse(`"id" must be a string or an integer in the response`)
	default:
		// An error response may lack its id: the peer could not read our request's. Refusing it would mean answering
		// it with an error without id, which a second Weir would answer again, for ever.
		e.Kind = KindResponse
	}
	return true
}

// hasNUL says whether a checked string token holds U+0000. It can only be there escaped.
func hasNUL(token []byte) bool {
	for {
		at := bytes.IndexByte(token, '\\')
		if at < 0 {
			return false
		}
		if token[at+1] == 'u' && string(token[at+2:at+6]) == "0000" {
			return true
		}
		token = token[at+2:]
	}
}

// StringOf returns the contents of a JSON string token, without quotes and unescaped; ok is false when token is no
// string. Without a backslash the result aliases token and nothing is allocated. The token need not have been checked:
// broken escapes give ok false.
func StringOf(token []byte) (s []byte, ok bool) {
	if len(token) < 2 || token[0] != '"' || token[len(token)-1] != '"' {
		return nil, false
	}
	inner := token[1 : len(token)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	// An escape never grows: \u0000 is six bytes for at most three, a pair twelve for four.
	return unescape(make([]byte, 0, len(inner)), inner)
}

// unescape appends the text that the inside of a JSON string stands for.
func unescape(dst, inner []byte) ([]byte, bool) {
	for len(inner) > 0 {
		at := bytes.IndexByte(inner, '\\')
		if at < 0 {
			return append(dst, inner...), true
		}
		dst = append(dst, inner[:at]...)
		r, size := escapeAt(inner[at:])
		if size == 0 {
			return dst, false
		}
		dst = utf8.AppendRune(dst, r)
		inner = inner[at+size:]
	}
	return dst, true
}

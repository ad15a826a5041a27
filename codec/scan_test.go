package codec

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// describe shows what Scan found, on one line: kind, then each span that is present with its bytes.
func describe(raw []byte, e *Envelope, err error) string {
	var b strings.Builder
	if err != nil {
		x := err.(*Error)
		fmt.Fprintf(&b, "%d %s", x.Code, x.Message)
		if e.ID.Present() {
			fmt.Fprintf(&b, " | id %s", e.ID.Of(raw))
		}
		return b.String()
	}
	b.WriteString(e.Kind.String())
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		if sp, ok := v.Field(i).Interface().(Span); ok && sp.Present() {
			fmt.Fprintf(&b, " %s=%s", v.Type().Field(i).Name, sp.Of(raw))
		}
	}
	return b.String()
}

func scanned(text string, lim *JSONLimits) string {
	var e Envelope
	err := Scan([]byte(text), &e, lim)
	return describe([]byte(text), &e, err)
}

// withID is a request with the id token at byte 22.
func withID(token string) string { return `{"jsonrpc":"2.0","id":` + token + `,"method":"m"}` }

var (
	id128, id129 = `"` + strings.Repeat("i", 128) + `"`, `"` + strings.Repeat("i", 129) + `"`
	digits128    = strings.Repeat("9", 128)

	notInteger = `-32600 "id" must be a string or an integer, without fraction or exponent, and not -0 at byte 22 | id `
	notID      = `-32600 "id" must be a string or an integer at byte 22`
)

// envelopes has one row per rule of the envelope: what was sent, and what is said about it.
var envelopes = []struct{ text, want string }{
	// The four kinds.
	{`{"jsonrpc":"2.0","id":1,"method":"ping"}`, `request ID=1 Method="ping"`},
	{`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `notification Method="notifications/initialized"`},
	{`{"jsonrpc":"2.0","id":"x","result":{}}`, `response ID="x" Result={}`},
	{`{"jsonrpc":"2.0","id":"x","result":null}`, `response ID="x" Result=null`},
	{`{"jsonrpc":"2.0","id":3,"error":{"code":-1,"message":"no"}}`, `response ID=3 Error={"code":-1,"message":"no"}`},
	{`{"jsonrpc":"2.0","error":{}}`, `response Error={}`},
	{`{"jsonrpc":"2.0","id":null,"error":{}}`, `response Error={}`},

	// What routing needs, wherever it stands.
	{`{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}`,
		`request ID=12 Method="tools/call" Params={"name":"echo","arguments":{"message":"hello"}} Name="echo" Arguments={"message":"hello"}`},
	{` { "params" : { "uri" : "a:b" } , "method" : "resources/read" , "jsonrpc" : "2.0" , "id" : 1 } `,
		`request ID=1 Method="resources/read" Params={ "uri" : "a:b" } URI="a:b"`},
	{`{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"t","cursor":"c"}}`,
		`request ID=1 Method="tasks/get" Params={"taskId":"t","cursor":"c"} Cursor="c" TaskID="t"`},
	{`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7,"reason":"r"}}`,
		`notification Method="notifications/cancelled" Params={"requestId":7,"reason":"r"} RequestID=7`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":5,"io.modelcontextprotocol/clientInfo":{"name":"c"}}}}`,
		`request ID=1 Method="m" Params={"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":5,"io.modelcontextprotocol/clientInfo":{"name":"c"}}} Meta={"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":5,"io.modelcontextprotocol/clientInfo":{"name":"c"}} ProtocolVersion="2026-07-28" ClientCapabilities={} ProgressToken=5`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"notifications":{},"inputResponses":{"a":1},"requestState":"s","_meta":{"io.modelcontextprotocol/logLevel":"info"}}}`,
		`request ID=1 Method="m" Params={"notifications":{},"inputResponses":{"a":1},"requestState":"s","_meta":{"io.modelcontextprotocol/logLevel":"info"}} Meta={"io.modelcontextprotocol/logLevel":"info"} Notifications={} InputResponses={"a":1} RequestState="s" LogLevel="info"`},
	// The same names elsewhere are nobody's business.
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{"name":"x","_meta":{"progressToken":1},"id":9}}}`,
		`request ID=1 Method="m" Params={"arguments":{"name":"x","_meta":{"progressToken":1},"id":9}} Arguments={"name":"x","_meta":{"progressToken":1},"id":9}`},
	{`{"jsonrpc":"2.0","id":1,"result":{"name":"x","_meta":{"progressToken":1},"method":"m"}}`,
		`response ID=1 Result={"name":"x","_meta":{"progressToken":1},"method":"m"}`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","extra":{"method":"x"}}`, `request ID=1 Method="m"`},
	// An escaped spelling is the same key.
	{`{"jsonrpc":"2.0","\u0069d":1,"m\u0065thod":"m"}`, `request ID=1 Method="m"`},

	// jsonrpc.
	{`{"id":1,"method":"m"}`, `-32600 "jsonrpc" is missing in the message at byte 0 | id 1`},
	{`{"jsonrpc":"1.0","id":1,"method":"m"}`, `-32600 "jsonrpc" must be exactly "2.0" at byte 11 | id 1`},
	{`{"id":1,"jsonrpc":"2.00"}`, `-32600 "jsonrpc" must be exactly "2.0" at byte 18 | id 1`},
	{`{"jsonrpc":2.0,"id":1,"method":"m"}`, `-32600 "jsonrpc" must be exactly "2.0" at byte 11 | id 1`},
	{`{"jsonrpc":"2\u002e0","id":1,"method":"m"}`, `-32600 "jsonrpc" must be exactly "2.0" at byte 11 | id 1`},
	{`{}`, `-32600 "jsonrpc" is missing in the message at byte 0`},

	// id.
	{`{"jsonrpc":"2.0","id":0,"method":"m"}`, `request ID=0 Method="m"`},
	{`{"jsonrpc":"2.0","id":"","method":"m"}`, `request ID="" Method="m"`},
	{`{"jsonrpc":"2.0","id":-5,"method":"m"}`, `request ID=-5 Method="m"`},
	{`{"jsonrpc":"2.0","id":9007199254740992,"method":"m"}`, `request ID=9007199254740992 Method="m"`},
	{`{"jsonrpc":"2.0","id":-9007199254740992,"method":"m"}`, `request ID=-9007199254740992 Method="m"`},
	{`{"jsonrpc":"2.0","id":"\u00e9\"","method":"m"}`, `request ID="\u00e9\"" Method="m"`},
	{withID(id128), `request ID=` + id128 + ` Method="m"`},
	{withID(id129), `-32600 "id" is longer than 128 bytes at byte 22`},
	{withID(`9007199254740993`), `request ID=9007199254740993 Method="m"`},
	{withID(`-9007199254740993`), `request ID=-9007199254740993 Method="m"`},
	{withID(`1774232524389123456`), `request ID=1774232524389123456 Method="m"`},
	{withID(`100000000000000000000`), `request ID=100000000000000000000 Method="m"`},
	{withID(digits128), `request ID=` + digits128 + ` Method="m"`},
	{withID(digits128 + `1`), `-32600 "id" is longer than 128 bytes at byte 22`},
	{`{"jsonrpc":"2.0","id":` + digits128 + `,"result":1}`, `response ID=` + digits128 + ` Result=1`},
	{withID(`-0`), notInteger + `-0`},
	{withID(`1.0`), notInteger + `1.0`},
	{withID(`1e0`), notInteger + `1e0`},
	{withID(`1774232524389123456.5`), notInteger + `1774232524389123456.5`},
	{withID(`true`), notID},
	{withID(`{}`), notID},
	{withID(`[1]`), notID},
	{withID(`"a\u0000b"`), `-32600 "id" must not hold U+0000 at byte 22 | id "a\u0000b"`},
	{withID(`"a\\u0000b"`), `request ID="a\\u0000b" Method="m"`},
	{withID(`null`), `-32600 "id" must be a string or an integer, not null, in the request at byte 0`},
	{`{"jsonrpc":"2.0","id":null,"result":{}}`, `-32600 "id" must be a string or an integer in the response at byte 0`},
	{`{"jsonrpc":"2.0","result":{}}`, `-32600 "id" must be a string or an integer in the response at byte 0`},

	// method and params.
	{`{"jsonrpc":"2.0","id":1}`, `-32600 "method" is missing in the message at byte 0 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"method":null}`, `-32600 "method" must be a string at byte 33 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"method":["m"]}`, `-32600 "method" must be a string at byte 33 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"method":"m\u0000"}`, `-32600 "method" must not hold U+0000 at byte 33 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}`,
		`-32602 "params" must be an object, by-position parameters are not used in MCP at byte 46 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":null}`, `request ID=1 Method="m"`},
	{`{"jsonrpc":"2.0","method":"m","params":null}`, `notification Method="m"`},
	{`{"jsonrpc":"2.0","id":1,"result":{},"params":null}`, `response ID=1 Result={}`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":null,"params":{}}`, `-32600 duplicate key "params" at byte 51 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":nul}`, `-32700 "n" instead of null at byte 46 | id 1`},
	// Members that are null are absent, but for those that the era of a message hangs on.
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":null,"cursor":null,"inputResponses":null,"requestState":null,"requestId":null,"_meta":{"progressToken":null,"io.modelcontextprotocol/logLevel":null}}}`,
		`request ID=1 Method="m" Params={"arguments":null,"cursor":null,"inputResponses":null,"requestState":null,"requestId":null,"_meta":{"progressToken":null,"io.modelcontextprotocol/logLevel":null}} Meta={"progressToken":null,"io.modelcontextprotocol/logLevel":null}`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":null}}`, `request ID=1 Method="m" Params={"_meta":null}`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":null,"_meta":{"io.modelcontextprotocol/protocolVersion":null}}}`,
		`request ID=1 Method="m" Params={"name":null,"_meta":{"io.modelcontextprotocol/protocolVersion":null}} Name=null Meta={"io.modelcontextprotocol/protocolVersion":null} ProtocolVersion=null`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":"x"}`, `-32600 "params" must be an object at byte 46 | id 1`},

	// What does not go together.
	{`{"jsonrpc":"2.0","id":1,"method":"m","result":{}}`,
		`-32600 "method" and "result" or "error" in one message at byte 0 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","error":{}}`,
		`-32600 "method" and "result" or "error" in one message at byte 0 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`,
		`-32600 both "result" and "error" in the response at byte 0 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"result":{},"params":{}}`, `-32600 "params" in the response at byte 0 | id 1`},
	{`{"jsonrpc":"2.0","id":1,"error":"x"}`, `-32600 "error" must be an object at byte 32 | id 1`},

	// What is longer than an id may be names no request and asks for no progress.
	{`{"jsonrpc":"2.0","method":"m","params":{"requestId":` + id128 + `}}`,
		`notification Method="m" Params={"requestId":` + id128 + `} RequestID=` + id128},
	{`{"jsonrpc":"2.0","method":"m","params":{"requestId":` + id129 + `}}`,
		`notification Method="m" Params={"requestId":` + id129 + `}`},
	{`{"jsonrpc":"2.0","method":"m","params":{"requestId":{"a":` + id128 + `}}}`,
		`notification Method="m" Params={"requestId":{"a":` + id128 + `}}`},
	{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":` + id129 + `}}}`,
		`-32602 "progressToken" is longer than 128 bytes at byte 72 | id 1`},

	// A byte order mark before the message is ignored; one elsewhere is no white space.
	{"\ufeff" + ` {"jsonrpc":"2.0","id":1,"method":"m"}`, `request ID=1 Method="m"`},
	{"\ufeff\ufeff" + `{"jsonrpc":"2.0","id":1,"method":"m"}`, `-32700 "\xef" instead of a value at byte 3`},
	{`{"jsonrpc":"2.0","id":1,"method":"m"}` + "\ufeff", `-32700 more bytes after the message at byte 37 | id 1`},

	// No message at all.
	{`[]`, `-32600 the message must be an object at byte 0`},
	{` "x"`, `-32600 the message must be an object at byte 1`},
	{`7`, `-32600 the message must be an object at byte 0`},

	// The id that was read goes with the error, wherever the offence is.
	{`{"jsonrpc":"2.0","id":5,"method":"m","params":{]`, `-32700 "]" instead of a key at byte 47 | id 5`},
	{`{"jsonrpc":"2.0","id":"q","method":"m"} x`, `-32700 more bytes after the message at byte 40 | id "q"`},
	{`{"jsonrpc":"2.0","method":"m","params":"x","id":5}`, `-32600 "params" must be an object at byte 39 | id 5`},
	{`{"method":7,"params":{"id":6},"jsonrpc":"2.0","\u0069d":"q"} `,
		`-32600 "method" must be a string at byte 10 | id "q"`},
	{"\ufeff" + `{"params":[],"id":5}`,
		`-32602 "params" must be an object, by-position parameters are not used in MCP at byte 13 | id 5`},
	// Not so where whose id is meant is open, or it is none, or its end was not seen: a longer one may have been meant.
	{`{"params":7,"id":5,"id":6}`, `-32600 "params" must be an object at byte 10`},
	{`{"params":7,"ID":5,"id":6}`, `-32600 "params" must be an object at byte 10`},
	{`{"ID":5,"id":6}`, `-32600 key "ID" is a case variant of id at byte 1`},
	{`{"params":7,"x":{"id":6}}`, `-32600 "params" must be an object at byte 10`},
	{`{"params":7,"id":6`, `-32600 "params" must be an object at byte 10`},
	{`{"params":7,"id":6x}`, `-32600 "params" must be an object at byte 10`},
	{`{"params":7,"id":"` + "\xff" + `"}`, `-32600 "params" must be an object at byte 10`},
	{`{"params":7,"id":null}`, `-32600 "params" must be an object at byte 10`},
	{`{"params":7,"id":` + id129 + `}`, `-32600 "params" must be an object at byte 10`},
	{`{"jsonrpc":"2.0","id":12`, `-32700 end of the message instead of ',' or '}' at byte 24`},
	{`{"jsonrpc":"2.0","id":-`, `-32700 end of the message instead of a digit at byte 23`},
	{`{"jsonrpc":"2.0","id":0123,"method":"m"}`, `-32700 "1" instead of ',' or '}' at byte 23`},
	{`{"jsonrpc":"2.0","id":12x,"method":"m"}`, `-32700 "x" instead of ',' or '}' at byte 24`},
	{`{"jsonrpc":"2.0","id":1.`, `-32700 end of the message instead of a digit at byte 24`},
	{`{"jsonrpc":"2.0","id":"12`, `-32700 unterminated string at byte 22`},
	{`{"jsonrpc":"2.0","id":12 `, `-32700 end of the message instead of ',' or '}' at byte 25 | id 12`},
	{`{"jsonrpc":"2.0","id":12,`, `-32700 end of the message instead of a key at byte 25 | id 12`},
	{`{"jsonrpc":"2.0","id":"12"`, `-32700 end of the message instead of ',' or '}' at byte 26 | id "12"`},
	{`{"jsonrpc":"2.0","id":5,"method":"m"`, `-32700 end of the message instead of ',' or '}' at byte 36 | id 5`},
	{`{"jsonrpc":"2.0","method":"m` + "\xff" + `","id":5}`, `-32700 invalid UTF-8 at byte 28`},
}

func TestScanEnvelope(t *testing.T) {
	lim := DefaultLimits().JSON
	for _, row := range envelopes {
		if got := scanned(row.text, &lim); got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.text, got, row.want)
		}
	}
}

// TestScanCaseVariants: a key that another parser would take for a protocol key is refused where that key means
// something.
func TestScanCaseVariants(t *testing.T) {
	lim := DefaultLimits().JSON
	variants := func(key string) []string {
		out := []string{strings.ToUpper(key), strings.ToUpper(key[:1]) + key[1:],
			key[:len(key)-1] + strings.ToUpper(key[len(key)-1:])}
		return append(out, strings.Replace(key, "s", "ſ", 1), strings.Replace(key, "k", "\u212a", 1),
			strings.Replace(key, "o", `\u004f`, 1))
	}
	for _, place := range []struct {
		at         level
		keys       []string
		head, tail string
	}{
		{levelEnvelope, envelopeKeys, `{"jsonrpc":"2.0","method":"m",`, `}`},
		{levelParams, paramsKeys, `{"jsonrpc":"2.0","method":"m","params":{`, `}}`},
		{levelMeta, metaKeys, `{"jsonrpc":"2.0","method":"m","params":{"_meta":{`, `}}}`},
	} {
		for _, key := range place.keys {
			if lookup(place.at, []byte(key)) == fieldNone {
				t.Errorf("lookup does not know %q", key)
			}
			for _, v := range variants(key) {
				if v == key {
					continue
				}
				got := scanned(place.head+`"`+v+`":{}`+place.tail, &lim)
				if !strings.HasPrefix(got, "-32600 key ") || !strings.Contains(got, ` is a case variant of `+key+` at byte `) {
					t.Errorf("level %d, key %s: %s", place.at, v, got)
				}
			}
		}
	}
	// An id that may be meant otherwise is not echoed.
	if got, want := scanned(`{"jsonrpc":"2.0","id":1,"ID":2,"method":"m"}`,
		&lim), `-32600 key "ID" is a case variant of id at byte 24`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, free := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{"Name":1,"NAME":2,"name":3,"ID":4}}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"Name":1,"name":2}}`,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{"names":1,"nam":2,"Id":3},"methods":1,"ids":2}`,
	} {
		if got := scanned(free, &lim); strings.HasPrefix(got, "-") {
			t.Errorf("%s: %s", free, got)
		}
	}
}

// TestScanLimits: each limit at its edge and one beyond.
func TestScanLimits(t *testing.T) {
	lim := JSONLimits{MaxDepth: 5, MaxMembers: 6, MaxIDBytes: 16}
	for _, row := range []struct{ text, want string }{
		{`{"jsonrpc":"2.0","method":"m","params":{"arguments":{"a":[[]]}}}`,
			`notification Method="m" Params={"arguments":{"a":[[]]}} Arguments={"a":[[]]}`},
		{`{"jsonrpc":"2.0","method":"m","params":{"arguments":{"a":[[[]]]}}}`,
			`-32700 nested deeper than 5 levels at byte 59`},
		{`{"jsonrpc":"2.0","method":"m","params":{"arguments":{"a":[[{}]]}}}`,
			`-32700 nested deeper than 5 levels at byte 59`},
		{`{"jsonrpc":"2.0","method":"m","x":[{},{},{},[],[],[],{}],"a":[[[]]],"b":[[[]]]}`, `notification Method="m"`},
		{`{"jsonrpc":"2.0","method":"m","x":[[{"a":[1]}],[{"b":[1]}],[{"c":[1]}]]}`, `notification Method="m"`},
		{`{"jsonrpc":"2.0","method":"m","a":1,"b":2,"c":3,"d":4}`, `notification Method="m"`},
		{`{"jsonrpc":"2.0","method":"m","a":1,"b":2,"c":3,"d":4,"e":5}`, `-32700 more than 6 members at byte 54`},
		{`{"jsonrpc":"2.0","method":"m","params":{"arguments":{"b":2},"x":[{"c":3},{"d":4}]}}`,
			`-32700 more than 6 members at byte 66`},
		{`{"jsonrpc":"2.0","method":"m","id":"1234567890123456"}`, `request ID="1234567890123456" Method="m"`},
		{`{"jsonrpc":"2.0","method":"m","id":"12345678901234567"}`, `-32600 "id" is longer than 16 bytes at byte 35`},
	} {
		if got := scanned(row.text, &lim); got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.text, got, row.want)
		}
	}
}

// TestScanStopsAtLimits: a bomb is refused after the bytes the limit allows, whatever stands behind them. The rest of
// the input is not read at all: it is shown by offsets here and by BenchmarkJSONDepthBomb in time.
func TestScanStopsAtLimits(t *testing.T) {
	lim := DefaultLimits().JSON
	for _, row := range []struct{ name, text, want string }{
		{"arrays", strings.Repeat("[", 100_000), `-32700 nested deeper than 64 levels at byte 64`},
		{"objects", strings.Repeat(`{"":`, 100_000), `-32700 nested deeper than 64 levels at byte 256`},
		{"members", "{" + manyMembers(20_000) + "}", `-32700 more than 10000 members at byte 88891`},
	} {
		if got := scanned(row.text, &lim); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

// manyMembers is n members with keys 0 to n-1, without braces.
func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%d":0`, i)
	}
	return b.String()
}

// TestScanQuotesHostileBytes: what an error repeats of a message is short ASCII, and the answer is one line.
func TestScanQuotesHostileBytes(t *testing.T) {
	lim := DefaultLimits().JSON
	for _, text := range []string{
		"\x1b]0;title\x07", "\n\n\x00", "{\u2028}", "\xff",
		`{"` + strings.Repeat("k", 5000) + `":1,"` + strings.Repeat("k", 5000) + `":2}`,
		`{"\u001b[31m\n":1,"\u001b[31m\n":2}`, `{"é\u2028":1,"é\u2028":2}`,
	} {
		var e Envelope
		err := Scan([]byte(text), &e, &lim)
		if err == nil {
			t.Fatalf("%.40q accepted", text)
		}
		message := err.(*Error).Message
		if len(message) > 250 {
			t.Errorf("%.40q: message of %d bytes", text, len(message))
		}
		for _, c := range []byte(message) {
			if c < ' ' || c > '~' {
				t.Errorf("%.40q: byte %#x in message %q", text, c, message)
			}
		}
	}
}

// TestScanAllocatesNothing on good input, of every path: few keys, many keys, escaped keys, non-ASCII, deep.
func TestScanAllocatesNothing(t *testing.T) {
	lim := DefaultLimits().JSON
	inputs := map[string][]byte{
		"escaped key":  []byte(`{"jsonrpc":"2.0","id":"\u0061","method":"m","params":{"arguments":{"\u00e9\n":1,"b":{"\"":2}}}}`),
		"deep":         []byte(`{"jsonrpc":"2.0","method":"m","params":` + nestObjects(60) + `}`),
		"1500 members": []byte(`{"jsonrpc":"2.0","method":"m","params":{"arguments":{` + manyMembers(1500) + `}}}`),
	}
	for _, m := range benchMessages {
		inputs[m.name] = m.raw
	}
	for name, raw := range inputs {
		var e Envelope
		// One run may meet an empty pool, after a collection; the average over many may not.
		if n := testing.AllocsPerRun(200, func() {
			if err := Scan(raw, &e, &lim); err != nil {
				t.Fatal(name, err)
			}
		}); n != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestScanRefusesCheaply: an error costs its value and its text.
func TestScanRefusesCheaply(t *testing.T) {
	lim := DefaultLimits().JSON
	raw := []byte(`{"jsonrpc":"2.0","id":1,"id":2}`)
	var e Envelope
	if n := testing.AllocsPerRun(100, func() { _ = Scan(raw, &e, &lim) }); n > 4 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

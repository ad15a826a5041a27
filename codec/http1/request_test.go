package http1

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"weir/codec/internal/codectest"
)

// smallLimits are limits that vectors can reach with few bytes.
var smallLimits = Limits{
	MaxRequestLineBytes: 60, MaxHeaderValueBytes: 40, MaxHeaders: 6, MaxHeaderBytes: 300,
	MaxBodyBytes: 32, MaxChunkExtensionBytes: 16,
}

// describeRequest writes a request as one line: what was absent is left out.
func describeRequest(r *Request) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s", [...]string{"OTHER", "GET", "HEAD", "POST", "DELETE", "OPTIONS", "CONNECT"}[r.Method], r.Path)
	if r.Query != nil {
		fmt.Fprintf(&s, "?%s", r.Query)
	}
	if r.Minor == 0 {
		s.WriteString(" 1.0")
	}
	for _, f := range []struct {
		name  string
		value []byte
	}{
		{"host", r.Host}, {"origin", r.Origin}, {"type", r.ContentType}, {"accept", r.Accept}, {"auth", r.Authorization},
		{"session", r.SessionID}, {"version", r.ProtocolVersion}, {"method", r.MCPMethod}, {"name", r.MCPName},
		{"last", r.LastEventID}, {"key", r.WSKey}, {"wsv", r.WSVersion}, {"proto", r.WSProtocol},
	} {
		if f.value != nil {
			fmt.Fprintf(&s, " %s=%q", f.name, f.value)
		}
	}
	for _, p := range r.MCPParams {
		fmt.Fprintf(&s, " param-%s=%q", p.Name, p.Value)
	}
	if !r.KeepAlive {
		s.WriteString(" !keep")
	}
	if r.ExpectContinue {
		s.WriteString(" expect")
	}
	if r.UpgradeWebSocket {
		s.WriteString(" websocket")
	}
	return s.String()
}

// poisonRequest decodes another connection's request into r, as a loop that shares one Request does.
func poisonRequest(t *testing.T, r *Request) {
	t.Helper()
	var d Decoder
	lim := DefaultLimits()
	other := []byte("DELETE /other?x HTTP/1.1\r\nHost: other\r\nOrigin: o\r\nMcp-Session-Id: other\r\nMcp-Param-P: o\r\n" +
		"Accept: a\r\nAccept: b\r\nContent-Length: 3\r\n\r\nabc")
	if step, _, err := d.Next(other, r, &lim); step != Ready || err != nil {
		t.Fatalf("poison: step %d, %v", step, err)
	}
}

// maxBufferBytes is the most that one incomplete message can occupy in the buffer under lim. Chunk framing and
// trailers are part of it: they are dropped only when the message is complete.
func maxBufferBytes(lim *Limits) int {
	const ends = 2*maxEmptyLines + 2 + 2 + 2 // CRLFs of empty lines, start line, chunk line, chunk data
	chunkLine := maxChunkDigits + lim.MaxChunkExtensionBytes
	return ends + lim.MaxRequestLineBytes + lim.MaxHeaderBytes + lim.MaxBodyBytes +
		maxChunkOverheadBytes + chunkLine + lim.MaxHeaderBytes
}

// transcript feeds input in pieces that end at the cuts and writes down what came out. The buffer moves with every
// piece, and the request serves another connection in between.
func transcript(t *testing.T, input []byte, lim *Limits, cuts []int) string {
	t.Helper()
	var (
		d       Decoder
		r       Request
		out     []string
		heads   int
		head    string
		pending []byte
		from    int
	)
	for i := 0; i <= len(cuts); i++ {
		to := len(input)
		if i < len(cuts) {
			to = cuts[i]
		}
		b := append(append(make([]byte, 0, len(pending)+to-from), pending...), input[from:to]...)
		from = to
		for {
			step, n, err := d.Next(b, &r, lim)
			if err != nil {
				e := err.(*Error)
				return strings.Join(append(out, fmt.Sprintf("%d %s", e.Status, e.Reason)), " | ")
			}
			if step == Ready {
				got := describeRequest(&r)
				if heads > 0 && got != head {
					t.Fatalf("cuts %v: head was %q, at the end it is %q", cuts, head, got)
				}
				heads = 0
				if r.HasBody {
					got += fmt.Sprintf(" body=%q", r.Body)
				}
				out = append(out, got)
				if b = b[n:]; len(b) > 0 {
					continue
				}
				break
			}
			if n != 0 {
				t.Fatalf("cuts %v: step %d consumed %d bytes", cuts, step, n)
			}
			if step == Head {
				if heads++; heads > 1 {
					t.Fatalf("cuts %v: a second Head", cuts)
				}
				head = describeRequest(&r)
				continue
			}
			if len(b) > maxBufferBytes(lim) {
				t.Fatalf("cuts %v: %d bytes held, the bound is %d", cuts, len(b), maxBufferBytes(lim))
			}
			break
		}
		pending = b
		poisonRequest(t, &r)
	}
	if len(pending) > 0 {
		inHead, body := d.Pending()
		out = append(out, fmt.Sprintf("more head=%v body=%d", inHead, body))
	}
	return strings.Join(out, " | ")
}

func checkRequest(t *testing.T, input, want string, lim *Limits) {
	t.Helper()
	codectest.EveryCut(len(input), func(cuts []int) {
		t.Helper()
		if got := transcript(t, []byte(input), lim, cuts); got != want {
			if len(cuts) > 3 {
				cuts = cuts[:3]
			}
			t.Fatalf("input %q\ncuts %v...\n got: %s\nwant: %s", input, cuts, got, want)
		}
	})
}

const (
	postHead = "POST /mcp HTTP/1.1\r\nHost: h\r\n"
	postMCP  = "POST /mcp HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: python-httpx/0.28.1\r\nAccept-Encoding: gzip, deflate\r\n" +
		"Connection: keep-alive\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n" +
		"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\nContent-Length: 110\r\n\r\n" +
		`{"jsonrpc":"2.0","id":12345,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello, worl"}}}`
)

// TestRequests: what a good request means, and requests at the edge of the grammar that are legal.
func TestRequests(t *testing.T) {
	lim := DefaultLimits()
	for _, c := range []struct{ name, in, want string }{
		{"get", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", `GET / host="h"`},
		{"post", postHead + "Content-Length: 3\r\n\r\nabc", `POST /mcp host="h" body="abc"`},
		{"post without length has no body", postHead + "\r\n", `POST /mcp host="h"`},
		{"length zero", postHead + "Content-Length: 0\r\n\r\n", `POST /mcp host="h"`},
		{"length with leading zeros", postHead + "Content-Length: 003\r\n\r\nabc", `POST /mcp host="h" body="abc"`},
		{"mcp", postMCP, `POST /mcp host="localhost:8080" type="application/json" accept="application/json, text/event-stream" ` +
			`version="2026-07-28" method="tools/call" name="echo" body=` + fmt.Sprintf("%q", postMCP[len(postMCP)-110:])},
		{"names in any case", "GET / HTTP/1.1\r\nhOST: h\r\nMCP-SESSION-ID: s\r\nmcp-param-Region: eu\r\n\r\n",
			`GET / host="h" session="s" param-Region="eu"`},
		{"white space around values", "GET / HTTP/1.1\r\nHost:h\r\nOrigin: \t o \t\r\nMcp-Name:\r\n\r\n",
			`GET / host="h" origin="o" name=""`},
		{"bytes above 0x7f in a value", "GET / HTTP/1.1\r\nHost: h\r\nOrigin: \xff\xc3\xa4\r\n\r\n",
			`GET / host="h" origin="\xffä"`},
		{"tabs inside values", "GET / HTTP/1.1\r\nHost: h\r\nOrigin: a\tb\t \tcdefghijkl\tm\r\n\r\n",
			`GET / host="h" origin="a\tb\t \tcdefghijkl\tm"`},
		{"params that differ", "GET / HTTP/1.1\r\nHost: h\r\nMcp-Param-a^: 1\r\nMcp-Param-a~: 2\r\nMcp-Param-Ab: 3\r\nMcp-Param-: 4\r\n\r\n",
			`GET / host="h" param-a^="1" param-a~="2" param-Ab="3"`},
		{"lists in several lines", "GET / HTTP/1.1\r\nHost: h\r\nAccept: a/b\r\nX: y\r\nAccept: c/d\r\nAccept: e/f\r\n\r\n",
			`GET / host="h" accept="a/b, c/d, e/f"`},
		{"all of ours", "GET /s?cursor=1 HTTP/1.1\r\nHost: h\r\nOrigin: o\r\nAuthorization: Bearer x\r\nMcp-Session-Id: s\r\nLast-Event-ID: 7\r\n\r\n",
			`GET /s?cursor=1 host="h" origin="o" auth="Bearer x" session="s" last="7"`},
		{"methods", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\nDELETE / HTTP/1.1\r\nHost: h\r\n\r\nOPTIONS / HTTP/1.1\r\nHost: h\r\n\r\nBREW / HTTP/1.1\r\nHost: h\r\n\r\nget / HTTP/1.1\r\nHost: h\r\n\r\n",
			`HEAD / host="h" | DELETE / host="h" | OPTIONS / host="h" | OTHER / host="h" | OTHER / host="h"`},
		{"connect", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", `CONNECT  host="h:443"`},
		{"absolute OPTIONS", "OPTIONS http://a.b HTTP/1.1\r\nHost: a.b\r\n\r\nOPTIONS http://a.b/ HTTP/1.1\r\nHost: a.b\r\n\r\n" +
			"OPTIONS http://a.b?q HTTP/1.1\r\nHost: a.b\r\n\r\nGET http://a.b HTTP/1.1\r\nHost: a.b\r\n\r\n",
			`OPTIONS * host="a.b" | OPTIONS / host="a.b" | OPTIONS /?q host="a.b" | GET / host="a.b"`},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", `OPTIONS * host="h"`},
		{"absolute form wins over Host", "GET http://a.b:80/p?q HTTP/1.1\r\nHost: other\r\n\r\n", `GET /p?q host="a.b:80"`},
		{"absolute form without path", "GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\nGET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n",
			`GET / host="a" | GET /?q host="a"`},
		{"escapes are not decoded", "GET /a%2Fb?x=%00&?y HTTP/1.1\r\nHost: h\r\n\r\n", `GET /a%2Fb?x=%00&?y host="h"`},
		{"empty query", "GET /? HTTP/1.1\r\nHost: h\r\n\r\n", `GET /? host="h"`},
		{"hosts", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1:\r\n\r\nGET / HTTP/1.1\r\nHost: a%41_b\r\n\r\n",
			`GET / host="[::1]:80" | GET / host="127.0.0.1:" | GET / host="a%41_b"`},
		{"http 1.0", "GET / HTTP/1.0\r\n\r\n", `GET / 1.0 !keep`},
		{"http 1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n", `GET / 1.0`},
		{"close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nConnection: , CLOSE\r\n\r\n",
			`GET / host="h" !keep`},
		{"expect", postHead + "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na", `POST /mcp host="h" expect body="a"`},
		{"expect without body", postHead + "Expect: 100-continue\r\n\r\n", `POST /mcp host="h"`},
		{"expect in 1.0", "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
			`POST / 1.0 !keep body="a"`},
		{"empty lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
			`GET / host="h" | GET / host="h"`},
		{"pipeline", "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n" + postHead +
			"Content-Length: 2\r\n\r\n{}GET /3 HTTP/1.1\r\nHost: h\r\n\r\n",
			`GET /1 host="h" | POST /mcp host="h" body="{}" | GET /3 host="h"`},
		{"websocket", "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: h2c, WebSocket\r\nConnection: keep-alive, Upgrade\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: mcp\r\n\r\n",
			`GET /ws host="h" key="dGhlIHNhbXBsZSBub25jZQ==" wsv="13" proto="x, mcp" websocket`},
		{"upgrade without Connection", "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", `GET /ws host="h"`},
		{"upgrade of a POST", "POST /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
			`POST /ws host="h"`},
		{"one chunk", postHead + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", `POST /mcp host="h" body="abc"`},
		{"chunks", postHead + "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0B\r\n0123456789a\r\n001\r\nz\r\n000\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
			`POST /mcp host="h" body="abc0123456789az" | GET / host="h"`},
		{"no chunks", postHead + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", `POST /mcp host="h" body=""`},
		{"chunk extensions", postHead +
			"Transfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n1 ; a = \"q\\\"\\; \xff\" ;b=c\r\ny\r\n0;last\r\n\r\n",
			`POST /mcp host="h" body="xy"`},
		{"trailers", postHead + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nMcp-Name: evil\r\nX-Checksum: 1\r\n\r\n",
			`POST /mcp host="h" body="x"`},
		{"body with line ends", postHead + "Content-Length: 6\r\n\r\n\r\n\n\r\n\r", `POST /mcp host="h" body="\r\n\n\r\n\r"`},
		{"unfinished line", "GET / HT", `more head=true body=0`},
		{"unfinished head", "GET / HTTP/1.1\r\nHost: h\r\n", `more head=true body=0`},
		{"only an empty line", "\r\n", `more head=false body=0`},
		{"unfinished body", postHead + "Content-Length: 5\r\n\r\nab", `more head=false body=2`},
		{"unfinished chunk", postHead + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\nde", `more head=false body=5`},
	} {
		t.Run(c.name, func(t *testing.T) { checkRequest(t, c.in, c.want, &lim) })
	}
}

// TestLimits: each limit at its last good value and one beyond.
func TestLimits(t *testing.T) {
	pad := func(n int) string { return strings.Repeat("a", n) }
	te := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct{ name, in, want string }{
		{"request line", "GET /" + pad(46) + " HTTP/1.1\r\nHost: h\r\n\r\n", "GET /" + pad(46) + ` host="h"`},
		{"request line too long", "GET /" + pad(47) + " HTTP/1.1\r\nHost: h\r\n\r\n", "414 request_line_too_long"},
		{"endless request line", pad(400), "414 request_line_too_long"},
		{"value", "GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + pad(40) + "\r\n\r\n", `GET / host="h" origin="` + pad(40) + `"`},
		{"value too long", "GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + pad(41) + "\r\n\r\n", "431 header_too_large"},
		{"name too long", "GET / HTTP/1.1\r\nHost: h\r\n" + pad(257) + ": x\r\n\r\n", "431 header_too_large"},
		{"endless field", "GET / HTTP/1.1\r\nHost: h\r\nX: " + pad(1000), "431 header_too_large"},
		{"endless white space", "GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat(" ", 1000), "431 header_too_large"},
		{"fields", "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X: y\r\n", 5) + "\r\n", `GET / host="h"`},
		{"too many fields", "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X: y\r\n", 6) + "\r\n", "431 too_many_headers"},
		{"head", "GET / HTTP/1.1\r\nHost: h\r\n" + pad(245) + ": " + pad(40) + "\r\n\r\n", `GET / host="h"`},
		{"head too large", "GET / HTTP/1.1\r\nHost: h\r\n" + pad(246) + ": " + pad(40) + "\r\n\r\n", "431 header_too_large"},
		{"body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 32\r\n\r\n" + pad(32),
			`POST / host="h" body="` + pad(32) + `"`},
		{"body too large", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n", "413 body_too_large"},
		{"body far too large", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999999999999\r\n\r\n",
			"413 body_too_large"},
		{"chunks up to the limit", te + "1f\r\n" + pad(31) + "\r\n1\r\nb\r\n0\r\n\r\n",
			`POST / host="h" body="` + pad(31) + `b"`},
		{"chunks beyond the limit", te + "1f\r\n" + pad(31) + "\r\n2\r\n", "413 body_too_large"},
		{"chunk larger than 32 bits", te + "100000000\r\n", "413 body_too_large"},
		{"chunk of 64 bits", te + "ffffffffffffffff\r\n", "413 body_too_large"},
		{"chunk extension", te + "1;" + pad(15) + "\r\nx\r\n0\r\n\r\n", `POST / host="h" body="x"`},
		{"chunk extension too long", te + "1;" + pad(16) + "\r\nx\r\n0\r\n\r\n", "400 chunk_extension"},
		{"endless chunk extension", te + "1;" + pad(100), "400 chunk_extension"},
		{"trailers count as fields", te + "0\r\n" + strings.Repeat("X: y\r\n", 4) + "\r\n", `POST / host="h" body=""`},
		{"too many trailers", te + "0\r\n" + strings.Repeat("X: y\r\n", 5) + "\r\n", "431 too_many_headers"},
		{"trailers too large", te + "0\r\n" + pad(256) + ": " + pad(39) + "\r\n\r\n", "431 header_too_large"},
		{"empty lines", strings.Repeat("\r\n", 3) + "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "400 empty_lines"},
	} {
		t.Run(c.name, func(t *testing.T) { checkRequest(t, c.in, c.want, &smallLimits) })
	}
}

// TestChunkOverhead: framing of tiny chunks stays under its bound, and so does the buffer.
func TestChunkOverhead(t *testing.T) {
	lim := DefaultLimits()
	te := postHead + "Transfer-Encoding: chunked\r\n\r\n"
	if got := transcript(t, []byte(te+strings.Repeat("1\r\nx\r\n", 13_000)+"0\r\n\r\n"), &lim, nil); !strings.Contains(got,
		"body=") {
		t.Errorf("13,000 chunks of one byte: %.80s", got)
	}
	if got := transcript(t, []byte(te+strings.Repeat("1\r\nx\r\n", 20_000)), &lim, nil); got != "400 chunk_overhead" {
		t.Errorf("20,000 chunks of one byte: %.80s", got)
	}
}

// TestDribble: one byte per call over a request near every limit costs linear work. The bound is generous: quadratic
// rescans of 1 MiB would need an hour.
func TestDribble(t *testing.T) {
	lim := DefaultLimits()
	var in bytes.Buffer
	in.WriteString("POST /" + strings.Repeat("p", 7000) + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n")
	for range 7 {
		in.WriteString("X: " + strings.Repeat("v", 4000) + "\r\n")
	}
	in.WriteString("\r\n")
	for in.Len() < 1<<20 {
		in.WriteString("400;ext=" + strings.Repeat("e", 30) + "\r\n" + strings.Repeat("d", 1024) + "\r\n")
	}
	in.WriteString("0\r\n\r\n")
	b := in.Bytes()
	var d Decoder
	var r Request
	for i := 1; i <= len(b); i++ {
		step, n, err := d.Next(b[:i], &r, &lim)
		if err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
		if (step == Ready) != (i == len(b)) {
			t.Fatalf("byte %d: step %d, n %d", i, step, n)
		}
	}
	if len(r.Body)%1024 != 0 || len(bytes.Trim(r.Body, "d")) != 0 {
		t.Fatalf("body of %d bytes is damaged", len(r.Body))
	}
}

func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Decoder{}); n > 48 {
		t.Errorf("Decoder has %d bytes, it is part of every connection and may have 48", n)
	}
}

// TestPlainLen compares the search by words with the definition, every byte at every place.
func TestPlainLen(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				s := bytes.Repeat([]byte("\x80"), n)
				s[at] = byte(c)
				want := n
				if c < ' ' || c == 0x7F {
					want = at
				}
				if got := plainLen(s); got != want {
					t.Fatalf("%d bytes, %#x at %d: %d", n, c, at, got)
				}
			}
		}
	}
}

func TestAllocations(t *testing.T) {
	lim := DefaultLimits()
	ready := func(t *testing.T, in string) {
		t.Helper()
		var d Decoder
		var r Request
		buf := make([]byte, 0, 1<<16)
		if n := testing.AllocsPerRun(200, func() {
			buf = append(buf[:0], in...)
			for len(buf) > 0 {
				step, n, err := d.Next(buf, &r, &lim)
				if step != Ready || err != nil {
					t.Fatalf("step %d, %v", step, err)
				}
				buf = buf[n:]
			}
			buf = buf[:0]
		}); n != 0 {
			t.Errorf("%v allocations for %.40q", n, in)
		}
	}
	ready(t, postMCP)
	ready(t, "GET / HTTP/1.1\r\nHost: h\r\nAccept: a\r\nAccept: b\r\nMcp-Param-A: 1\r\nMcp-Param-B: 2\r\n\r\n")
	ready(t, postHead+"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n")

	var r Request
	bad := []byte("GET / HTTP/1.1\r\nHost : h\r\n\r\n")
	if n := testing.AllocsPerRun(200, func() {
		var d Decoder
		if _, _, err := d.Next(bad, &r, &lim); err == nil {
			t.Fatal("accepted")
		}
	}); n != 0 {
		t.Errorf("%v allocations for a refusal", n)
	}
}

// TestWhatIsKnownOfARefusedRequest: a refusal has to know whether a body may follow its head, and whose page asked,
// however the bytes were cut and whatever r held before.
func TestWhatIsKnownOfARefusedRequest(t *testing.T) {
	lim := DefaultLimits()
	f := func(text string, method Method, origin string, announced uint32) {
		t.Helper()
		for cut := range len(text) {
			var d Decoder
			r := Request{Method: MethodGet, Origin: []byte("https://another.example")}
			b := []byte(text)
			_, _, err := d.Next(b[:cut:cut], &r, &lim)
			if err == nil {
				r = Request{Method: MethodGet, Origin: []byte("https://another.example")}
				_, _, err = d.Next(b, &r, &lim)
			} else {
				continue // refused before the rest came
			}
			if err == nil || r.Method != method || string(r.Origin) != origin || d.Announced() != announced {
				t.Fatalf("%.40q cut at %d: %v, method %d, origin %q, announced %d", text, cut, err, r.Method, r.Origin,
					d.Announced())
			}
		}
	}
	f("HEAD / HTTP/1.1\r\nOrigin: https://a.example\r\n\r\n", MethodHead, "https://a.example", 0)
	f("HEAD / HTTP/1.1\r\nHost: h\r\nX : 1\r\n", MethodHead, "", 0)
	f("HEAD / HTTP/3.0\r\n", MethodHead, "", 0)
	f("\r\nHEAD /"+strings.Repeat("x", 9000), MethodHead, "", 0)
	f("POST / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nContent-Length: 9999999\r\n\r\n", MethodPost,
		"https://a.example", 9999999)
	f("POST / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nContent-Length: 99999999999\r\n\r\n", MethodPost,
		"https://a.example", 1<<32-1)
	f("POST / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nTransfer-Encoding: chunked\r\n\r\n999999\r\n",
		MethodPost, "https://a.example", 0)
}

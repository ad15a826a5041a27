package codec

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

// FuzzHTTP holds three promises for any bytes: nothing panics; the verdict does not depend on where the input is cut; and
// whatever is accepted here and by net/http is the same request to both, down to where its body ends.
func FuzzHTTP(f *testing.F) {
	for _, c := range smuggling {
		f.Add([]byte(c.in), uint16(len(c.in)/2))
	}
	f.Add([]byte(postMCP), uint16(7))
	f.Add([]byte(postHead+"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\nX: y\r\n\r\n"+postMCP), uint16(70))
	lim := HTTPLimits{
		MaxRequestLineBytes: 200, MaxHeaderValueBytes: 100, MaxHeaders: 12, MaxHeaderBytes: 600, MaxBodyBytes: 400, MaxChunkExtensionBytes: 32,
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		if len(in) > 4096 {
			return
		}
		whole := httpTranscript(t, in, &lim, nil)
		if at := int(cut); at > 0 && at < len(in) {
			if got := httpTranscript(t, in, &lim, []int{at}); got != whole {
				t.Fatalf("cut at %d: %s\nwhole: %s", at, got, whole)
			}
		}
		single := make([]int, 0, len(in))
		for i := 1; i < len(in); i++ {
			single = append(single, i)
		}
		if got := httpTranscript(t, in, &lim, single); got != whole {
			t.Fatalf("byte by byte: %s\nwhole: %s", got, whole)
		}
		compareWithNetHTTP(t, in, &lim)
	})
}

// compareWithNetHTTP checks the first request of in. net/http is the laxer and in corners the stricter parser, so only what
// both accept is compared.
func compareWithNetHTTP(t *testing.T, in []byte, lim *HTTPLimits) {
	t.Helper()
	var d HTTPDecoder
	var r HTTPRequest
	step, n, err := d.Next(bytes.Clone(in), &r, lim)
	if step != HTTPReady || err != nil {
		return
	}
	br := bufio.NewReaderSize(bytes.NewReader(in), len(in)+16)
	req, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	rest, _ := io.ReadAll(br)
	if len(rest) != len(in)-n {
		t.Fatalf("%q: %d bytes are left here, %d to net/http", in, len(in)-n, len(rest))
	}
	if !bytes.Equal(body, r.Body) {
		t.Fatalf("%q: body %q here, %q to net/http", in, r.Body, body)
	}
	if got := req.Header.Get("Mcp-Name"); got != string(r.MCPName) {
		t.Fatalf("%q: Mcp-Name %q here, %q to net/http", in, r.MCPName, got)
	}
	if req.Method != http.MethodConnect && req.Host != string(r.Host) {
		t.Fatalf("%q: host %q here, %q to net/http", in, r.Host, req.Host)
	}
}

// FuzzHTTPReply: no panic, and no dependence on cuts, for responses.
func FuzzHTTPReply(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 204 \r\n\r\n"), uint16(9))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"), uint16(50))
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		whole := replyTranscript(in, false, nil)
		if at := int(cut); at > 0 && at < len(in) {
			if got := replyTranscript(in, false, []int{at}); got != whole {
				t.Fatalf("cut at %d: %s\nwhole: %s", at, got, whole)
			}
		}
	})
}

// FuzzWebSocket: no panic, no dependence on cuts, in either direction.
func FuzzWebSocket(f *testing.F) {
	for _, in := range []string{
		wsRaw(wsText, "hello") + wsCloseRaw(1000, "bye"),
		wsRaw(wsTextPart, "\xf0\x9f") + wsRaw(wsFPing, "p") + wsRaw(wsLast, "\x98\x80"),
		string(AppendWSFrame(nil, WSOpText, bytes.Repeat([]byte("x"), 300))),
		"\x01\x01a\x89\x00\x80\x01b",
		"\x81\xFF\x80\x00\x00\x00\x00\x00\x00\x05mask",
	} {
		f.Add([]byte(in), uint16(len(in)/2))
	}
	lim := WSLimits{MaxMessageBytes: 512, MaxFragments: 6}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		if len(in) > 4096 {
			return
		}
		single := make([]int, 0, len(in))
		for i := 1; i < len(in); i++ {
			single = append(single, i)
		}
		for _, client := range []bool{false, true} {
			whole := wsTranscript(t, in, &lim, client, nil)
			if at := int(cut); at > 0 && at < len(in) {
				if got := wsTranscript(t, in, &lim, client, []int{at}); got != whole {
					t.Fatalf("client %v, cut at %d: %s\nwhole: %s", client, at, got, whole)
				}
			}
			if got := wsTranscript(t, in, &lim, client, single); got != whole {
				t.Fatalf("client %v, byte by byte: %s\nwhole: %s", client, got, whole)
			}
		}
	})
}

package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"

	"weir/codec/internal/codectest"
)

// FuzzDecoder holds three promises for any bytes: nothing panics; the verdict does not depend on where the input is
// cut; and whatever is accepted here and by net/http is the same request to both, down to where its body ends.
func FuzzDecoder(f *testing.F) {
	for _, c := range smuggling {
		f.Add([]byte(c.in), uint16(len(c.in)/2))
	}
	f.Add([]byte(postMCP), uint16(7))
	f.Add([]byte(postHead+"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\nX: y\r\n\r\n"+postMCP),
		uint16(70))
	lim := Limits{
		MaxRequestLineBytes: 200, MaxHeaderValueBytes: 100, MaxHeaders: 12, MaxHeaderBytes: 600, MaxBodyBytes: 400, MaxChunkExtensionBytes: 32,
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		if len(in) > 4096 {
			return
		}
		whole := transcript(t, in, &lim, nil)
		if at := int(cut); at > 0 && at < len(in) {
			if got := transcript(t, in, &lim, []int{at}); got != whole {
				t.Fatalf("cut at %d: %s\nwhole: %s", at, got, whole)
			}
		}
		if got := transcript(t, in, &lim, codectest.SingleBytes(len(in))); got != whole {
			t.Fatalf("byte by byte: %s\nwhole: %s", got, whole)
		}
		compareWithNetHTTP(t, in, &lim)
	})
}

// compareWithNetHTTP checks the first request of in. net/http is the laxer and in corners the stricter parser, so
// only what both accept is compared.
func compareWithNetHTTP(t *testing.T, in []byte, lim *Limits) {
	t.Helper()
	var d Decoder
	var r Request
	step, n, err := d.Next(bytes.Clone(in), &r, lim)
	if step != Ready || err != nil {
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

// FuzzReplyDecoder: no panic, and no dependence on cuts, for responses.
func FuzzReplyDecoder(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 204 \r\n\r\n"), uint16(9))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"), uint16(50))
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		whole := replyTranscript(in, nil)
		if at := int(cut); at > 0 && at < len(in) {
			if got := replyTranscript(in, []int{at}); got != whole {
				t.Fatalf("cut at %d: %s\nwhole: %s", at, got, whole)
			}
		}
	})
}

package codec

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAppendHTTPResponse(t *testing.T) {
	for _, c := range []struct {
		name string
		h    HTTPResponse
		body string
		want string
	}{
		{"ok", HTTPResponse{Status: 200, ContentType: "application/json", Date: "Thu, 01 Jan 1970 00:00:00 GMT"}, "{}",
			"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
		{"no body", HTTPResponse{Status: 202, ContentType: "application/json"}, "", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"},
		{"204 has no length", HTTPResponse{Status: 204}, "ignored", "HTTP/1.1 204 No Content\r\n\r\n"},
		{"everything", HTTPResponse{Status: 503, ContentType: "a/b", SessionID: "s", Allow: "GET, POST", WWWAuthenticate: "Bearer", RetryAfter: 3,
			NoBuffering: true, Extra: "X: y\r\n", Close: true}, "e",
			"HTTP/1.1 503 Service Unavailable\r\nContent-Type: a/b\r\nContent-Length: 1\r\nMcp-Session-Id: s\r\nAllow: GET, POST\r\n" +
				"WWW-Authenticate: Bearer\r\nRetry-After: 3\r\nX-Accel-Buffering: no\r\nX: y\r\nConnection: close\r\n\r\ne"},
		{"head only", HTTPResponse{Status: 200, HeadOnly: true, KeepAlive: true}, "12345",
			"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"},
		{"stream", HTTPResponse{Status: 200, ContentType: "text/event-stream", Stream: true}, "",
			"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"unknown status", HTTPResponse{Status: 299}, "", "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"},
		{"no value ends its field", HTTPResponse{Status: 200, SessionID: "a\r\nX: y\x00"}, "",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nMcp-Session-Id: a  X: y \r\n\r\n"},
	} {
		if got := string(AppendHTTPResponse([]byte("before"), &c.h, []byte(c.body))); got != "before"+c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// TestHTTPStatusLines: the finished lines name their own status.
func TestHTTPStatusLines(t *testing.T) {
	for status := 100; status < 600; status++ {
		line := string(appendHTTPStatus(nil, status))
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(line+"\r\n")), nil)
		if err != nil || res.StatusCode != status {
			t.Errorf("%d: %q, %v", status, line, err)
		}
	}
}

func TestAppendHTTPChunk(t *testing.T) {
	h := HTTPResponse{Status: 200, Stream: true}
	b := AppendHTTPResponse(nil, &h, nil)
	for _, part := range []string{"hello ", "", strings.Repeat("x", 300)} {
		b = AppendHTTPChunk(b, []byte(part))
	}
	b = AppendHTTPLastChunk(b)
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(b))), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if want := "hello " + strings.Repeat("x", 300); err != nil || string(body) != want {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestHTTPResponseAllocations(t *testing.T) {
	h := HTTPResponse{Status: 200, ContentType: "application/json", Date: "Thu, 01 Jan 1970 00:00:00 GMT", SessionID: "s", RetryAfter: 12, Close: true}
	dst, body := make([]byte, 0, 1024), []byte("{}")
	if n := testing.AllocsPerRun(200, func() {
		dst = AppendHTTPResponse(dst[:0], &h, body)
		dst = AppendHTTPChunk(dst, body)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func describeReply(r *HTTPReply) string {
	s := fmt.Sprintf("%d type=%q session=%q retry=%q accept=%q", r.Status, r.ContentType, r.SessionID, r.RetryAfter, r.WSAccept)
	if !r.KeepAlive {
		s += " close"
	}
	return s
}

// replyTranscript is httpTranscript for responses.
func replyTranscript(input []byte, toHead bool, cuts []int) string {
	lim := DefaultLimits().HTTP
	d := HTTPReplyDecoder{HeadRequest: toHead}
	var out []string
	var pending []byte
	from := 0
	for i := 0; i <= len(cuts); i++ {
		to := len(input)
		if i < len(cuts) {
			to = cuts[i]
		}
		b := append(append([]byte{}, pending...), input[from:to]...)
		from = to
		for len(b) > 0 {
			var r HTTPReply
			step, n, err := d.Next(b, &r, &lim)
			if err != nil {
				return strings.Join(append(out, err.(*HTTPError).Reason), " | ")
			}
			if step == HTTPNeedMore {
				break
			}
			if step == HTTPReady {
				out = append(out, describeReply(&r)+fmt.Sprintf(" body=%q", r.Body))
			}
			b = b[n:]
		}
		pending = b
	}
	if len(pending) > 0 {
		out = append(out, "more")
	}
	return strings.Join(out, " | ")
}

func TestHTTPReply(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		toHead         bool
	}{
		{name: "length", in: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nMcp-Session-Id: s\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 503 \r\nRetry-After: 3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			want: `200 type="a/b" session="s" retry="" accept="" body="{}" | 503 type="" session="" retry="3" accept="" close body=""`},
		{name: "chunked", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n",
			want: `200 type="" session="" retry="" accept="" body="abc"`},
		{name: "bodyless", in: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
			want: `100 type="" session="" retry="" accept="" body="" | 204 type="" session="" retry="" accept="" body="" | 304 type="" session="" retry="" accept="" body=""`},
		{name: "answer to HEAD", toHead: true, in: "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", want: `200 type="" session="" retry="" accept="" body=""`},
		{name: "upgrade", in: string(AppendWSUpgrade(nil, []byte("dGhlIHNhbXBsZSBub25jZQ=="), "mcp")),
			want: `101 type="" session="" retry="" accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" body=""`},
		{name: "http 1.0", in: "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", want: `200 type="" session="" retry="" accept="" close body=""`},
		{name: "unfinished", in: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", want: "more"},
		{name: "no length", in: "HTTP/1.1 200 OK\r\n\r\n", want: "length_unknown"},
		{name: "two lengths", in: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", want: "length_conflict"},
		{name: "status", in: "HTTP/1.1 20 OK\r\n\r\n", want: "status_line"},
		{name: "status 099", in: "HTTP/1.1 099 OK\r\n\r\n", want: "status_line"},
		{name: "no space behind the status", in: "HTTP/1.1 200\r\n\r\n", want: "status_line"},
		{name: "version", in: "HTTP/2.0 200 OK\r\n\r\n", want: "status_line"},
		{name: "empty line first", in: "\r\nHTTP/1.1 200 OK\r\n\r\n", want: "status_line"},
	} {
		everyCut(len(c.in), func(cuts []int) {
			if got := replyTranscript([]byte(c.in), c.toHead, cuts); got != c.want {
				t.Errorf("%s, cuts %v:\n got %s\nwant %s", c.name, cuts, got, c.want)
			}
		})
	}
}

package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"weir/codec/internal/codectest"
)

func TestAppendResponse(t *testing.T) {
	for _, c := range []struct {
		name string
		h    Response
		body string
		want string
	}{
		{"ok", Response{Status: 200, ContentType: "application/json", Date: "Thu, 01 Jan 1970 00:00:00 GMT"}, "{}",
			"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
		{"no body", Response{Status: 202, ContentType: "application/json"}, "",
			"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"},
		{"204 has no length", Response{Status: 204}, "ignored", "HTTP/1.1 204 No Content\r\n\r\n"},
		{"everything", Response{Status: 503, ContentType: "a/b", SessionID: "s", Allow: "GET, POST",
			WWWAuthenticate: "Bearer", RetryAfter: 3,
			NoBuffering: true, Extra: "X: y\r\n", Close: true}, "e",
			"HTTP/1.1 503 Service Unavailable\r\nContent-Type: a/b\r\nContent-Length: 1\r\nMcp-Session-Id: s\r\nAllow: GET, POST\r\n" +
				"WWW-Authenticate: Bearer\r\nRetry-After: 3\r\nX-Accel-Buffering: no\r\nX: y\r\nConnection: close\r\n\r\ne"},
		{"keep alive", Response{Status: 200, KeepAlive: true}, "12345",
			"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n12345"},
		{"stream", Response{Status: 200, ContentType: "text/event-stream", Stream: true}, "",
			"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"unknown status", Response{Status: 299}, "", "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"},
		{"no value ends its field", Response{Status: 200, SessionID: "a\r\nX: y\x00"}, "",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nMcp-Session-Id: a  X: y \r\n\r\n"},
	} {
		if got := string(AppendResponse([]byte("before"), &c.h, []byte(c.body))); got != "before"+c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// TestStatusLines: the finished lines name their own status.
func TestStatusLines(t *testing.T) {
	for status := 100; status < 600; status++ {
		line := string(appendStatus(nil, status))
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(line+"\r\n")), nil)
		if err != nil || res.StatusCode != status {
			t.Errorf("%d: %q, %v", status, line, err)
		}
	}
}

// net/http judges the chunks, whatever their lengths.
func TestChunks(t *testing.T) {
	body := AppendResponse(nil, &Response{Status: 200, ContentType: "text/event-stream", Stream: true, NoBuffering: true},
		nil)
	var want bytes.Buffer
	for _, n := range []int{0, 1, 15, 16, 17, 255, 4096, 70_000} {
		from := len(body)
		data := bytes.Repeat([]byte{'a' + byte(n%26)}, n)
		body = EndChunk(append(BeginChunk(body), data...), from)
		want.Write(data)
	}
	body = AppendLastChunk(body)
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(body)), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r.Body)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%v: got %d bytes, want %d", err, len(got), want.Len())
	}
	if r.Header.Get("X-Accel-Buffering") != "no" {
		t.Error(r.Header)
	}
}

func TestResponseAllocations(t *testing.T) {
	h := Response{Status: 200, ContentType: "application/json", Date: "Thu, 01 Jan 1970 00:00:00 GMT", SessionID: "s",
		RetryAfter: 12, Close: true}
	dst, body := make([]byte, 0, 1024), []byte("{}")
	if n := testing.AllocsPerRun(200, func() {
		dst = AppendResponse(dst[:0], &h, body)
		from := len(dst)
		dst = EndChunk(append(BeginChunk(dst), body...), from)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func describeReply(r *Reply) string {
	s := fmt.Sprintf("%d type=%q session=%q retry=%q accept=%q", r.Status, r.ContentType, r.SessionID, r.RetryAfter,
		r.WSAccept)
	if !r.KeepAlive {
		s += " close"
	}
	if r.Coding != nil || r.Location != nil {
		s += fmt.Sprintf(" coding=%q location=%q", r.Coding, r.Location)
	}
	return s
}

// replyTranscript is transcript for responses.
func replyTranscript(input []byte, cuts []int) string {
	lim := DefaultLimits()
	var d ReplyDecoder
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
			var r Reply
			step, n, err := d.Next(b, &r, &lim)
			if err != nil {
				return strings.Join(append(out, err.(*Error).Reason), " | ")
			}
			if step == Ready {
				out = append(out, describeReply(&r)+fmt.Sprintf(" body=%q", r.Body))
			}
			if n == 0 {
				break
			}
			b = b[n:]
		}
		pending = b
	}
	var r Reply
	switch step, err := d.End(pending, &r, &lim); {
	case err != nil:
		out = append(out, err.(*Error).Reason)
	case step == Ready:
		out = append(out, describeReply(&r)+fmt.Sprintf(" body=%q", r.Body))
	}
	return strings.Join(out, " | ")
}

func TestReply(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{name: "length", in: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nMcp-Session-Id: s\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 503 \r\nRetry-After: 3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			want: `200 type="a/b" session="s" retry="" accept="" body="{}" | 503 type="" session="" retry="3" accept="" close body=""`},
		{name: "chunked", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n",
			want: `200 type="" session="" retry="" accept="" body="abc"`},
		{name: "bodyless", in: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
			want: `100 type="" session="" retry="" accept="" body="" | 204 type="" session="" retry="" accept="" body="" | 304 type="" session="" retry="" accept="" body=""`},
		{name: "upgrade", in: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
			want: `101 type="" session="" retry="" accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" body=""`},
		{name: "http 1.0", in: "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
			want: `200 type="" session="" retry="" accept="" close body=""`},
		{name: "unfinished", in: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", want: "cut_short"},
		{name: "head unfinished", in: "HTTP/1.1 200 OK\r\n", want: "cut_short"},
		{name: "no length", in: "HTTP/1.1 200 OK\r\n\r\n",
			want: `200 type="" session="" retry="" accept="" close body=""`},
		{name: "until the end", in: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Type: a/b\r\n\r\n{}\r\n",
			want: `200 type="a/b" session="" retry="" accept="" close body="{}\r\n"`},
		{name: "elsewhere, packed",
			in:   "HTTP/1.1 307 \r\nLocation: /mcp/\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
			want: `307 type="" session="" retry="" accept="" coding="gzip" location="/mcp/" body=""`},
		{name: "two lengths", in: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
			want: "length_conflict"},
		{name: "status", in: "HTTP/1.1 20 OK\r\n\r\n", want: "status_line"},
		{name: "status 099", in: "HTTP/1.1 099 OK\r\n\r\n", want: "status_line"},
		{name: "no space behind the status", in: "HTTP/1.1 200\r\n\r\n", want: "status_line"},
		{name: "version", in: "HTTP/2.0 200 OK\r\n\r\n", want: "status_line"},
		{name: "empty line first", in: "\r\nHTTP/1.1 200 OK\r\n\r\n", want: "status_line"},
	} {
		codectest.EveryCut(len(c.in), func(cuts []int) {
			if got := replyTranscript([]byte(c.in), cuts); got != c.want {
				t.Errorf("%s, cuts %v:\n got %s\nwant %s", c.name, cuts, got, c.want)
			}
		})
	}
}

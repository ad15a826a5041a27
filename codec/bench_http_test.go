package codec

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/valyala/fasthttp"
)

// The request is what an MCP client posts: 10 fields, 110 bytes of body. The goal is 450 ns for ours.

func BenchmarkHTTPDecode(b *testing.B) {
	lim := DefaultLimits().HTTP
	in := []byte(postMCP)
	var d HTTPDecoder
	var r HTTPRequest
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if step, n, err := d.Next(in, &r, &lim); step != HTTPReady || n != len(in) || err != nil {
			b.Fatal(step, n, err)
		}
	}
}

// BenchmarkHTTPDecodeSplit is the same request in two packets, head and body: the head is read twice.
func BenchmarkHTTPDecodeSplit(b *testing.B) {
	lim := DefaultLimits().HTTP
	in := []byte(postMCP)
	var d HTTPDecoder
	var r HTTPRequest
	b.ReportAllocs()
	for b.Loop() {
		if step, _, _ := d.Next(in[:len(in)-110], &r, &lim); step != HTTPHead {
			b.Fatal(step)
		}
		if step, _, err := d.Next(in, &r, &lim); step != HTTPReady || err != nil {
			b.Fatal(step, err)
		}
	}
}

// BenchmarkHTTPDecodeFasthttp reads the same request with fasthttp, body included.
func BenchmarkHTTPDecodeFasthttp(b *testing.B) {
	in := []byte(postMCP)
	src := bytes.NewReader(in)
	br := bufio.NewReaderSize(src, 4096)
	var req fasthttp.Request
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(in)
		br.Reset(src)
		if err := req.Read(br); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHTTPDecodeFasthttpHead reads the head only and copies no body.
func BenchmarkHTTPDecodeFasthttpHead(b *testing.B) {
	in := []byte(postMCP)
	src := bytes.NewReader(in)
	br := bufio.NewReaderSize(src, 4096)
	var head fasthttp.RequestHeader
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(in)
		br.Reset(src)
		if err := head.Read(br); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHTTPDecodeNetHTTP(b *testing.B) {
	in := []byte(postMCP)
	src := bytes.NewReader(in)
	br := bufio.NewReaderSize(src, 4096)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(in)
		br.Reset(src)
		req, err := http.ReadRequest(br)
		if err != nil {
			b.Fatal(err)
		}
		if _, err = io.Copy(io.Discard, req.Body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHTTPRefuse(b *testing.B) {
	lim := DefaultLimits().HTTP
	in := []byte(strings.Replace(postMCP, "Content-Length:", "Content-Length :", 1))
	var r HTTPRequest
	b.ReportAllocs()
	for b.Loop() {
		var d HTTPDecoder
		if _, _, err := d.Next(in, &r, &lim); err == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkHTTPEncode(b *testing.B) {
	h := HTTPResponse{Status: 200, ContentType: "application/json", Date: "Thu, 01 Jan 1970 00:00:00 GMT"}
	body := bytes.Repeat([]byte("x"), 90)
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendHTTPResponse(dst[:0], &h, body)
	}
}

// BenchmarkWSDecode reads a text frame of 110 bytes: header, unmasking, UTF-8. The goal is 100 ns. The frame is masked
// again by every second turn, so nothing has to be copied.
func BenchmarkWSDecode(b *testing.B) {
	lim := DefaultLimits().WebSocket
	frame := AppendWSClientFrame(nil, WSOpText, bytes.Repeat([]byte("x"), 110), [4]byte{1, 2, 3, 4}) // ASCII masked and not
	var d WSDecoder
	b.SetBytes(110)
	b.ReportAllocs()
	for b.Loop() {
		if ev, _, n, err := d.Next(frame, &lim); ev != WSText || n != len(frame) || err != nil {
			b.Fatal(ev, n, err)
		}
	}
}

// BenchmarkWSHeader reads the header alone, ours and the library's.
func BenchmarkWSHeader(b *testing.B) {
	frame := AppendWSClientFrame(nil, WSOpText, bytes.Repeat([]byte("x"), 110), wsMask)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if h, _, fail := parseWSHeader(frame, true); h.Length != 110 || fail != nil {
				b.Fatal(h, fail)
			}
		}
	})
	b.Run("gobwas", func(b *testing.B) {
		src := bytes.NewReader(frame)
		scratch := make([]byte, ws.MaxHeaderSize)
		b.ReportAllocs()
		for b.Loop() {
			src.Reset(frame)
			if h, err := ws.ReadHeaderBuffer(src, scratch); h.Length != 110 || err != nil {
				b.Fatal(h, err)
			}
		}
	})
}

func BenchmarkWSEncode(b *testing.B) {
	payload := bytes.Repeat([]byte("x"), 110)
	dst := make([]byte, 0, 256)
	b.SetBytes(110)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendWSFrame(dst[:0], WSOpText, payload)
	}
}

func BenchmarkWSUpgrade(b *testing.B) {
	key := []byte("dGhlIHNhbXBsZSBub25jZQ==")
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendWSUpgrade(dst[:0], key, "mcp")
	}
}

package rivals

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/valyala/fasthttp"

	"weir/codec/http1"
)

// post is what an MCP client posts, as in http1's own benchmarks: 10 fields, 110 bytes of body.
const post = "POST /mcp HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: python-httpx/0.28.1\r\nAccept-Encoding: gzip, deflate\r\n" +
	"Connection: keep-alive\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n" +
	"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\nContent-Length: 110\r\n\r\n" +
	`{"jsonrpc":"2.0","id":12345,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello, worl"}}}`

// TestBothReadTheSame makes the benchmarks worth comparing.
func TestBothReadTheSame(t *testing.T) {
	limits := http1.DefaultLimits()
	var decoder http1.Decoder
	var ours http1.Request
	if step, n, err := decoder.Next([]byte(post), &ours, &limits); step != http1.Ready || n != len(post) || err != nil {
		t.Fatal(step, n, err)
	}
	var theirs fasthttp.Request
	if err := theirs.Read(bufio.NewReader(bytes.NewReader([]byte(post)))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours.Body, theirs.Body()) || len(ours.Body) != 110 {
		t.Errorf("ours %q, fasthttp's %q", ours.Body, theirs.Body())
	}
}

// BenchmarkDecode is ours.
func BenchmarkDecode(b *testing.B) {
	limits := http1.DefaultLimits()
	in := []byte(post)
	var decoder http1.Decoder
	var r http1.Request
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if step, n, err := decoder.Next(in, &r, &limits); step != http1.Ready || n != len(in) || err != nil {
			b.Fatal(step, n, err)
		}
	}
}

// BenchmarkDecodeFasthttp reads the same request with fasthttp, body included.
func BenchmarkDecodeFasthttp(b *testing.B) {
	in := []byte(post)
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

// BenchmarkDecodeFasthttpHead reads the head only and copies no body.
func BenchmarkDecodeFasthttpHead(b *testing.B) {
	in := []byte(post)
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

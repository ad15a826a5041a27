package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The request is what an MCP client posts: 10 fields, 110 bytes of body. The goal is 450 ns for ours.

func BenchmarkDecode(b *testing.B) {
	lim := DefaultLimits()
	in := []byte(postMCP)
	var d Decoder
	var r Request
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if step, n, err := d.Next(in, &r, &lim); step != Ready || n != len(in) || err != nil {
			b.Fatal(step, n, err)
		}
	}
}

// BenchmarkDecodeSplit is the same request in two packets, head and body: the head is read twice.
func BenchmarkDecodeSplit(b *testing.B) {
	lim := DefaultLimits()
	in := []byte(postMCP)
	var d Decoder
	var r Request
	b.ReportAllocs()
	for b.Loop() {
		if step, _, _ := d.Next(in[:len(in)-110], &r, &lim); step != Head {
			b.Fatal(step)
		}
		if step, _, err := d.Next(in, &r, &lim); step != Ready || err != nil {
			b.Fatal(step, err)
		}
	}
}

func BenchmarkDecodeNetHTTP(b *testing.B) {
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

func BenchmarkRefuse(b *testing.B) {
	lim := DefaultLimits()
	in := []byte(strings.Replace(postMCP, "Content-Length:", "Content-Length :", 1))
	var r Request
	b.ReportAllocs()
	for b.Loop() {
		var d Decoder
		if _, _, err := d.Next(in, &r, &lim); err == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	h := Response{Status: 200, ContentType: "application/json", Date: "Thu, 01 Jan 1970 00:00:00 GMT"}
	body := bytes.Repeat([]byte("x"), 90)
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendResponse(dst[:0], &h, body)
	}
}

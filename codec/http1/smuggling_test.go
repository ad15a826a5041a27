package http1

import (
	"strings"
	"testing"
)

// smuggling are shapes that at least one server or proxy in use has read differently from another. Each must end in
// an error before any request comes out of the decoder, so that the connection closes and nothing behind the shape is
// ever read.
var smuggling = func() []struct{ name, in, want string } {
	const (
		head   = "POST /mcp HTTP/1.1\r\nHost: h\r\n"
		hidden = "GET /admin HTTP/1.1\r\nHost: h\r\n\r\n"
		te     = head + "Transfer-Encoding: chunked\r\n\r\n"
		line   = " HTTP/1.1\r\nHost: h\r\n\r\n"
	)
	get := func(fields string) string { return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + hidden }
	return []struct{ name, in, want string }{
		// Two lengths.
		{"CL.TE", head + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", "400 length_conflict"},
		{"TE.CL", head + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + hidden, "400 length_conflict"},
		{"CL 0 with TE", head + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
			"400 length_conflict"},
		{"huge CL with TE", head + "Content-Length: 99999999999\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"400 length_conflict"},
		{"duplicate CL", head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + hidden, "400 duplicate_header"},
		{"duplicate equal CL", head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + hidden, "400 duplicate_header"},
		{"duplicate CL in other case", head + "Content-Length: 5\r\ncontent-length: 0\r\n\r\nhello" + hidden,
			"400 duplicate_header"},
		// Content-Length that is not a number.
		{"CL list", head + "Content-Length: 5,5\r\n\r\nhello", "400 content_length"},
		{"CL list with space", head + "Content-Length: 5, 6\r\n\r\nhello", "400 content_length"},
		{"CL plus", head + "Content-Length: +5\r\n\r\nhello", "400 content_length"},
		{"CL minus", head + "Content-Length: -5\r\n\r\nhello", "400 content_length"},
		{"CL minus zero", head + "Content-Length: -0\r\n\r\n" + hidden, "400 content_length"},
		{"CL hex", head + "Content-Length: 0x5\r\n\r\nhello", "400 content_length"},
		{"CL empty", head + "Content-Length:\r\n\r\nhello", "400 content_length"},
		{"CL fraction", head + "Content-Length: 5.0\r\n\r\nhello", "400 content_length"},
		{"CL exponent", head + "Content-Length: 1e1\r\n\r\nhello", "400 content_length"},
		{"CL inner space", head + "Content-Length: 1 0\r\n\r\nhello", "400 content_length"},
		{"CL underscore", head + "Content-Length: 1_0\r\n\r\nhello", "400 content_length"},
		{"CL quoted", head + "Content-Length: \"5\"\r\n\r\nhello", "400 content_length"},
		{"CL overflows 64 bits", head + "Content-Length: 18446744073709551621\r\n\r\nhello", "400 content_length"},
		{"CL overflows 63 bits", head + "Content-Length: 9223372036854775813\r\n\r\nhello", "400 content_length"},
		{"CL other digits", head + "Content-Length: \xd9\xa5\r\n\r\nhello", "400 content_length"},
		{"CL with NUL", head + "Content-Length: 5\x00\r\n\r\nhello", "400 header_value"},
		{"CL with CR", head + "Content-Length: 5\rX\r\n\r\nhello", "400 header_value"},
		// Transfer-Encoding that is not exactly "chunked".
		{"TE xchunked", head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE identity", head + "Transfer-Encoding: identity\r\n\r\n" + hidden, "400 transfer_encoding"},
		{"TE gzip, chunked", head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE chunked, identity", head + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE chunked, chunked", head + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE twice", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"400 duplicate_header"},
		{"TE twice, second cow", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n",
			"400 duplicate_header"},
		{"TE empty", head + "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE quoted", head + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE trailing comma", head + "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE with parameter", head + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE vertical tab", head + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", "400 header_value"},
		{"TE form feed", head + "Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n", "400 header_value"},
		{"TE no-break space", head + "Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE NUL", head + "Transfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n", "400 header_value"},
		{"TE folded", head + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400 transfer_encoding"},
		{"TE in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 chunked_http_1_0"},
		// Names.
		{"space before colon", head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400 space_before_colon"},
		{"tab before colon", head + "Content-Length\t: 5\r\n\r\nhello", "400 space_before_colon"},
		{"space inside name", get("Content Length: 5\r\n"), "400 space_before_colon"},
		{"NUL in name", get("Content-\x00Length: 5\r\n"), "400 header_name"},
		{"CR in name", get("Foo\rContent-Length: 5\r\n"), "400 header_name"},
		{"byte above 0x7f in name", get("Content-Length\xa0: 5\r\n"), "400 header_name"},
		{"vertical tab in name", get("\x0bContent-Length: 5\r\n"), "400 header_name"},
		{"no name", get(": x\r\n"), "400 header_name"},
		{"no colon", get("Content-Length 5\r\n"), "400 space_before_colon"},
		{"no colon at all", get("chunked\r\n"), "400 header_name"},
		{"quote in name", get("\"Content-Length\": 5\r\n"), "400 header_name"},
		// Lines.
		{"obs-fold", get("X: a\r\n b\r\n"), "400 obs_fold"},
		{"obs-fold with tab", get("X: a\r\n\tTransfer-Encoding: chunked\r\n"), "400 obs_fold"},
		{"space before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400 obs_fold"},
		{"bare LF after request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", "400 bare_lf"},
		{"bare LF after field", get("X: a\nContent-Length: 5\r\n"), "400 bare_lf"},
		{"bare LF at head's end", "GET / HTTP/1.1\r\nHost: h\r\n\n" + hidden, "400 bare_lf"},
		{"bare LF everywhere", "GET / HTTP/1.1\nHost: h\n\n", "400 bare_lf"},
		{"bare CR as line end", "GET / HTTP/1.1\r\nHost: h\r\nX: a\rContent-Length: 5\r\n\r\n", "400 header_value"},
		{"CR CR LF", get("X: a\r\r\n"), "400 header_value"},
		{"CR in request line", "GET /\r HTTP/1.1\r\nHost: h\r\n\r\n", "400 request_target"},
		{"bare LF before the request", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "400 bare_lf"},
		{"CR CR LF before the request", "\r\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "400 request_line"},
		{"NUL in value", get("X: a\x00b\r\n"), "400 header_value"},
		{"DEL in value", get("X: a\x7f\r\n"), "400 header_value"},
		{"BEL deep in a long value", get("X: aaaaaaaaaaaaaaaaaaaaaaa\x07aaaaaaa\r\n"), "400 header_value"},
		// Chunks.
		{"chunk size empty", te + "\r\nhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk size plus", te + "+5\r\nhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk size minus", te + "-5\r\nhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk size 0x", te + "0x5\r\nhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk size space before", te + " 5\r\nhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk size space behind", te + "5 \r\nhello\r\n0\r\n\r\n", "400 chunk_extension"},
		{"chunk size underscore", te + "0_5\r\nhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk size overflows", te + "10000000000000005\r\nhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk size far too long", te + strings.Repeat("0", 200) + "5\r\nhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk size NUL", te + "5\x00\r\nhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk size bare LF", te + "5\nhello\r\n0\r\n\r\n", "400 bare_lf"},
		{"chunk size CR only", te + "5\rhello\r\n0\r\n\r\n", "400 chunk_size"},
		{"chunk data bare LF", te + "5\r\nhello\n0\r\n\r\n", "400 chunk_end"},
		{"chunk data CR only", te + "5\r\nhello\rX0\r\n\r\n", "400 chunk_end"},
		{"chunk data too long", te + "3\r\nhello\r\n0\r\n\r\n", "400 chunk_end"},
		{"chunk data too short", te + "7\r\nhello\r\n0\r\n\r\n", "400 chunk_end"},
		{"last chunk bare LF", te + "0\n\n" + hidden, "400 bare_lf"},
		{"no CRLF behind the last chunk", te + "0\r\n" + hidden, "400 space_before_colon"},
		{"extension bare LF", te + "5;a\nhello\r\n0\r\n\r\n", "400 bare_lf"},
		{"extension CR", te + "5;a\rb\r\nhello\r\n0\r\n\r\n", "400 chunk_extension"},
		{"extension without name", te + "5;\r\nhello\r\n0\r\n\r\n", "400 chunk_extension"},
		{"extension without value", te + "5;a=\r\nhello\r\n0\r\n\r\n", "400 chunk_extension"},
		{"extension open quote", te + "5;a=\"b\r\nhello\r\n0\r\n\r\n", "400 chunk_extension"},
		{"extension NUL in quotes", te + "5;a=\"\x00\"\r\nhello\r\n0\r\n\r\n", "400 chunk_extension"},
		{"extension too long", te + "5;" + strings.Repeat("a", 256) + "\r\nhello\r\n0\r\n\r\n", "400 chunk_extension"},
		// Trailers.
		{"trailer bare LF", te + "0\r\nX: y\n\r\n", "400 bare_lf"},
		{"trailer folded", te + "0\r\nX: y\r\n z\r\n\r\n", "400 obs_fold"},
		{"trailer space before colon", te + "0\r\nX : y\r\n\r\n", "400 space_before_colon"},
		{"trailer Content-Length", te + "0\r\nContent-Length: 5\r\n\r\nhello", "400 trailer_field"},
		{"trailer Transfer-Encoding", te + "0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 trailer_field"},
		{"trailer Host", te + "0\r\nHost: other\r\n\r\n", "400 trailer_field"},
		{"trailer Authorization", te + "0\r\nAuthorization: Bearer x\r\n\r\n", "400 trailer_field"},
		// Host and other single fields.
		{"no Host", "GET / HTTP/1.1\r\n\r\n", "400 host"},
		{"no Host with absolute form", "GET http://h/ HTTP/1.1\r\n\r\n", "400 host"},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 duplicate_header"},
		{"two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", "400 duplicate_header"},
		{"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "400 duplicate_header"},
		{"Host empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400 host"},
		{"Host list", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "400 host"},
		{"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 host"},
		{"Host with user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "400 host"},
		{"Host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 host"},
		{"Host with bad port", "GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n", "400 host"},
		{"Host with port only", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "400 host"},
		{"Host with open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400 host"},
		{"Host with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n", "400 host"},
		{"Host with a broken escape", "GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", "400 host"},
		{"Host with text behind bracket", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400 host"},
		{"two Origins", get("Origin: a\r\nOrigin: b\r\n"), "400 duplicate_header"},
		{"two Content-Types", get("Content-Type: a\r\nContent-Type: b\r\n"), "400 duplicate_header"},
		{"two Authorizations", get("Authorization: a\r\nAuthorization: a\r\n"), "400 duplicate_header"},
		{"two session ids", get("Mcp-Session-Id: a\r\nMcp-Session-Id: b\r\n"), "400 duplicate_header"},
		{"two protocol versions", get("MCP-Protocol-Version: a\r\nMcp-Protocol-Version: b\r\n"), "400 duplicate_header"},
		{"two Mcp-Methods", get("Mcp-Method: a\r\nMcp-Method: b\r\n"), "400 duplicate_header"},
		{"two Mcp-Names", get("Mcp-Name: a\r\nMcp-Name: b\r\n"), "400 duplicate_header"},
		{"two equal Mcp-Params", get("Mcp-Param-A: a\r\nX: y\r\nmcp-param-a: a\r\n"), "400 duplicate_header"},
		{"two WebSocket keys", get("Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b\r\n"), "400 duplicate_header"},
		// Request lines.
		{"HTTP/0.9", "GET /\r\n\r\n", "400 request_line"},
		{"no target", "GET HTTP/1.1\r\nHost: h\r\n\r\n", "400 request_line"},
		{"two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "400 request_target"},
		{"two spaces before the version", "GET /  HTTP/1.1\r\nHost: h\r\n\r\n", "400 request_target"},
		{"tab as separator", "GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", "400 request_line"},
		{"space at the start", " GET / HTTP/1.1\r\nHost: h\r\n\r\n", "400 request_line"},
		{"space at the end", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "400 request_line"},
		{"space in target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "400 request_target"},
		{"two versions", "GET / HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n", "400 request_target"},
		{"method not a token", "GE(T / HTTP/1.1\r\nHost: h\r\n\r\n", "400 request_line"},
		{"NUL in target", "GET /\x00" + line, "400 request_target"},
		{"fragment in target", "GET /#a" + line, "400 request_target"},
		{"byte above 0x7f in target", "GET /\xff" + line, "400 request_target"},
		{"backslash in target", "GET /a\\b" + line, "400 request_target"},
		{"broken escape", "GET /%2" + line, "400 request_target"},
		{"relative target", "GET admin" + line, "400 request_target"},
		{"asterisk without OPTIONS", "GET *" + line, "400 request_target"},
		{"user in absolute form", "GET http://a@b/" + line, "400 request_target"},
		{"absolute form without host", "GET http:///a" + line, "400 request_target"},
		{"other scheme", "GET ftp://h/" + line, "400 request_target"},
		{"CONNECT with a path", "CONNECT http://h/" + line, "400 request_target"},
		{"version in lower case", "GET / http/1.1\r\nHost: h\r\n\r\n", "400 request_line"},
		{"version with two digits", "GET / HTTP/1.10\r\nHost: h\r\n\r\n", "400 request_line"},
		{"version with letters", "GET / HTTP/1.x\r\nHost: h\r\n\r\n", "400 request_line"},
		{"version 1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", "505 http_version"},
		{"version 0.9", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", "505 http_version"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 http_version"},
		{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "400 bare_lf"},
		{"JSON line", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n", "400 request_line"},
		// Expectations.
		{"unknown expectation", get("Expect: 200-ok\r\n"), "417 expectation"},
		{"expectation with more", get("Expect: 100-continue, x\r\n"), "417 expectation"},
		{"two expectations", get("Expect: 100-continue\r\nExpect: 100-continue\r\n"), "400 duplicate_header"},
	}
}()

func TestSmuggling(t *testing.T) {
	lim := DefaultLimits()
	names := map[string]bool{}
	for _, c := range smuggling {
		if names[c.name] {
			t.Errorf("two shapes are called %q", c.name)
		}
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) { checkRequest(t, c.in, c.want, &lim) })
	}
	if len(smuggling) < 60 {
		t.Errorf("%d shapes, at least 60 are promised", len(smuggling))
	}
}

// TestSmuggledBytesAreTheNextRequest: with honest framing, what stands behind a body is a request of its own and is
// judged as one, be it what an attacker hoped to hide.
func TestSmuggledBytesAreTheNextRequest(t *testing.T) {
	lim := DefaultLimits()
	for _, c := range []struct{ name, in, want string }{
		{"body shorter than it looks", postHead + "Content-Length: 1\r\n\r\nXGET /admin HTTP/1.1\r\nHost: h\r\n\r\n",
			`POST /mcp host="h" body="X" | GET /admin host="h"`},
		{"rest of a body", postHead + "Content-Length: 1\r\n\r\n{}", `POST /mcp host="h" body="{" | more head=true body=0`},
		{"GET with a body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 34\r\n\r\nGET /admin HTTP/1.1\r\nHost: h\r\nX: y",
			`GET / host="h" body="GET /admin HTTP/1.1\r\nHost: h\r\nX: y"`},
		{"underscore is another name", postHead + "Content_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\nhello\r\n",
			`POST /mcp host="h" | 400 request_line`},
	} {
		t.Run(c.name, func(t *testing.T) { checkRequest(t, c.in, c.want, &lim) })
	}
}

// TestReasons: every refusal has a word of its own.
func TestReasons(t *testing.T) {
	words := map[string]bool{}
	for _, e := range []*Error{
		errBareLF, errEmptyLines, errLineTooLong, errHeaderTooLarge, errTooManyHeaders, errRequestLine,
		errTarget, errVersion, errStatusLine, errObsFold, errSpaceColon, errName, errValue,
		errDuplicate, errHost, errExpect, errTrailerField, errContentLength, errTransferEncoding,
		errBothLengths, errChunkedOld, errBodyTooLarge, errCutShort, errChunkSize, errChunkExtension,
		errChunkEnd, errChunkOverhead,
	} {
		if words[e.Reason] || e.Status < 400 || e.Detail == "" {
			t.Errorf("%v: reason used twice, status or detail missing", e)
		}
		words[e.Reason] = true
	}
}

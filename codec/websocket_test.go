package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

var wsMask = [4]byte{0xA1, 0x02, 0xFF, 0x7E}

// wsRaw builds a masked frame from its first byte (FIN, RSV, opcode) and payload, the shortest way.
func wsRaw(first byte, payload string) string {
	f := AppendWSClientFrame(nil, 0, []byte(payload), wsMask)
	f[0] = first
	return string(f)
}

// First bytes of frames.
const (
	wsText, wsTextPart = 0x81, 0x01
	wsCont, wsLast     = 0x00, 0x80
	wsBin              = 0x82
	wsFClose           = 0x88
	wsFPing, wsFPong   = 0x89, 0x8A
)

func wsCloseRaw(code uint16, reason string) string {
	return wsRaw(wsFClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// wsTranscript feeds input in pieces that end at the cuts and writes down what came out. The buffer moves with each piece.
func wsTranscript(t *testing.T, input []byte, lim *WSLimits, client bool, cuts []int) string {
	t.Helper()
	var d WSDecoder
	if client {
		d = NewWSReplyDecoder()
	}
	var out []string
	var pending []byte
	from := 0
	for i := 0; i <= len(cuts); i++ {
		to := len(input)
		if i < len(cuts) {
			to = cuts[i]
		}
		b := append(append(make([]byte, 0, len(pending)+to-from), pending...), input[from:to]...)
		from = to
		for {
			ev, payload, n, err := d.Next(b, lim)
			if err != nil {
				e := err.(*WSError)
				return strings.Join(append(out, fmt.Sprintf("%d %s", e.Code, e.Reason)), " | ")
			}
			if ev == WSNeedMore {
				if n != 0 {
					t.Fatalf("cuts %v: WSNeedMore consumed %d bytes", cuts, n)
				}
				if len(b) > MaxWSBufferBytes(lim) {
					t.Fatalf("cuts %v: %d bytes held, the bound is %d", cuts, len(b), MaxWSBufferBytes(lim))
				}
				break
			}
			out = append(out, fmt.Sprintf("%s %q", [...]string{"", "text", "ping", "pong", "close"}[ev], payload))
			b = b[n:]
			if ev == WSClose {
				return strings.Join(out, " | ")
			}
		}
		pending = b
	}
	if len(pending) > 0 {
		out = append(out, "more")
	}
	return strings.Join(out, " | ")
}

type wsVector struct{ name, in, want string }

var wsLong = strings.Repeat("*", 126)

// wsVectors follow the categories of the Autobahn test suite (1 framing, 2 pings, 3 reserved bits, 5 fragmentation, 6 UTF-8,
// 7 close; 4, opcodes, and the close codes are made in TestWebSocket) with vectors of our own.
var wsVectors = []wsVector{
	{"1 empty text", wsRaw(wsText, ""), `text ""`},
	{"1 text", wsRaw(wsText, "hello"), `text "hello"`},
	{"1 two messages", wsRaw(wsText, "a") + wsRaw(wsText, "b"), `text "a" | text "b"`},
	{"1 length 125", wsRaw(wsText, wsLong[:125]), fmt.Sprintf("text %q", wsLong[:125])},
	{"1 length 126", wsRaw(wsText, wsLong), fmt.Sprintf("text %q", wsLong)},
	{"1 unfinished", wsRaw(wsText, "hello")[:8], "more"},
	{"1 length at the limit", wsRaw(wsText, strings.Repeat("a", 1024)), fmt.Sprintf("text %q", strings.Repeat("a", 1024))},
	{"1 length above the limit", wsRaw(wsText, strings.Repeat("a", 1025))[:8], "1009 message_too_big"},
	{"1 length of 64 bits above the limit", "\x81\xFF\x00\x00\x00\x00\x00\x01\x00\x00mask", "1009 message_too_big"},
	{"1 length of 63 bits", "\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask", "1009 message_too_big"},
	{"1 top bit of 64-bit length", "\x81\xFF\x80\x00\x00\x00\x00\x00\x00\x05mask", "1002 length_encoding"},
	{"1 16-bit length not minimal", "\x81\xFE\x00\x7Dmask", "1002 length_encoding"},
	{"1 64-bit length not minimal", "\x81\xFF\x00\x00\x00\x00\x00\x00\xFF\xFFmask", "1002 length_encoding"},
	{"1 not masked", "\x81\x05hello", "1002 not_masked"},
	{"1 control not masked", "\x89\x00", "1002 not_masked"},
	{"1 binary", wsRaw(wsBin, "hello"), "1003 binary_message"},
	{"1 binary fragment", wsRaw(0x02, "hello"), "1003 binary_message"},

	{"2 empty ping", wsRaw(wsFPing, ""), `ping ""`},
	{"2 ping with bytes", wsRaw(wsFPing, "\x00\xff\xfe"), `ping "\x00\xff\xfe"`},
	{"2 ping of 125", wsRaw(wsFPing, wsLong[:125]), fmt.Sprintf("ping %q", wsLong[:125])},
	{"2 ping of 126", wsRaw(wsFPing, wsLong), "1002 control_frame"},
	{"2 ping fragmented", wsRaw(0x09, "x"), "1002 control_frame"},
	{"2 pong unasked", wsRaw(wsFPong, "x") + wsRaw(wsFPing, "y"), `pong "x" | ping "y"`},
	{"2 ten pings", strings.Repeat(wsRaw(wsFPing, "p"), 10), strings.TrimSuffix(strings.Repeat(`ping "p" | `, 10), " | ")},

	{"3 RSV1", wsRaw(0xC1, "x"), "1002 reserved_bits"},
	{"3 RSV2", wsRaw(0xA1, "x"), "1002 reserved_bits"},
	{"3 RSV3 after a message", wsRaw(wsText, "a") + wsRaw(0x91, "x"), `text "a" | 1002 reserved_bits`},
	{"3 RSV1 on ping", wsRaw(0xC9, "x"), "1002 reserved_bits"},
	{"3 RSV on close", wsRaw(0xF8, ""), "1002 reserved_bits"},
	{"3 RSV on continuation", wsRaw(wsTextPart, "a") + wsRaw(0xC0, "b"), "1002 reserved_bits"},

	{"5 two fragments", wsRaw(wsTextPart, "ab") + wsRaw(wsLast, "cd"), `text "abcd"`},
	{"5 many fragments", wsRaw(wsTextPart, "") + wsRaw(wsCont, "") + wsRaw(wsCont, "a") + wsRaw(wsCont, "") + wsRaw(wsCont, "bcd") + wsRaw(wsLast, ""), `text "abcd"`},
	{"5 only empty fragments", wsRaw(wsTextPart, "") + wsRaw(wsLast, ""), `text ""`},
	{"5 pings between", wsRaw(wsTextPart, "ab") + wsRaw(wsFPing, "1") + wsRaw(wsCont, "cd") + wsRaw(wsFPong, "2") + wsRaw(wsLast, "ef") + wsRaw(wsText, "g"),
		`ping "1" | pong "2" | text "abcdef" | text "g"`},
	{"5 ping before the first byte", wsRaw(wsTextPart, "") + wsRaw(wsFPing, "1") + wsRaw(wsLast, "ab"), `ping "1" | text "ab"`},
	{"5 close between", wsRaw(wsTextPart, "ab") + wsCloseRaw(1000, ""), `close "\x03\xe8"`},
	{"5 continuation without a start", wsRaw(wsCont, "a"), "1002 unexpected_continuation"},
	{"5 last continuation without a start", wsRaw(wsLast, "a"), "1002 unexpected_continuation"},
	{"5 continuation after a message", wsRaw(wsTextPart, "a") + wsRaw(wsLast, "b") + wsRaw(wsLast, "c"), `text "ab" | 1002 unexpected_continuation`},
	{"5 text inside a message", wsRaw(wsTextPart, "a") + wsRaw(wsText, "b"), "1002 unfinished_message"},
	{"5 binary inside a message", wsRaw(wsTextPart, "a") + wsRaw(wsBin, "b"), "1002 unfinished_message"},
	{"5 as many fragments as allowed", wsRaw(wsTextPart, "a") + strings.Repeat(wsRaw(wsCont, "a"), 6) + wsRaw(wsLast, "a"), `text "aaaaaaaa"`},
	{"5 too many fragments", wsRaw(wsTextPart, "a") + strings.Repeat(wsRaw(wsCont, "a"), 8), "1009 too_many_fragments"},
	{"5 too many empty fragments", wsRaw(wsTextPart, "") + strings.Repeat(wsRaw(wsCont, ""), 8), "1009 too_many_fragments"},
	{"5 fragments above the limit", wsRaw(wsTextPart, strings.Repeat("a", 1000)) + wsRaw(wsLast, strings.Repeat("a", 25)), "1009 message_too_big"},
	{"5 control frames up to the limit", wsRaw(wsTextPart, "a") + strings.Repeat(wsRaw(wsFPong, ""), 64) + wsRaw(wsLast, "b"), strings.Repeat(`pong "" | `, 64) + `text "ab"`},
	{"5 too many control frames", wsRaw(wsTextPart, "a") + strings.Repeat(wsRaw(wsFPong, ""), 65), strings.Repeat(`pong "" | `, 64) + "1008 too_many_control_frames"},

	{"6 text", wsRaw(wsText, "κόσμε 𐍈 \u0000\uffff"), `text "κόσμε 𐍈 \x00\uffff"`},
	{"6 character over two fragments", wsRaw(wsTextPart, "\xf0\x9f") + wsRaw(wsLast, "\x98\x80!"), `text "😀!"`},
	{"6 character over four fragments", wsRaw(wsTextPart, "\xf0") + wsRaw(wsCont, "\x9f") + wsRaw(wsFPing, "") + wsRaw(wsCont, "\x98") + wsRaw(wsLast, "\x80"), `ping "" | text "😀"`},
	{"6 ends inside a character", wsRaw(wsText, "ab\xe2\x82"), "1007 invalid_utf8"},
	{"6 ends inside a character, fragmented", wsRaw(wsTextPart, "ab\xe2") + wsRaw(wsLast, "\x82"), "1007 invalid_utf8"},
	{"6 stray continuation byte", wsRaw(wsText, "a\x80"), "1007 invalid_utf8"},
	{"6 overlong", wsRaw(wsText, "\xc0\xaf"), "1007 invalid_utf8"},
	{"6 overlong of three", wsRaw(wsText, "\xe0\x80\xaf"), "1007 invalid_utf8"},
	{"6 surrogate", wsRaw(wsText, "\xed\xa0\x80"), "1007 invalid_utf8"},
	{"6 beyond U+10FFFF", wsRaw(wsText, "\xf4\x90\x80\x80"), "1007 invalid_utf8"},
	{"6 five bytes", wsRaw(wsText, "\xf8\x88\x80\x80\x80"), "1007 invalid_utf8"},
	{"6 0xFF", wsRaw(wsText, "\xff"), "1007 invalid_utf8"},
	{"6 fails in the first fragment", wsRaw(wsTextPart, "κ\xf4\x90"), "1007 invalid_utf8"},
	{"6 fails before the frame is complete", wsRaw(wsText, "abc\xff"+wsLong)[:14], "1007 invalid_utf8"},

	{"7 close without a code", wsRaw(wsFClose, "") + wsRaw(wsText, "x"), `close ""`},
	{"7 close of one byte", wsRaw(wsFClose, "\x03"), "1002 close_code"},
	{"7 close with a reason", wsCloseRaw(1000, "bye κ"), `close "\x03\xe8bye κ"`},
	{"7 close of 125", wsCloseRaw(1000, wsLong[:123]), fmt.Sprintf("close %q", "\x03\xe8"+wsLong[:123])},
	{"7 close of 126", wsCloseRaw(1000, wsLong[:124]), "1002 control_frame"},
	{"7 reason not UTF-8", wsCloseRaw(1000, "\xce\xba\xed\xa0\x80"), "1007 close_reason_utf8"},
	{"7 reason ends inside a character", wsCloseRaw(1000, "\xe2\x82"), "1007 close_reason_utf8"},
}

func TestWebSocket(t *testing.T) {
	lim := WSLimits{MaxMessageBytes: 1024, MaxFragments: 8}
	vectors := slices.Clone(wsVectors)
	for op := byte(3); op <= 15; op++ {
		if op >= 8 && op <= 10 {
			continue
		}
		vectors = append(vectors, wsVector{fmt.Sprintf("4 opcode %d", op), wsRaw(wsText, "a") + wsRaw(0x80|op, ""), `text "a" | 1002 unknown_opcode`})
	}
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		in := wsCloseRaw(code, "")
		vectors = append(vectors, wsVector{fmt.Sprintf("7 code %d", code), in, fmt.Sprintf("close %q", binary.BigEndian.AppendUint16(nil, code))})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		vectors = append(vectors, wsVector{fmt.Sprintf("7 code %d", code), wsCloseRaw(code, ""), "1002 close_code"})
	}
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			everyCut(len(v.in), func(cuts []int) {
				if got := wsTranscript(t, []byte(v.in), &lim, false, cuts); got != v.want {
					t.Fatalf("cuts %v\n got: %s\nwant: %s", cuts, got, v.want)
				}
			})
		})
	}
}

// TestWSLengths: each form of the length, there and back, in both directions.
func TestWSLengths(t *testing.T) {
	lim := DefaultLimits().WebSocket
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20} {
		payload := bytes.Repeat([]byte("x"), n)
		want := fmt.Sprintf("text %q", payload)
		cuts := []int{1, 2, 3, 4, 5, 6}
		if n == 0 {
			cuts = []int{1}
		}
		if got := wsTranscript(t, AppendWSClientFrame(nil, WSOpText, payload, wsMask), &lim, false, cuts); got != want {
			t.Errorf("from client, %d bytes: %.60s", n, got)
		}
		if n < 4 {
			cuts = []int{1}
		}
		if got := wsTranscript(t, AppendWSFrame(nil, WSOpText, payload), &lim, true, cuts); got != want {
			t.Errorf("from server, %d bytes: %.60s", n, got)
		}
	}
}

// TestWSPending: what deadlines see of an unfinished message.
func TestWSPending(t *testing.T) {
	lim := DefaultLimits().WebSocket
	var d WSDecoder
	in := []byte(wsRaw(wsTextPart, "abc") + wsRaw(wsLast, "de"))
	for i, want := range map[int]int{5: 0, 8: 2, 9: 3, 14: 3, 16: 4} {
		d = WSDecoder{}
		if _, _, _, err := d.Next(bytes.Clone(in[:i]), &lim); err != nil || d.Pending() != want {
			t.Errorf("after %d bytes: %d pending, want %d, %v", i, d.Pending(), want, err)
		}
	}
}

func TestWSFromServer(t *testing.T) {
	lim := DefaultLimits().WebSocket
	for _, c := range []struct{ name, in, want string }{
		{"all kinds", string(AppendWSFrame(nil, WSOpPing, []byte("p"))) + string(AppendWSFrame(nil, WSOpText, []byte("t"))) + string(AppendWSFrame(nil, WSOpPong, nil)) + string(AppendWSClose(nil, 1001, "bye")),
			`ping "p" | text "t" | pong "" | close "\x03\xe9bye"`},
		{"fragments", "\x01\x01a\x89\x00\x80\x01b", `ping "" | text "ab"`},
		{"masked", wsRaw(wsText, "x"), "1002 masked"},
	} {
		everyCut(len(c.in), func(cuts []int) {
			if got := wsTranscript(t, []byte(c.in), &lim, true, cuts); got != c.want {
				t.Errorf("%s, cuts %v: %s", c.name, cuts, got)
			}
		})
	}
}

func TestAppendWSClose(t *testing.T) {
	for _, c := range []struct {
		code   uint16
		reason string
		want   string
	}{
		{1000, "", "\x88\x02\x03\xe8"},
		{1013, "try later", "\x88\x0b\x03\xf5try later"},
		{1005, "never sent", "\x88\x00"},
		{0, "", "\x88\x00"},
		{1002, strings.Repeat("a", 200), "\x88\x7d\x03\xea" + strings.Repeat("a", 123)},
		{1002, strings.Repeat("a", 122) + "κ", "\x88\x7c\x03\xea" + strings.Repeat("a", 122)},
	} {
		if got := string(AppendWSClose(nil, c.code, c.reason)); got != c.want {
			t.Errorf("%d %.20q: %q", c.code, c.reason, got)
		}
	}
	if code, reason := WSCloseCode([]byte("\x03\xe8bye")); code != 1000 || string(reason) != "bye" {
		t.Errorf("%d %q", code, reason)
	}
	if code, reason := WSCloseCode(nil); code != 1005 || reason != nil {
		t.Errorf("%d %q", code, reason)
	}
	if got := AppendWSFrame(nil, WSOpPong, make([]byte, 200)); len(got) != 127 {
		t.Errorf("a control frame of %d bytes", len(got))
	}
}

// TestWSHandshake: the example of RFC 6455 section 1.3.
func TestWSHandshake(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	if got := string(AppendWSUpgrade(nil, []byte(key), "")); got != want+"\r\n" {
		t.Errorf("%q", got)
	}
	if got := string(AppendWSUpgrade(nil, []byte(key), "mcp")); got != want+"Sec-WebSocket-Protocol: mcp\r\n\r\n" {
		t.Errorf("%q", got)
	}
	for k, want := range map[string]bool{
		key: true, "AAAAAAAAAAAAAAAAAAAAAA==": true, "": false, key[:23]: false, key + "=": false, "dGhlIHNhbXBsZSBub25jZQAA": false,
		"dGhlIHNhbXBsZSBub25jZR==": false, "!GhlIHNhbXBsZSBub25jZQ==": false, "dGhlIHNhbXBsZSBub25j====": false,
	} {
		if ValidWSKey([]byte(k)) != want {
			t.Errorf("key %q: not %v", k, want)
		}
	}
}

// TestWSCipher holds the library's assembly against the definition (RFC 6455 section 5.3).
func TestWSCipher(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		for shift := range 9 {
			buf := make([]byte, n+shift+8)
			for i := range buf {
				buf[i] = byte(rng.Uint32())
			}
			want := bytes.Clone(buf)
			for i := range n {
				want[shift+i] ^= wsMask[i%4]
			}
			ws.Cipher(buf[shift:shift+n], wsMask, 0)
			if !bytes.Equal(buf, want) {
				t.Fatalf("%d bytes at %d", n, shift)
			}
		}
	}
}

// TestWholeUTF8 compares with the definition: a prefix is good when some continuation makes it valid.
func TestWholeUTF8(t *testing.T) {
	text := "aκ\u20ac😀\U0010ffff\u0000z"
	for i := range len(text) + 1 {
		whole, ok := wholeUTF8([]byte(text[:i]))
		if !ok || !utf8.ValidString(text[:whole]) || i-whole >= utf8.UTFMax {
			t.Errorf("prefix of %d: whole %d, ok %v", i, whole, ok)
		}
	}
	for _, bad := range []string{"\x80", "\xc0", "\xc1\x80", "\xe0\x80", "\xed\xa0", "\xf0\x80", "\xf4\x90", "\xf5", "\xff", "a\x80\x80\x80\x80", "\xc3a", "\xe2\x82a"} {
		if _, ok := wholeUTF8([]byte(bad)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestWSAllocations(t *testing.T) {
	lim := DefaultLimits().WebSocket
	in := []byte(wsRaw(wsText, strings.Repeat("x", 110)) + wsRaw(wsTextPart, "a") + wsRaw(wsFPing, "p") + wsRaw(wsLast, "b") + wsCloseRaw(1000, "bye"))
	buf, dst := make([]byte, len(in)), make([]byte, 0, 1024)
	key := []byte("dGhlIHNhbXBsZSBub25jZQ==")
	if n := testing.AllocsPerRun(200, func() {
		var d WSDecoder
		copy(buf, in)
		for b := buf; len(b) > 0; {
			ev, payload, n, err := d.Next(b, &lim)
			if ev == WSNeedMore || err != nil {
				t.Fatal(ev, err)
			}
			b = b[n:]
			dst = AppendWSFrame(dst[:0], WSOpText, payload)
		}
		dst = AppendWSClose(dst[:0], 1000, "bye")
		dst = AppendWSClientFrame(dst, WSOpText, buf, wsMask)
		if !ValidWSKey(key) {
			t.Fatal("key")
		}
		dst = AppendWSUpgrade(dst[:0], key, "mcp")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/gobwas/ws"

	"weir/codec/internal/codectest"
)

var mask = [4]byte{0xA1, 0x02, 0xFF, 0x7E}

// masked builds a masked frame from its first byte (FIN, RSV, opcode) and payload, the shortest way.
func masked(first byte, payload string) string {
	f := ws.MustCompileFrame(ws.MaskFrameWith(ws.NewTextFrame([]byte(payload)), mask))
	f[0] = first
	return string(f)
}

// First bytes of frames.
const (
	finText, startText = 0x81, 0x01
	middle, last       = 0x00, 0x80
	finBinary          = 0x82
	finClose           = 0x88
	finPing, finPong   = 0x89, 0x8A
)

func closeFrame(code uint16, reason string) string {
	return masked(finClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// maxBufferBytes is the most that one incomplete message can occupy in the buffer under lim: the message, a header per
// fragment, the control frames between them.
func maxBufferBytes(lim *Limits) int {
	const control = ws.MaxControlFramePayloadSize + 6
	return lim.MaxMessageBytes + lim.MaxFragments*ws.MaxHeaderSize + (maxControls+1)*control
}

// transcript feeds input in pieces that end at the cuts and writes down what came out. The buffer moves with each
// piece.
func transcript(t *testing.T, input []byte, lim *Limits, cuts []int) string {
	t.Helper()
	var d Decoder
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
				e := err.(*Error)
				return strings.Join(append(out, fmt.Sprintf("%d %s", e.Code, e.Reason)), " | ")
			}
			if ev == NeedMore {
				if n != 0 {
					t.Fatalf("cuts %v: NeedMore consumed %d bytes", cuts, n)
				}
				if len(b) > maxBufferBytes(lim) {
					t.Fatalf("cuts %v: %d bytes held, the bound is %d", cuts, len(b), maxBufferBytes(lim))
				}
				break
			}
			out = append(out, fmt.Sprintf("%s %q", [...]string{"", "text", "ping", "pong", "close"}[ev], payload))
			b = b[n:]
			if ev == Close {
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

type vector struct{ name, in, want string }

var long = strings.Repeat("*", 126)

// vectors follow the categories of the Autobahn test suite (1 framing, 2 pings, 3 reserved bits, 5 fragmentation, 6
// UTF-8, 7 close; 4, opcodes, and the close codes are made in TestDecoder) with vectors of our own.
var vectors = []vector{
	{"1 empty text", masked(finText, ""), `text ""`},
	{"1 text", masked(finText, "hello"), `text "hello"`},
	{"1 two messages", masked(finText, "a") + masked(finText, "b"), `text "a" | text "b"`},
	{"1 length 125", masked(finText, long[:125]), fmt.Sprintf("text %q", long[:125])},
	{"1 length 126", masked(finText, long), fmt.Sprintf("text %q", long)},
	{"1 unfinished", masked(finText, "hello")[:8], "more"},
	{"1 length at the limit", masked(finText, strings.Repeat("a", 1024)),
		fmt.Sprintf("text %q", strings.Repeat("a", 1024))},
	{"1 length above the limit", masked(finText, strings.Repeat("a", 1025))[:8], "1009 message_too_large"},
	{"1 length of 64 bits above the limit", "\x81\xFF\x00\x00\x00\x00\x00\x01\x00\x00mask", "1009 message_too_large"},
	{"1 length of 63 bits", "\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask", "1009 message_too_large"},
	{"1 top bit of 64-bit length", "\x81\xFF\x80\x00\x00\x00\x00\x00\x00\x05mask", "1002 length_encoding"},
	{"1 16-bit length not minimal", "\x81\xFE\x00\x7Dmask", "1002 length_encoding"},
	{"1 64-bit length not minimal", "\x81\xFF\x00\x00\x00\x00\x00\x00\xFF\xFFmask", "1002 length_encoding"},
	{"1 not masked", "\x81\x05hello", "1002 not_masked"},
	{"1 control not masked", "\x89\x00", "1002 not_masked"},
	{"1 binary", masked(finBinary, "hello"), "1003 binary_message"},
	{"1 binary fragment", masked(0x02, "hello"), "1003 binary_message"},

	{"2 empty ping", masked(finPing, ""), `ping ""`},
	{"2 ping with bytes", masked(finPing, "\x00\xff\xfe"), `ping "\x00\xff\xfe"`},
	{"2 ping of 125", masked(finPing, long[:125]), fmt.Sprintf("ping %q", long[:125])},
	{"2 ping of 126", masked(finPing, long), "1002 control_frame"},
	{"2 ping fragmented", masked(0x09, "x"), "1002 control_frame"},
	{"2 pong unasked", masked(finPong, "x") + masked(finPing, "y"), `pong "x" | ping "y"`},
	{"2 ten pings", strings.Repeat(masked(finPing, "p"), 10), strings.TrimSuffix(strings.Repeat(`ping "p" | `, 10),
		" | ")},

	{"3 RSV1", masked(0xC1, "x"), "1002 reserved_bits"},
	{"3 RSV2", masked(0xA1, "x"), "1002 reserved_bits"},
	{"3 RSV3 after a message", masked(finText, "a") + masked(0x91, "x"), `text "a" | 1002 reserved_bits`},
	{"3 RSV1 on ping", masked(0xC9, "x"), "1002 reserved_bits"},
	{"3 RSV on close", masked(0xF8, ""), "1002 reserved_bits"},
	{"3 RSV on continuation", masked(startText, "a") + masked(0xC0, "b"), "1002 reserved_bits"},

	{"5 two fragments", masked(startText, "ab") + masked(last, "cd"), `text "abcd"`},
	{"5 many fragments", masked(startText, "") + masked(middle, "") + masked(middle, "a") + masked(middle, "") +
		masked(middle, "bcd") + masked(last, ""), `text "abcd"`},
	{"5 only empty fragments", masked(startText, "") + masked(last, ""), `text ""`},
	{"5 pings between", masked(startText, "ab") + masked(finPing, "1") + masked(middle, "cd") + masked(finPong, "2") +
		masked(last, "ef") + masked(finText, "g"),
		`ping "1" | pong "2" | text "abcdef" | text "g"`},
	{"5 ping before the first byte", masked(startText, "") + masked(finPing, "1") + masked(last, "ab"),
		`ping "1" | text "ab"`},
	{"5 close between", masked(startText, "ab") + closeFrame(1000, ""), `close "\x03\xe8"`},
	{"5 continuation without a start", masked(middle, "a"), "1002 unexpected_continuation"},
	{"5 last continuation without a start", masked(last, "a"), "1002 unexpected_continuation"},
	{"5 continuation after a message", masked(startText, "a") + masked(last, "b") + masked(last, "c"),
		`text "ab" | 1002 unexpected_continuation`},
	{"5 text inside a message", masked(startText, "a") + masked(finText, "b"), "1002 unfinished_message"},
	{"5 binary inside a message", masked(startText, "a") + masked(finBinary, "b"), "1002 unfinished_message"},
	{"5 as many fragments as allowed", masked(startText, "a") + strings.Repeat(masked(middle, "a"), 6) + masked(last, "a"),
		`text "aaaaaaaa"`},
	{"5 too many fragments", masked(startText, "a") + strings.Repeat(masked(middle, "a"), 8), "1009 too_many_fragments"},
	{"5 too many empty fragments", masked(startText, "") + strings.Repeat(masked(middle, ""), 8),
		"1009 too_many_fragments"},
	{"5 fragments above the limit", masked(startText, strings.Repeat("a", 1000)) + masked(last, strings.Repeat("a", 25)),
		"1009 message_too_large"},
	{"5 control frames up to the limit", masked(startText, "a") + strings.Repeat(masked(finPong, ""), 64) +
		masked(last, "b"), strings.Repeat(`pong "" | `, 64) + `text "ab"`},
	{"5 too many control frames", masked(startText, "a") + strings.Repeat(masked(finPong, ""), 65),
		strings.Repeat(`pong "" | `, 64) + "1008 too_many_control_frames"},

	{"6 text", masked(finText, "κόσμε 𐍈 \u0000\uffff"), `text "κόσμε 𐍈 \x00\uffff"`},
	{"6 character over two fragments", masked(startText, "\xf0\x9f") + masked(last, "\x98\x80!"), `text "😀!"`},
	{"6 character over four fragments", masked(startText, "\xf0") + masked(middle, "\x9f") + masked(finPing, "") +
		masked(middle, "\x98") + masked(last, "\x80"), `ping "" | text "😀"`},
	{"6 ends inside a character", masked(finText, "ab\xe2\x82"), "1007 invalid_utf8"},
	{"6 ends inside a character, fragmented", masked(startText, "ab\xe2") + masked(last, "\x82"), "1007 invalid_utf8"},
	{"6 stray continuation byte", masked(finText, "a\x80"), "1007 invalid_utf8"},
	{"6 overlong", masked(finText, "\xc0\xaf"), "1007 invalid_utf8"},
	{"6 overlong of three", masked(finText, "\xe0\x80\xaf"), "1007 invalid_utf8"},
	{"6 surrogate", masked(finText, "\xed\xa0\x80"), "1007 invalid_utf8"},
	{"6 beyond U+10FFFF", masked(finText, "\xf4\x90\x80\x80"), "1007 invalid_utf8"},
	{"6 five bytes", masked(finText, "\xf8\x88\x80\x80\x80"), "1007 invalid_utf8"},
	{"6 0xFF", masked(finText, "\xff"), "1007 invalid_utf8"},
	{"6 fails in the first fragment", masked(startText, "κ\xf4\x90"), "1007 invalid_utf8"},
	{"6 fails before the frame is complete", masked(finText, "abc\xff"+long)[:14], "1007 invalid_utf8"},

	{"7 close without a code", masked(finClose, "") + masked(finText, "x"), `close ""`},
	{"7 close of one byte", masked(finClose, "\x03"), "1002 close_code"},
	{"7 close with a reason", closeFrame(1000, "bye κ"), `close "\x03\xe8bye κ"`},
	{"7 close of 125", closeFrame(1000, long[:123]), fmt.Sprintf("close %q", "\x03\xe8"+long[:123])},
	{"7 close of 126", closeFrame(1000, long[:124]), "1002 control_frame"},
	{"7 reason not UTF-8", closeFrame(1000, "\xce\xba\xed\xa0\x80"), "1007 close_reason_utf8"},
	{"7 reason ends inside a character", closeFrame(1000, "\xe2\x82"), "1007 close_reason_utf8"},
}

func TestDecoder(t *testing.T) {
	lim := Limits{MaxMessageBytes: 1024, MaxFragments: 8}
	vectors := slices.Clone(vectors)
	for op := byte(3); op <= 15; op++ {
		if op >= 8 && op <= 10 {
			continue
		}
		vectors = append(vectors, vector{fmt.Sprintf("4 opcode %d", op), masked(finText, "a") + masked(0x80|op, ""),
			`text "a" | 1002 unknown_opcode`})
	}
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
		4999} {
		in := closeFrame(code, "")
		vectors = append(vectors, vector{fmt.Sprintf("7 code %d", code), in,
			fmt.Sprintf("close %q", binary.BigEndian.AppendUint16(nil, code))})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		vectors = append(vectors, vector{fmt.Sprintf("7 code %d", code), closeFrame(code, ""), "1002 close_code"})
	}
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			codectest.EveryCut(len(v.in), func(cuts []int) {
				if got := transcript(t, []byte(v.in), &lim, cuts); got != v.want {
					t.Fatalf("cuts %v\n got: %s\nwant: %s", cuts, got, v.want)
				}
			})
		})
	}
}

// TestLengths: each form of the length, read from a client and written to one.
func TestLengths(t *testing.T) {
	lim := DefaultLimits()
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20} {
		payload := bytes.Repeat([]byte("x"), n)
		want := fmt.Sprintf("text %q", payload)
		cuts := []int{1, 2, 3, 4, 5, 6}
		if n == 0 {
			cuts = []int{1}
		}
		if got := transcript(t, []byte(masked(finText, string(payload))), &lim, cuts); got != want {
			t.Errorf("from client, %d bytes: %.60s", n, got)
		}
		r := bytes.NewReader(AppendFrame(nil, OpText, payload))
		if opcode, got := readFrame(t, r); opcode != ws.OpText || !bytes.Equal(got, payload) || r.Len() > 0 {
			t.Errorf("to client, %d bytes: opcode %#x, %d bytes, %d too many", n, opcode, len(got), r.Len())
		}
	}
}

// TestPending: what deadlines see of an unfinished message.
func TestPending(t *testing.T) {
	lim := DefaultLimits()
	var d Decoder
	in := []byte(masked(startText, "abc") + masked(last, "de"))
	for i, want := range map[int]int{5: 0, 8: 2, 9: 3, 14: 3, 16: 4} {
		d = Decoder{}
		if _, _, _, err := d.Next(bytes.Clone(in[:i]), &lim); err != nil || d.Pending() != want {
			t.Errorf("after %d bytes: %d pending, want %d, %v", i, d.Pending(), want, err)
		}
	}
}

// readFrame lets the library read one whole server frame.
func readFrame(t *testing.T, r io.Reader) (ws.OpCode, []byte) {
	t.Helper()
	h, err := ws.ReadHeader(r)
	if err != nil || !h.Fin || h.Rsv != 0 || h.Masked {
		t.Fatal(h, err)
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(r, payload); err != nil {
		t.Fatal(err)
	}
	return h.OpCode, payload
}

// TestAppendFrame: the library reads what is written, one frame behind the other.
func TestAppendFrame(t *testing.T) {
	b := AppendFrame(nil, OpPing, []byte("p"))
	b = AppendFrame(b, OpText, []byte("t"))
	b = AppendFrame(b, OpPong, nil)
	b = AppendClose(b, 1001, "bye")
	var got []string
	for r := bytes.NewReader(b); r.Len() > 0; {
		opcode, payload := readFrame(t, r)
		got = append(got, fmt.Sprintf("%#x %q", opcode, payload))
	}
	if want := `0x9 "p" | 0x1 "t" | 0xa "" | 0x8 "\x03\xe9bye"`; strings.Join(got, " | ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

func TestAppendClose(t *testing.T) {
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
		if got := string(AppendClose(nil, c.code, c.reason)); got != c.want {
			t.Errorf("%d %.20q: %q", c.code, c.reason, got)
		}
	}
	if got := AppendFrame(nil, OpPong, make([]byte, 200)); len(got) != 127 {
		t.Errorf("a control frame of %d bytes", len(got))
	}
}

// TestHandshake: the example of RFC 6455 section 1.3.
func TestHandshake(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	if got := string(AppendUpgrade(nil, []byte(key), "")); got != want+"\r\n" {
		t.Errorf("%q", got)
	}
	if got := string(AppendUpgrade(nil, []byte(key), "mcp")); got != want+"Sec-WebSocket-Protocol: mcp\r\n\r\n" {
		t.Errorf("%q", got)
	}
	for k, want := range map[string]bool{
		key: true, "AAAAAAAAAAAAAAAAAAAAAA==": true, "": false, key[:23]: false, key +
			"=": false, "dGhlIHNhbXBsZSBub25jZQAA": false,
		"dGhlIHNhbXBsZSBub25jZR==": false, "!GhlIHNhbXBsZSBub25jZQ==": false, "dGhlIHNhbXBsZSBub25j====": false,
	} {
		if ValidKey([]byte(k)) != want {
			t.Errorf("key %q: not %v", k, want)
		}
	}
}

// TestCipher holds the library's assembly against the definition (RFC 6455 section 5.3).
func TestCipher(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		for shift := range 9 {
			buf := make([]byte, n+shift+8)
			for i := range buf {
				buf[i] = byte(rng.Uint32())
			}
			want := bytes.Clone(buf)
			for i := range n {
				want[shift+i] ^= mask[i%4]
			}
			ws.Cipher(buf[shift:shift+n], mask, 0)
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
	for _, bad := range []string{"\x80", "\xc0", "\xc1\x80", "\xe0\x80", "\xed\xa0", "\xf0\x80", "\xf4\x90", "\xf5",
		"\xff", "a\x80\x80\x80\x80", "\xc3a", "\xe2\x82a"} {
		if _, ok := wholeUTF8([]byte(bad)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(Decoder{}); n > 32 {
		t.Errorf("Decoder has %d bytes, it is part of every connection and may have 32", n)
	}
}

func TestAllocations(t *testing.T) {
	lim := DefaultLimits()
	in := []byte(masked(finText, strings.Repeat("x", 110)) + masked(startText, "a") + masked(finPing, "p") +
		masked(last, "b") + closeFrame(1000, "bye"))
	buf, dst := make([]byte, len(in)), make([]byte, 0, 1024)
	key := []byte("dGhlIHNhbXBsZSBub25jZQ==")
	if n := testing.AllocsPerRun(200, func() {
		var d Decoder
		copy(buf, in)
		for b := buf; len(b) > 0; {
			ev, payload, n, err := d.Next(b, &lim)
			if ev == NeedMore || err != nil {
				t.Fatal(ev, err)
			}
			b = b[n:]
			dst = AppendFrame(dst[:0], OpText, payload)
		}
		dst = AppendClose(dst[:0], 1000, "bye")
		if !ValidKey(key) {
			t.Fatal("key")
		}
		dst = AppendUpgrade(dst[:0], key, "mcp")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

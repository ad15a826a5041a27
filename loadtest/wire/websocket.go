package wire

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
)

// WebSocket frames, client side (RFC 6455): every frame that is sent is masked, whole and uncompressed; frames that
// arrive are whole too, because a server has no reason to cut a small answer.

const (
	OpText   = 0x1
	opClose  = 0x8
	opPing   = 0x9
	OpPong   = 0xA
	FinalBit = 0x80
	MaskBit  = 0x80
)

// WebSocketFormat is one message per text frame, after an upgrade.
type WebSocketFormat struct {
	http    *HTTPFormat
	request []byte
	// key masks every frame of the fleet. It is not fresh for each frame, as RFC 6455 section 5.3 wants against scripts in
	// browsers: here it lets a frame be a template, and the server's work is the same.
	Key [4]byte
}

func newWebSocketFormat(o *Options) *WebSocketFormat {
	var nonce [20]byte
	rand.Read(nonce[:]) // never fails: crypto/rand ends the program instead
	w := &WebSocketFormat{http: newHTTPFormat(o), Key: [4]byte(nonce[16:])}
	w.request = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mcp\r\n%s\r\n",
		o.Path, o.hostHeader(), base64.StdEncoding.EncodeToString(nonce[:16]), o.Headers)
	return w
}

// Opening implements Format.
func (w *WebSocketFormat) Opening() []byte { return w.request }

// Wrap implements Format.
func (w *WebSocketFormat) Wrap(body []byte, idAt int, _ []byte) Template {
	t := Template{Bytes: w.AppendFrame(nil, OpText, body), IDAt: idAt}
	if idAt < 0 {
		return t
	}
	t.IDAt += len(t.Bytes) - len(body)
	for i := range t.mask {
		t.mask[i] = w.Key[(idAt+i)&3]
	}
	return t
}

// AppendFrame appends one masked frame.
func (w *WebSocketFormat) AppendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, FinalBit|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, MaskBit|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, MaskBit|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, MaskBit|127), uint64(n))
	}
	dst = append(dst, w.Key[:]...)
	at := len(dst)
	dst = append(dst, payload...)
	for i := range payload {
		dst[at+i] ^= w.Key[i&3]
	}
	return dst
}

// Next implements Format.
func (w *WebSocketFormat) Next(d *Decoder, b []byte) (Arrival, int, error) {
	// No frame begins with 'H' (a text frame without FIN and with a reserved bit), so this is the answer to the upgrade.
	if len(b) > 0 && b[0] == 'H' {
		return w.nextUpgrade(d, b)
	}
	if len(b) < 2 {
		return Arrival{}, 0, nil
	}
	if b[0]&FinalBit == 0 || b[1]&MaskBit != 0 {
		return Arrival{}, 0, fmt.Errorf("%w: a fragment or a masked frame", ErrBadBytes)
	}
	head, size := 2, uint64(b[1])
	switch size {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	if len(b) < head {
		return Arrival{}, 0, nil
	}
	switch head {
	case 4:
		size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		size = binary.BigEndian.Uint64(b[2:])
	}
	if size > uint64(len(b)-head) {
		return Arrival{}, 0, nil
	}
	n := head + int(size)
	return frameArrival(b[0]&0x0f, b[head:n]), n, nil
}

func frameArrival(op byte, payload []byte) Arrival {
	switch op {
	case OpText:
		return Arrival{Kind: ArrivalMessage, Body: payload}
	case opPing:
		return Arrival{Kind: ArrivalPing, Body: payload}
	case opClose:
		a := Arrival{Kind: ArrivalClose, Last: true}
		if len(payload) >= 2 { // the code; what follows is the reason in words
			a.Said, a.Body = strconv.Itoa(int(binary.BigEndian.Uint16(payload))), payload[2:]
		}
		return a
	default:
		return Arrival{Kind: ArrivalNothing}
	}
}

// nextUpgrade reads the answer to the upgrade: 101, or the refusal that an HTTP client would get.
func (w *WebSocketFormat) nextUpgrade(d *Decoder, b []byte) (Arrival, int, error) {
	a, n, err := w.http.Next(d, b)
	if a.Status == 101 {
		a.Kind = ArrivalOpened
	}
	return a, n, err
}

// End implements Format. A refused upgrade may last until the end of the connection.
func (w *WebSocketFormat) End(d *Decoder, b []byte) (Arrival, bool, error) {
	if len(b) > 0 && b[0] == 'H' {
		return w.http.End(d, b)
	}
	return Arrival{}, false, cutShort(b)
}

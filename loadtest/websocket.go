package loadtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// WebSocket frames, client side (RFC 6455): every frame that is sent is masked, whole and uncompressed; frames that arrive are
// whole too, because a server has no reason to cut a small answer.

const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
	wsFinal = 0x80
	wsMask  = 0x80
)

type webSocketWire struct {
	http    *httpWire
	request []byte
	// key masks every frame of the fleet. It is not fresh for each frame, as RFC 6455 section 5.3 wants against scripts in
	// browsers: here it lets a frame be a template, and the server's work is the same.
	key [4]byte
}

func newWebSocketWire(o *WireOptions) *webSocketWire {
	var nonce [20]byte
	rand.Read(nonce[:]) // never fails: crypto/rand ends the program instead
	w := &webSocketWire{http: newHTTPWire(o), key: [4]byte(nonce[16:])}
	w.request = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mcp\r\n%s\r\n",
		o.Path, o.host(), base64.StdEncoding.EncodeToString(nonce[:16]), o.Headers)
	return w
}

func (w *webSocketWire) opening() []byte { return w.request }

func (w *webSocketWire) wrap(body []byte, idAt int, _ []byte) template {
	t := template{bytes: w.appendFrame(nil, opText, body), idAt: idAt}
	if idAt < 0 {
		return t
	}
	t.idAt += len(t.bytes) - len(body)
	for i := range t.mask {
		t.mask[i] = w.key[(idAt+i)&3]
	}
	return t
}

// appendFrame appends one masked frame.
func (w *webSocketWire) appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, wsFinal|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, wsMask|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, wsMask|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, wsMask|127), uint64(n))
	}
	dst = append(dst, w.key[:]...)
	at := len(dst)
	dst = append(dst, payload...)
	for i := range payload {
		dst[at+i] ^= w.key[i&3]
	}
	return dst
}

func (w *webSocketWire) next(d *decoder, b []byte) (arrival, int, error) {
	// No frame begins with 'H' (a text frame without FIN and with a reserved bit), so this is the answer to the upgrade.
	if len(b) > 0 && b[0] == 'H' {
		return w.nextUpgrade(d, b)
	}
	if len(b) < 2 {
		return arrival{}, 0, nil
	}
	if b[0]&wsFinal == 0 || b[1]&wsMask != 0 {
		return arrival{}, 0, fmt.Errorf("%w: a fragment or a masked frame", errBadWire)
	}
	head, size := 2, uint64(b[1])
	switch size {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	if len(b) < head {
		return arrival{}, 0, nil
	}
	switch head {
	case 4:
		size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		size = binary.BigEndian.Uint64(b[2:])
	}
	if size > uint64(len(b)-head) {
		return arrival{}, 0, nil
	}
	n := head + int(size)
	return frameArrival(b[0]&0x0f, b[head:n]), n, nil
}

func frameArrival(op byte, payload []byte) arrival {
	switch op {
	case opText:
		return arrival{kind: arrivalMessage, body: payload}
	case opPing:
		return arrival{kind: arrivalPing, body: payload}
	case opClose:
		if len(payload) > 2 {
			payload = payload[2:] // the code; what follows is the reason in words
		}
		return arrival{kind: arrivalClose, body: payload}
	default:
		return arrival{kind: arrivalNothing}
	}
}

// nextUpgrade reads the answer to the upgrade: 101, or the refusal that an HTTP client would get.
func (w *webSocketWire) nextUpgrade(d *decoder, b []byte) (arrival, int, error) {
	a, n, err := w.http.next(d, b)
	if a.status == 101 {
		a.kind = arrivalOpened
	}
	return a, n, err
}

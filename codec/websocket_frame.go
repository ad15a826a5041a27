package codec

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Opcodes for AppendWSFrame (RFC 6455 section 11.8).
const (
	WSOpText  = byte(ws.OpText)
	WSOpClose = byte(ws.OpClose)
	WSOpPing  = byte(ws.OpPing)
	WSOpPong  = byte(ws.OpPong)
)

// parseWSHeader reads a frame header from the beginning of b. size is its length, 0 when it is not complete yet. What the
// first two bytes show to be wrong is refused at once. gobwas/ws reads headers from an io.Reader only, where a partial
// header is lost bytes, and takes lengths that are not minimal; so the header is read here, into the library's type.
// BenchmarkWSHeader compares the two.
func parseWSHeader(b []byte, masked bool) (h ws.Header, size int, fail *WSError) {
	if len(b) == 0 {
		return h, 0, nil
	}
	h.OpCode = ws.OpCode(b[0] & 0x0F)
	h.Fin = b[0]&0x80 != 0
	switch {
	case b[0]&0x70 != 0:
		return h, 0, errWSReserved // section 5.2: no extension gave them a meaning
	case h.OpCode.IsReserved():
		return h, 0, errWSOpcode
	case h.OpCode.IsControl() && !h.Fin:
		return h, 0, errWSControl // section 5.5
	}
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Masked = b[1]&0x80 != 0
	short := b[1] & 0x7F
	switch {
	case masked && !h.Masked:
		return h, 0, errWSUnmasked // section 5.1
	case !masked && h.Masked:
		return h, 0, errWSMasked // section 5.1
	case h.OpCode.IsControl() && short > ws.MaxControlFramePayloadSize:
		return h, 0, errWSControl
	}
	size = 2
	h.Length = int64(short)
	// Section 5.2: the shortest encoding is required; the 64-bit form has its top bit clear.
	switch short {
	case 126:
		if size += 2; len(b) < size {
			return h, 0, nil
		}
		if h.Length = int64(binary.BigEndian.Uint16(b[2:])); h.Length < 126 {
			return h, 0, errWSLength
		}
	case 127:
		if size += 8; len(b) < size {
			return h, 0, nil
		}
		if h.Length = int64(binary.BigEndian.Uint64(b[2:])); h.Length < 1<<16 { // negative: the top bit is set
			return h, 0, errWSLength
		}
	}
	if masked {
		if len(b) < size+4 {
			return h, 0, nil
		}
		h.Mask = [4]byte(b[size:])
		size += 4
	}
	return h, size, nil
}

// AppendWSFrame appends a whole server frame, FIN set and not masked (RFC 6455 section 5.1). A control frame's payload is
// cut at 125 bytes, which a pong to a decoded ping never needs. It allocates only when dst must grow.
func AppendWSFrame(dst []byte, opcode byte, payload []byte) []byte {
	if ws.OpCode(opcode).IsControl() {
		payload = payload[:min(len(payload), ws.MaxControlFramePayloadSize)]
	}
	dst = appendWSHeader(dst, opcode, len(payload), 0)
	return append(dst, payload...)
}

// AppendWSClientFrame appends a whole client frame, FIN set and masked with mask; for the load generator and tests.
func AppendWSClientFrame(dst []byte, opcode byte, payload []byte, mask [4]byte) []byte {
	dst = appendWSHeader(dst, opcode, len(payload), 0x80)
	dst = append(dst, mask[:]...)
	from := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[from:], mask, 0)
	return dst
}

// appendWSHeader appends a header without the mask; maskBit is 0x80 when one follows.
func appendWSHeader(dst []byte, opcode byte, length int, maskBit byte) []byte {
	dst = append(dst, 0x80|opcode)
	switch {
	case length < 126:
		return append(dst, maskBit|byte(length))
	case length < 1<<16:
		dst = append(dst, maskBit|126)
		return binary.BigEndian.AppendUint16(dst, uint16(length))
	}
	dst = append(dst, maskBit|127)
	return binary.BigEndian.AppendUint64(dst, uint64(length))
}

// AppendWSClose appends a server's close frame (RFC 6455 section 5.5.1). reason is cut at a character within 123 bytes. Codes
// that may not be sent, such as 1005 for "the peer's close had no code", give a frame without payload.
func AppendWSClose(dst []byte, code uint16, reason string) []byte {
	if !validWSCloseCode(code) {
		return appendWSHeader(dst, WSOpClose, 0, 0)
	}
	if limit := ws.MaxControlFramePayloadSize - 2; len(reason) > limit {
		for limit > 0 && !utf8.RuneStart(reason[limit]) {
			limit--
		}
		reason = reason[:limit]
	}
	dst = appendWSHeader(dst, WSOpClose, 2+len(reason), 0)
	dst = binary.BigEndian.AppendUint16(dst, code)
	return append(dst, reason...)
}

// wsKeyBytes is the length of a Sec-WebSocket-Key: 16 bytes in base64.
const wsKeyBytes = 24

// ValidWSKey says whether a Sec-WebSocket-Key is 16 bytes in base64 (RFC 6455 section 4.2.1); if not, the answer is 400.
func ValidWSKey(key []byte) bool {
	if len(key) != wsKeyBytes {
		return false
	}
	var nonce [18]byte
	n, err := base64.StdEncoding.Strict().Decode(nonce[:], key)
	return err == nil && n == 16
}

// AppendWSAccept appends the Sec-WebSocket-Accept that proves the handshake was understood (RFC 6455 section 4.2.2, point 5.4).
func AppendWSAccept(dst, key []byte) []byte {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	var buf [wsKeyBytes + len(guid)]byte
	proof := append(append(buf[:0], key...), guid...)
	sum := sha1.Sum(proof)
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// AppendWSUpgrade appends the 101 response to a handshake with a key that ValidWSKey accepts. protocol is the subprotocol
// chosen from the peer's list, "" for none. It allocates only when dst must grow.
func AppendWSUpgrade(dst []byte, key []byte, protocol string) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = AppendWSAccept(dst, key)
	dst = append(dst, "\r\n"...)
	dst = appendHTTPField(dst, "Sec-WebSocket-Protocol: ", protocol)
	return append(dst, "\r\n"...)
}

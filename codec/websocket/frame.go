package websocket

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Opcodes for AppendFrame (RFC 6455 section 11.8).
const (
	OpText  = byte(ws.OpText)
	OpClose = byte(ws.OpClose)
	OpPing  = byte(ws.OpPing)
	OpPong  = byte(ws.OpPong)
)

// parseHeader reads the header of a client's frame from the beginning of b. size is its length, 0 when it is not
// complete yet. What the first two bytes show to be wrong is refused at once. gobwas/ws reads headers from an
// io.Reader only, where a partial header is lost bytes, and takes lengths that are not minimal; so the header is read
// here, into the library's type. BenchmarkHeader compares the two.
func parseHeader(b []byte) (h ws.Header, size int, fail *Error) {
	if len(b) == 0 {
		return h, 0, nil
	}
	h.OpCode = ws.OpCode(b[0] & 0x0F)
	h.Fin = b[0]&0x80 != 0
	switch {
	case b[0]&0x70 != 0:
		return h, 0, errReserved // section 5.2: no extension gave them a meaning
	case h.OpCode.IsReserved():
		return h, 0, errOpcode
	case h.OpCode.IsControl() && !h.Fin:
		return h, 0, errControl // section 5.5
	}
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Masked = true
	short := b[1] & 0x7F
	switch {
	case b[1]&0x80 == 0:
		return h, 0, errUnmasked // section 5.1: a client masks every frame
	case h.OpCode.IsControl() && short > ws.MaxControlFramePayloadSize:
		return h, 0, errControl
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
			return h, 0, errLength
		}
	case 127:
		if size += 8; len(b) < size {
			return h, 0, nil
		}
		if h.Length = int64(binary.BigEndian.Uint64(b[2:])); h.Length < 1<<16 { // negative: the top bit is set
			return h, 0, errLength
		}
	}
	if len(b) < size+4 {
		return h, 0, nil
	}
	h.Mask = [4]byte(b[size:])
	return h, size + 4, nil
}

// AppendFrame appends a whole server frame, FIN set and not masked (RFC 6455 section 5.1). A control frame's payload is
// cut at 125 bytes, which a pong to a decoded ping never needs. It allocates only when dst must grow.
func AppendFrame(dst []byte, opcode byte, payload []byte) []byte {
	if ws.OpCode(opcode).IsControl() {
		payload = payload[:min(len(payload), ws.MaxControlFramePayloadSize)]
	}
	dst = appendHeader(dst, opcode, len(payload))
	return append(dst, payload...)
}

// appendHeader appends the header of a server's frame with FIN set.
func appendHeader(dst []byte, opcode byte, length int) []byte {
	dst = append(dst, 0x80|opcode)
	switch {
	case length < 126:
		return append(dst, byte(length))
	case length < 1<<16:
		dst = append(dst, 126)
		return binary.BigEndian.AppendUint16(dst, uint16(length))
	}
	dst = append(dst, 127)
	return binary.BigEndian.AppendUint64(dst, uint64(length))
}

// AppendClose appends a server's close frame (RFC 6455 section 5.5.1). reason is cut at a character within 123 bytes.
// Codes that may not be sent, such as 1005 for "the peer's close had no code", give a frame without payload.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	if !validCloseCode(code) {
		return appendHeader(dst, OpClose, 0)
	}
	if limit := ws.MaxControlFramePayloadSize - 2; len(reason) > limit {
		for limit > 0 && !utf8.RuneStart(reason[limit]) {
			limit--
		}
		reason = reason[:limit]
	}
	dst = appendHeader(dst, OpClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, code)
	return append(dst, reason...)
}

package websocket

import (
	"crypto/sha1"
	"encoding/base64"
)

// keyBytes is the length of a Sec-WebSocket-Key: 16 bytes in base64.
const keyBytes = 24

// ValidKey says whether a Sec-WebSocket-Key is 16 bytes in base64 (RFC 6455 section 4.2.1); if not, the answer is 400.
func ValidKey(key []byte) bool {
	if len(key) != keyBytes {
		return false
	}
	var nonce [18]byte
	n, err := base64.StdEncoding.Strict().Decode(nonce[:], key)
	return err == nil && n == 16
}

// appendAccept appends the Sec-WebSocket-Accept that proves the handshake was understood (RFC 6455 section 4.2.2,
// point 5.4).
func appendAccept(dst, key []byte) []byte {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	var buf [keyBytes + len(guid)]byte
	proof := append(append(buf[:0], key...), guid...)
	sum := sha1.Sum(proof)
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// AppendUpgrade appends the 101 response to a handshake with a key that ValidKey accepts. protocol is the subprotocol
// chosen from the peer's list, "" for none: one of the server's own words and never the peer's bytes, because it is
// written as it is. It allocates only when dst must grow.
func AppendUpgrade(dst []byte, key []byte, protocol string) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"...)
	dst = append(dst, "Sec-WebSocket-Accept: "...)
	dst = appendAccept(dst, key)
	dst = append(dst, "\r\n"...)
	if protocol != "" {
		dst = append(dst, "Sec-WebSocket-Protocol: "...)
		dst = append(dst, protocol...)
		dst = append(dst, "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

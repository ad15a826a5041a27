package codec

import (
	"strconv"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// WebSocket messages (RFC 6455), no extensions. The decoder unmasks and joins fragments where they lie in the connection's
// buffer; websocket_frame.go holds frame headers, the encoder and the handshake.
//
// The rule: payload bytes are unmasked, joined and checked for UTF-8 as they arrive, once each, so that a message in
// progress costs nothing to wait for and a bad byte ends the connection before the rest of the message is sent.

// WSEvent is what the WebSocket decoder found.
type WSEvent uint8

const (
	WSNeedMore WSEvent = iota // nothing is complete; call again with more bytes
	WSText                    // a whole text message
	WSPing                    // to be answered by a pong with the same payload (RFC 6455 section 5.5.2)
	WSPong
	WSClose // payload as WSCloseCode reads it; nothing that follows it on the wire counts (section 5.5.1)
)

// WSError says why a WebSocket connection is failed (RFC 6455 section 7.1.7): the peer gets a close frame with Code, then the
// connection ends. The values are made once and shared; nobody may change them.
type WSError struct {
	Code   uint16 // close code, section 7.4.1
	Reason string // words for the close frame, logs and metric labels; never holds bytes of the peer
}

// Error implements error.
func (e *WSError) Error() string {
	return "websocket " + strconv.Itoa(int(e.Code)) + " " + e.Reason
}

var (
	errWSReserved     = &WSError{uint16(ws.StatusProtocolError), "reserved_bits"}
	errWSOpcode       = &WSError{uint16(ws.StatusProtocolError), "unknown_opcode"}
	errWSUnmasked     = &WSError{uint16(ws.StatusProtocolError), "not_masked"}
	errWSMasked       = &WSError{uint16(ws.StatusProtocolError), "masked"}
	errWSLength       = &WSError{uint16(ws.StatusProtocolError), "length_encoding"}
	errWSControl      = &WSError{uint16(ws.StatusProtocolError), "control_frame"}
	errWSContinuation = &WSError{uint16(ws.StatusProtocolError), "unexpected_continuation"}
	errWSInterleaved  = &WSError{uint16(ws.StatusProtocolError), "unfinished_message"}
	errWSCloseCode    = &WSError{uint16(ws.StatusProtocolError), "close_code"}
	errWSBinary       = &WSError{uint16(ws.StatusUnsupportedData), "binary_message"}
	errWSText         = &WSError{uint16(ws.StatusInvalidFramePayloadData), "invalid_utf8"}
	errWSCloseReason  = &WSError{uint16(ws.StatusInvalidFramePayloadData), "close_reason_utf8"}
	errWSTooBig       = &WSError{uint16(ws.StatusMessageTooBig), "message_too_big"}
	errWSFragments    = &WSError{uint16(ws.StatusMessageTooBig), "too_many_fragments"}
	errWSControls     = &WSError{uint16(ws.StatusPolicyViolation), "too_many_control_frames"}
)

// WSDecoder cuts the bytes of one connection into messages. The zero value is a server's decoder and ready; 28 bytes,
// offsets only. It belongs to the connection's owner: not for concurrent use.
type WSDecoder struct {
	read    uint32 // the first wire byte not dealt with
	start   uint32 // where the message in progress begins
	joined  uint32 // its bytes so far, joined at start
	checked uint32 // how many of them are known to be whole UTF-8 characters
	left    uint32 // payload bytes of the current frame still to come

	mask     [4]byte // of the current frame, turned so that mask[0] is for its next byte
	frames   uint16  // data frames of the message
	controls uint8   // control frames between them
	flags    wsFlags
}

type wsFlags uint8

const (
	wsInMessage wsFlags = 1 << iota // a data frame has begun a message that is not complete
	wsInFrame                       // the payload of a data frame is on its way
	wsFinal                         // that frame is the message's last
	wsClient                        // frames come from a server: not masked
)

// maxWSControls bounds the control frames inside one fragmented message. They stay in the buffer until the message is
// complete, so this is a part of MaxWSBufferBytes: 64 frames of 131 bytes are 8 KiB. Beyond it: close 1008.
const maxWSControls = 64

// NewWSReplyDecoder returns the decoder for the other direction: a client's, which expects frames without mask (RFC 6455
// section 5.1).
func NewWSReplyDecoder() WSDecoder { return WSDecoder{flags: wsClient} }

// Next looks for the next message or control frame in b, which holds everything not yet consumed: what was left at the last
// call with more appended. The memory may have moved between the calls, the bytes may not have changed. b is written to.
//
// With every event but WSNeedMore the caller drops the first n bytes of b and calls again. n is 0 for a control frame
// that came between two fragments: the message's first part still stands before it. payload points into b and is valid
// until b changes. An error is a *WSError: the caller sends its code, closes and does not use d again. What is incomplete
// never needs more than MaxWSBufferBytes of b. Nothing is allocated.
func (d *WSDecoder) Next(b []byte, lim *WSLimits) (ev WSEvent, payload []byte, n int, err error) {
	for {
		if d.flags&wsInFrame != 0 {
			if fail := d.takePayload(b); fail != nil {
				return WSNeedMore, nil, 0, fail
			}
			if d.left > 0 {
				return WSNeedMore, nil, 0, nil
			}
			d.flags &^= wsInFrame
			if d.flags&wsFinal == 0 {
				continue
			}
			if d.checked != d.joined { // the message ends inside a character (RFC 6455 section 8.1)
				return WSNeedMore, nil, 0, errWSText
			}
			end := d.start + d.joined
			payload, n = b[d.start:end:end], int(d.read)
			*d = WSDecoder{flags: d.flags & wsClient}
			return WSText, payload, n, nil
		}
		h, size, fail := parseWSHeader(b[d.read:], d.flags&wsClient == 0)
		if fail != nil {
			return WSNeedMore, nil, 0, fail
		}
		if size == 0 {
			return WSNeedMore, nil, 0, nil
		}
		if h.OpCode.IsControl() {
			return d.takeControl(b, &h, size)
		}
		if fail := d.beginFrame(&h, size, lim); fail != nil {
			return WSNeedMore, nil, 0, fail
		}
	}
}

// Pending is how many bytes of an unfinished message are here, joined; for deadlines. 0 between messages.
func (d *WSDecoder) Pending() int { return int(d.joined) }

// MaxWSBufferBytes is the most that one incomplete message can occupy in the buffer under lim, so the size at which a
// connection's buffer need never grow further: the message, a header per fragment, the control frames between them.
func MaxWSBufferBytes(lim *WSLimits) int {
	const control = ws.MaxControlFramePayloadSize + 6
	return lim.MaxMessageBytes + lim.MaxFragments*ws.MaxHeaderSize + (maxWSControls+1)*control
}

// beginFrame judges the header of a data frame before any of its payload is kept.
func (d *WSDecoder) beginFrame(h *ws.Header, size int, lim *WSLimits) *WSError {
	inMessage := d.flags&wsInMessage != 0
	switch {
	case h.OpCode == ws.OpBinary && !inMessage:
		return errWSBinary // MCP over WebSocket is text
	case h.OpCode == ws.OpContinuation && !inMessage:
		return errWSContinuation // RFC 6455 section 5.4
	case h.OpCode != ws.OpContinuation && inMessage:
		return errWSInterleaved // section 5.4: fragments of two messages do not mix
	case h.Length > int64(lim.MaxMessageBytes)-int64(d.joined):
		return errWSTooBig // by the announced length, counted over the fragments
	}
	if d.frames++; int(d.frames) > lim.MaxFragments {
		return errWSFragments
	}
	d.read += uint32(size)
	if d.joined == 0 {
		d.start = d.read // the first payload stays where it is: a message in one frame is never moved
	}
	d.left = uint32(h.Length)
	d.mask = h.Mask
	d.flags = d.flags&^wsFinal | wsInMessage | wsInFrame
	if h.Fin {
		d.flags |= wsFinal
	}
	return nil
}

// takePayload joins, unmasks and checks what has arrived of the current frame.
func (d *WSDecoder) takePayload(b []byte) *WSError {
	arrived := b[d.read:]
	if len(arrived) > int(d.left) {
		arrived = arrived[:d.left]
	}
	to := d.start + d.joined
	if to != d.read {
		copy(b[to:], arrived)
	}
	n := uint32(len(arrived))
	d.joined += n
	d.read += n
	d.left -= n
	message := b[d.start : d.start+d.joined]
	if d.flags&wsClient == 0 {
		ws.Cipher(message[d.joined-n:], d.mask, 0)
		if turn := n % 4; turn != 0 {
			m := d.mask
			for i := range uint32(4) {
				d.mask[i] = m[(i+turn)%4]
			}
		}
	}
	whole, ok := wholeUTF8(message[d.checked:])
	if !ok {
		return errWSText
	}
	d.checked += uint32(whole)
	return nil
}

// takeControl returns a control frame once it is here as a whole; it has at most 125 bytes (RFC 6455 section 5.5).
func (d *WSDecoder) takeControl(b []byte, h *ws.Header, size int) (ev WSEvent, payload []byte, n int, err error) {
	from := int(d.read) + size
	end := from + int(h.Length)
	if end > len(b) {
		return WSNeedMore, nil, 0, nil
	}
	payload = b[from:end:end]
	if d.flags&wsClient == 0 {
		ws.Cipher(payload, h.Mask, 0)
	}
	switch h.OpCode {
	case ws.OpPing:
		ev = WSPing
	case ws.OpPong:
		ev = WSPong
	case ws.OpClose:
		if fail := checkWSClose(payload); fail != nil {
			return WSNeedMore, nil, 0, fail
		}
		ev = WSClose
	}
	if d.flags&wsInMessage == 0 {
		d.read = 0
		return ev, payload, end, nil
	}
	if d.controls++; d.controls > maxWSControls {
		return WSNeedMore, nil, 0, errWSControls
	}
	d.read = uint32(end)
	return ev, payload, 0, nil
}

// WSCloseCode reads the payload of a close frame that Next returned. Without a code it is 1005, which is never sent
// (RFC 6455 section 7.1.5). reason aliases payload.
func WSCloseCode(payload []byte) (code uint16, reason []byte) {
	if len(payload) < 2 {
		return uint16(ws.StatusNoStatusRcvd), nil
	}
	return uint16(payload[0])<<8 | uint16(payload[1]), payload[2:]
}

// checkWSClose judges a close frame's payload (RFC 6455 sections 5.5.1 and 7.4).
func checkWSClose(payload []byte) *WSError {
	if len(payload) == 0 {
		return nil
	}
	if len(payload) == 1 {
		return errWSCloseCode
	}
	code, reason := WSCloseCode(payload)
	if !validWSCloseCode(code) {
		return errWSCloseCode
	}
	if !utf8.Valid(reason) {
		return errWSCloseReason
	}
	return nil
}

// validWSCloseCode knows the codes a peer may send: those of section 7.4.1, 1012 to 1014 from IANA's registry, and the
// ranges for libraries and applications. 1004 to 1006 and 1015 never stand in a frame.
func validWSCloseCode(code uint16) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return true
	}
	return false
}

// wholeUTF8 checks s, which more bytes may follow: whole is how much of it is complete characters. ok is false when s
// cannot be the beginning of valid UTF-8, whatever follows.
func wholeUTF8(s []byte) (whole int, ok bool) {
	whole = len(s)
	for i := len(s) - 1; i >= 0 && i > len(s)-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			if !utf8.FullRune(s[i:]) {
				whole = i
			}
			break
		}
	}
	return whole, utf8.Valid(s[:whole])
}

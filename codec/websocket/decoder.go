package websocket

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Event is what the decoder found.
type Event uint8

const (
	NeedMore Event = iota // nothing is complete; call again with more bytes
	Text                  // a whole text message
	Ping                  // to be answered by a pong with the same payload (RFC 6455 section 5.5.2)
	Pong
	// Close: payload is a code and a reason that were judged, or empty. What follows on the wire does not count (RFC 6455
	// section 5.5.1).
	Close
)

// Decoder cuts the bytes of one connection into messages. The zero value is ready: a server's decoder, which expects
// masked frames (RFC 6455 section 5.1). 28 bytes, offsets only. It belongs to the connection's owner: not for
// concurrent use.
type Decoder struct {
	read    uint32 // the first wire byte not dealt with
	start   uint32 // where the message in progress begins
	joined  uint32 // its bytes so far, joined at start
	checked uint32 // how many of them are known to be whole UTF-8 characters
	left    uint32 // payload bytes of the current frame still to come

	mask     [4]byte // of the current frame, turned so that mask[0] is for its next byte
	frames   uint16  // data frames of the message
	controls uint8   // control frames between them
	flags    decoderFlags
}

type decoderFlags uint8

const (
	flagInMessage decoderFlags = 1 << iota // a data frame has begun a message that is not complete
	flagInFrame                            // the payload of a data frame is on its way
	flagFinal                              // that frame is the message's last
)

// maxControls bounds the control frames inside one fragmented message. They stay in the buffer until the message is
// complete, so they are part of what the buffer must hold: 64 frames of 131 bytes are 8 KiB. Beyond it: close 1008.
const maxControls = 64

// Next looks for the next message or control frame in b, which holds everything not yet consumed: what was left at
// the last call with more appended. The memory may have moved between the calls, the bytes may not have changed. b is
// written to.
//
// With every event but NeedMore the caller drops the first n bytes of b and calls again. n is 0 for a control frame
// that came between two fragments: the message's first part still stands before it. payload points into b and is
// valid until b changes. An error is an *Error: the caller sends its code, closes and does not use d again. What is
// incomplete never needs more of b than one message, the headers of its fragments and the control frames between
// them: under lim that is MaxMessageBytes + 14*MaxFragments + 65*131. Nothing is allocated.
func (d *Decoder) Next(b []byte, lim *Limits) (ev Event, payload []byte, n int, err error) {
	for {
		if d.flags&flagInFrame != 0 {
			if fail := d.takePayload(b); fail != nil {
				return NeedMore, nil, 0, fail
			}
			if d.left > 0 {
				return NeedMore, nil, 0, nil
			}
			d.flags &^= flagInFrame
			if d.flags&flagFinal == 0 {
				continue
			}
			if d.checked != d.joined { // the message ends inside a character (RFC 6455 section 8.1)
				return NeedMore, nil, 0, errText
			}
			end := d.start + d.joined
			payload, n = b[d.start:end:end], int(d.read)
			*d = Decoder{}
			return Text, payload, n, nil
		}
		h, size, fail := parseHeader(b[d.read:])
		if fail != nil {
			return NeedMore, nil, 0, fail
		}
		if size == 0 {
			return NeedMore, nil, 0, nil
		}
		if h.OpCode.IsControl() {
			return d.takeControl(b, &h, size)
		}
		if fail := d.beginFrame(&h, size, lim); fail != nil {
			return NeedMore, nil, 0, fail
		}
	}
}

// Pending is how many bytes of an unfinished message are here, joined; for deadlines. 0 between messages.
func (d *Decoder) Pending() int { return int(d.joined) }

// beginFrame judges the header of a data frame before any of its payload is kept.
func (d *Decoder) beginFrame(h *ws.Header, size int, lim *Limits) *Error {
	inMessage := d.flags&flagInMessage != 0
	switch {
	case h.OpCode == ws.OpBinary && !inMessage:
		return errBinary // MCP over WebSocket is text
	case h.OpCode == ws.OpContinuation && !inMessage:
		return errContinuation // RFC 6455 section 5.4
	case h.OpCode != ws.OpContinuation && inMessage:
		return errInterleaved // section 5.4: fragments of two messages do not mix
	case h.Length > int64(lim.MaxMessageBytes)-int64(d.joined):
		return errTooBig // by the announced length, counted over the fragments
	}
	if d.frames++; int(d.frames) > lim.MaxFragments {
		return errFragments
	}
	d.read += uint32(size)
	if d.joined == 0 {
		d.start = d.read // the first payload stays where it is: a message in one frame is never moved
	}
	d.left = uint32(h.Length)
	d.mask = h.Mask
	d.flags = d.flags&^flagFinal | flagInMessage | flagInFrame
	if h.Fin {
		d.flags |= flagFinal
	}
	return nil
}

// takePayload joins, unmasks and checks what has arrived of the current frame.
func (d *Decoder) takePayload(b []byte) *Error {
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
	ws.Cipher(message[d.joined-n:], d.mask, 0)
	if turn := n % 4; turn != 0 {
		m := d.mask
		for i := range uint32(4) {
			d.mask[i] = m[(i+turn)%4]
		}
	}
	whole, ok := wholeUTF8(message[d.checked:])
	if !ok {
		return errText
	}
	d.checked += uint32(whole)
	return nil
}

// takeControl returns a control frame once it is here as a whole; it has at most 125 bytes (RFC 6455 section 5.5).
func (d *Decoder) takeControl(b []byte, h *ws.Header, size int) (ev Event, payload []byte, n int, err error) {
	from := int(d.read) + size
	end := from + int(h.Length)
	if end > len(b) {
		return NeedMore, nil, 0, nil
	}
	payload = b[from:end:end]
	ws.Cipher(payload, h.Mask, 0)
	switch h.OpCode {
	case ws.OpPing:
		ev = Ping
	case ws.OpPong:
		ev = Pong
	case ws.OpClose:
		if fail := checkClose(payload); fail != nil {
			return NeedMore, nil, 0, fail
		}
		ev = Close
	}
	if d.flags&flagInMessage == 0 {
		d.read = 0
		return ev, payload, end, nil
	}
	if d.controls++; d.controls > maxControls {
		return NeedMore, nil, 0, errControls
	}
	d.read = uint32(end)
	return ev, payload, 0, nil
}

// checkClose judges a close frame's payload (RFC 6455 sections 5.5.1 and 7.4).
func checkClose(payload []byte) *Error {
	if len(payload) == 0 {
		return nil
	}
	if len(payload) == 1 {
		return errCloseCode
	}
	if !validCloseCode(binary.BigEndian.Uint16(payload)) {
		return errCloseCode
	}
	if !utf8.Valid(payload[2:]) {
		return errCloseReason
	}
	return nil
}

// validCloseCode knows the codes a peer may send: those of section 7.4.1, 1012 to 1014 from IANA's registry, and the
// ranges for libraries and applications. 1004 to 1006 and 1015 never stand in a frame.
func validCloseCode(code uint16) bool {
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

package websocket

import (
	"strconv"

	"github.com/gobwas/ws"
)

// Error says why a WebSocket connection is failed (RFC 6455 section 7.1.7): the peer gets a close frame with Code,
// then the connection ends. The values are made once and shared; nobody may change them.
type Error struct {
	Code   uint16 // close code, section 7.4.1
	Reason string // words for the close frame, logs and metric labels; never holds bytes of the peer
}

// Error implements error.
func (e *Error) Error() string {
	return "websocket " + strconv.Itoa(int(e.Code)) + " " + e.Reason
}

var (
	errReserved     = &Error{uint16(ws.StatusProtocolError), "reserved_bits"}
	errOpcode       = &Error{uint16(ws.StatusProtocolError), "unknown_opcode"}
	errUnmasked     = &Error{uint16(ws.StatusProtocolError), "not_masked"}
	errLength       = &Error{uint16(ws.StatusProtocolError), "length_encoding"}
	errControl      = &Error{uint16(ws.StatusProtocolError), "control_frame"}
	errContinuation = &Error{uint16(ws.StatusProtocolError), "unexpected_continuation"}
	errInterleaved  = &Error{uint16(ws.StatusProtocolError), "unfinished_message"}
	errCloseCode    = &Error{uint16(ws.StatusProtocolError), "close_code"}
	errBinary       = &Error{uint16(ws.StatusUnsupportedData), "binary_message"}
	errText         = &Error{uint16(ws.StatusInvalidFramePayloadData), "invalid_utf8"}
	errCloseReason  = &Error{uint16(ws.StatusInvalidFramePayloadData), "close_reason_utf8"}
	errTooBig       = &Error{uint16(ws.StatusMessageTooBig), "message_too_large"}
	errFragments    = &Error{uint16(ws.StatusMessageTooBig), "too_many_fragments"}
	errControls     = &Error{uint16(ws.StatusPolicyViolation), "too_many_control_frames"}
)

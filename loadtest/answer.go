package loadtest

import (
	"bytes"
	"strconv"

	"weir/codec"
)

// outcome is how one request ended, or what else a message was.
type outcome uint8

const (
	outcomeResult    outcome = iota
	outcomeToolError         // a result with isError: the tool ran and failed
	outcomeRefused           // an error with a named reason in its data: the server was full
	outcomeError             // any other JSON-RPC error, or an HTTP status without a message
	outcomeNotice            // the server's own notification or request; it ends no request of ours
	outcomeBad               // not JSON-RPC, or an id that is no number
)

// verdict is what an answer means.
type verdict struct {
	outcome outcome
	id      uint64
	hasID   bool
	reason  []byte // of a refusal or an error; aliases the message
}

// judge understands answers. It belongs to one loop.
//
// Nearly all answers of a run differ in their id alone. So the judge remembers the last result that it understood in full,
// and an answer that is equal to it byte for byte, id apart, needs no second reading: complete verification for the price of
// a comparison (about 10 ns for 100 bytes).
type judge struct {
	known  []byte
	limits codec.JSONLimits
	env    codec.Envelope
}

func newJudge() judge { return judge{limits: codec.DefaultLimits().JSON} }

func (j *judge) judge(msg []byte) verdict {
	const tail = len(messagePrefix) + idDigits
	if len(msg) == len(j.known) && len(msg) > tail &&
		bytes.Equal(msg[tail:], j.known[tail:]) && string(msg[:len(messagePrefix)]) == messagePrefix {
		if id, ok := tenDigits(msg[len(messagePrefix):tail]); ok {
			return verdict{outcome: outcomeResult, id: id, hasID: true}
		}
	}
	v := j.read(msg)
	if v.outcome == outcomeResult && v.hasID && len(msg) > tail && string(msg[:len(messagePrefix)]) == messagePrefix {
		j.known = append(j.known[:0], msg...)
	}
	return v
}

// read understands a message that the judge has not seen yet.
func (j *judge) read(msg []byte) verdict {
	e := &j.env
	if err := codec.Scan(msg, e, &j.limits); err != nil {
		return verdict{outcome: outcomeBad, reason: []byte(err.Error())}
	}
	if e.Kind != codec.KindResponse {
		return verdict{outcome: outcomeNotice}
	}
	var v verdict
	if id := e.ID.Of(msg); len(id) > 0 && string(id) != "null" {
		n, err := strconv.ParseUint(string(id), 10, 64)
		if err != nil {
			return verdict{outcome: outcomeBad, reason: []byte("id " + string(id))}
		}
		v.id, v.hasID = n, true
	}
	if object := e.Error.Of(msg); object != nil {
		v.outcome, v.reason = readError(object)
		return v
	}
	if string(codec.Member(e.Result.Of(msg), "isError")) == "true" {
		v.outcome = outcomeToolError
	}
	return v
}

// readError tells a refusal, whose data names a reason, from any other error, which its message names.
func readError(object []byte) (outcome, []byte) {
	if data := codec.Member(object, "data"); len(data) > 0 && data[0] == '{' {
		if reason, ok := codec.StringOf(codec.Member(data, "reason")); ok && len(reason) > 0 {
			return outcomeRefused, reason
		}
	}
	message, _ := codec.StringOf(codec.Member(object, "message"))
	return outcomeError, message
}

// tenDigits reads an id of ours.
func tenDigits(b []byte) (id uint64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		id = id*10 + uint64(c-'0')
	}
	return id, true
}

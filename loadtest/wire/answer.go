package wire

import (
	"bytes"
	"strconv"

	"weir/codec"
)

// Outcome is how one request ended, or what else a message was.
type Outcome uint8

const (
	OutcomeResult    Outcome = iota
	OutcomeToolError         // a result with isError: the tool ran and failed
	OutcomeRefused           // an error with a named reason in its data, and nothing executed: the server was full
	OutcomeError             // any other JSON-RPC error, or an HTTP status without a message
	OutcomeNotice            // the server's own notification or request; it ends no request of ours
	OutcomeBad               // not JSON-RPC, or an id that is no number
)

// verdict is what an answer means.
type verdict struct {
	Outcome Outcome
	ID      uint64
	HasID   bool
	Reason  []byte // of a refusal or an error; aliases the message
}

// Judge understands answers. It belongs to one loop.
//
// Nearly all answers of a run differ in their id alone. So the judge remembers the last result that it understood in
// full, and an answer that is equal to it byte for byte, id apart, needs no second reading: complete verification for
// the price of a comparison (about 10 ns for 100 bytes).
type Judge struct {
	known  []byte
	limits codec.JSONLimits
	env    codec.Envelope
}

// NewJudge returns a Judge that has seen no answer yet.
func NewJudge() Judge { return Judge{limits: codec.DefaultLimits().JSON} }

// Judge says what a message is. Verdict.Reason aliases msg.
func (j *Judge) Judge(msg []byte) verdict {
	const tail = len(MessagePrefix) + IDDigits
	if len(msg) == len(j.known) && len(msg) > tail &&
		bytes.Equal(msg[tail:], j.known[tail:]) && string(msg[:len(MessagePrefix)]) == MessagePrefix {
		if id, ok := TenDigits(msg[len(MessagePrefix):tail]); ok {
			return verdict{Outcome: OutcomeResult, ID: id, HasID: true}
		}
	}
	v := j.Read(msg)
	if v.Outcome == OutcomeResult && v.HasID && len(msg) > tail && string(msg[:len(MessagePrefix)]) == MessagePrefix {
		j.known = append(j.known[:0], msg...)
	}
	return v
}

// Read understands a message that the judge has not seen yet.
func (j *Judge) Read(msg []byte) verdict {
	e := &j.env
	if err := codec.Scan(msg, e, &j.limits); err != nil {
		return verdict{Outcome: OutcomeBad, Reason: []byte(err.Error())}
	}
	if e.Kind != codec.KindResponse {
		return verdict{Outcome: OutcomeNotice}
	}
	var v verdict
	if id := e.ID.Of(msg); len(id) > 0 && string(id) != "null" {
		n, err := strconv.ParseUint(string(id), 10, 64)
		if err != nil {
			return verdict{Outcome: OutcomeBad, Reason: []byte("id " + string(id))}
		}
		v.ID, v.HasID = n, true
	}
	if object := e.Error.Of(msg); object != nil {
		v.Outcome, v.Reason = readError(object)
		return v
	}
	if string(codec.Member(e.Result.Of(msg), "isError")) == "true" {
		v.Outcome = OutcomeToolError
	}
	return v
}

// readError tells a refusal, whose data names a reason, from any other error, which its message names, or the reason of
// one that says that it was executed: a call that was ended has cost what it cost.
func readError(object []byte) (Outcome, []byte) {
	if data := codec.Member(object, "data"); len(data) > 0 && data[0] == '{' {
		if reason, ok := codec.StringOf(codec.Member(data, "reason")); ok && len(reason) > 0 {
			if string(codec.Member(data, "executed")) == "true" {
				return OutcomeError, reason
			}
			return OutcomeRefused, reason
		}
	}
	message, _ := codec.StringOf(codec.Member(object, "message"))
	return OutcomeError, message
}

// TenDigits reads an id of ours.
func TenDigits(b []byte) (id uint64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		id = id*10 + uint64(c-'0')
	}
	return id, true
}

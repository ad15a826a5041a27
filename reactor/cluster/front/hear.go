package front

import (
	"bytes"

	"weir/codec"
	"weir/reactor/cluster/parcel"
	"weir/registry/call"
	"weir/registry/engine"
)

// hear hears a message of workers.
func (fr *Front) hear(message []byte) {
	if !parcel.ReadWords(message, fr.heard) {
		fr.series.dropped[dropBroken].Inc()
	}
}

// failureOf is what a worker's failure is called here, and whether the tool may have run.
var failureOf = map[parcel.Failure]struct {
	why      Failure
	executed bool
}{
	parcel.WorkerLost:    {failLost, true},
	parcel.ToolsDiffer:   {failDiffers, false},
	parcel.OtherVersion:  {failVersion, false},
	parcel.AnswerTooLong: {failTooLarge, true},
	parcel.Stopped:       {failStopped, true},
}

func (fr *Front) heard(w parcel.Word) {
	switch w.Kind {
	case parcel.Answer:
		fr.answered(w)
	case parcel.Ahead:
		fr.while(w.ID, func(f *call.Forwarded) {
			if !f.Call.Cancelled() {
				f.Call.Responder.Send(w.Text)
			}
		})
	case parcel.Question:
		fr.while(w.ID, func(f *call.Forwarded) { fr.ask(f, w) })
	case parcel.Failed:
		how, known := failureOf[parcel.Failure(w.State)]
		if !known {
			how = failureOf[parcel.WorkerLost]
		}
		fr.fail(w.ID, how.why, how.executed)
	default:
		fr.series.dropped[dropBroken].Inc()
	}
}

// answered ends a call with its worker's answer.
func (fr *Front) answered(w parcel.Word) {
	fr.mu.Lock()
	was, ok := fr.table.take(w.ID)
	fits := false
	if ok {
		fr.bytes -= was.of.Bytes
		if fits = fr.bytes+len(w.Text) <= fr.config.Options.MaxInFlightBytes; fits {
			fr.bytes += len(w.Text)
			was.of.AnsweredBytes = len(w.Text)
		}
	}
	fr.mu.Unlock()
	switch {
	case !ok:
		fr.series.dropped[dropLate].Inc()
	case !fits:
		fr.series.failed[failInFlight].Inc()
		whole, outcome := failInFlight.response(nil, was.of.Call.ID(), true)
		was.settle(whole, outcome, false)
	default:
		outcome := engine.Outcome(w.State / 2)
		if outcome == engine.Overloaded {
			outcome = engine.LimitReached // it says itself when to come again
		}
		was.settle(bytes.Clone(w.Text), min(outcome, engine.OutcomeCount-1), w.State%2 == 1)
	}
}

// while does something with a call that stays while it does.
func (fr *Front) while(id uint64, do func(f *call.Forwarded)) {
	fr.mu.Lock()
	s := fr.table.find(id)
	if s == nil {
		fr.mu.Unlock()
		fr.series.dropped[dropLate].Inc()
		return
	}
	f := s.of
	f.Hold()
	fr.mu.Unlock()
	do(f)
	f.Settle()
}

// ask asks the client of a call what its worker wants to know, and tells that one the answer.
func (fr *Front) ask(f *call.Forwarded, w parcel.Word) {
	var e codec.Envelope
	codec.Peek(w.Text, &e)
	id := bytes.Clone(e.ID.Of(w.Text))
	say := func(response []byte) {
		fr.say(w.Node, parcel.Word{Kind: parcel.Reply, Node: fr.config.Name, ID: w.ID, Text: response})
	}
	asked, failed := fr.config.Engine.AskFor(f.Call, id, &call.Asked{Method: bytes.Clone(e.Method.Of(w.Text)),
		Params: bytes.Clone(codec.Member(w.Text, "params"))}, say)
	if failed != nil {
		say(codec.AppendError(nil, id, failed))
		return
	}
	fr.mu.Lock()
	s := fr.table.find(w.ID)
	if s != nil {
		s.asked = append(s.asked, asked)
	}
	fr.mu.Unlock()
	if s == nil { // it ended meanwhile
		asked.Withdraw(errEnded)
	}
}

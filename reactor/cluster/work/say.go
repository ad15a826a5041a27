package work

import (
	"errors"

	"weir/codec"
	"weir/reactor/cluster/parcel"
	"weir/reactor/cluster/queue"
	"weir/registry/engine"
	"weir/registry/protocol"
)

// What a worker hears and says beside what it runs.

func capabilities(j *job) protocol.Capabilities { return protocol.Capabilities(j.call.Capabilities) }
func level(j *job) protocol.LogLevel            { return protocol.LogLevel(j.call.LogLevel) }

// offers says whether the tool that a job calls is here.
func (w *Worker) offers(j *job) bool {
	var e codec.Envelope
	codec.Peek(j.call.Message, &e)
	method, _ := codec.StringOf(e.Method.Of(j.call.Message))
	name, ok := codec.StringOf(e.Name.Of(j.call.Message))
	return ok && string(method) == "tools/call" && w.engine.OffersTool(j.call.Principal, name)
}

// leave takes a job out of what is under way; nil: it is over already.
func (w *Worker) leave(conv *engine.Conversation) *job {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := w.jobs[conv]
	if j != nil {
		delete(w.jobs, conv)
		if w.byID[j.key] == j {
			delete(w.byID, j.key)
		}
	}
	return j
}

// answer ends a job with its response; nothing if it was cancelled.
func (w *Worker) answer(j *job, outcome engine.Outcome, well bool, message []byte) {
	if len(message) == 0 {
		w.finish(j, nil)
		return
	}
	state := uint8(outcome) * 2
	if well {
		state++
	}
	w.finish(j, &parcel.Word{Kind: parcel.Answer, State: state, ID: j.id, Text: message})
}

// fail ends a job by name.
func (w *Worker) fail(j *job, why parcel.Failure) {
	w.series.failed[why].Inc()
	w.finish(j, &parcel.Word{Kind: parcel.Failed, State: uint8(why), ID: j.id})
}

// finish ends a job, which nothing more is said of than last. It copies last.
func (w *Worker) finish(j *job, last *parcel.Word) {
	w.mu.Lock()
	if last != nil {
		w.tellLocked(j.node, last)
	}
	w.done = append(w.done, j.of)
	w.undone++
	w.mu.Unlock()
	poke(w.wake)
}

// poke has whoever waits for a signal go on, now or next.
func poke(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// messageBytes is about how much is said to a front end in one message.
const messageBytes = 32 << 10

// tellLocked has a word be said to a front end.
func (w *Worker) tellLocked(node string, word *parcel.Word) {
	messages := w.out[node]
	if n := len(messages); n == 0 || len(messages[n-1])+len(word.Text) > messageBytes {
		messages = append(messages, nil)
	}
	last := &messages[len(messages)-1]
	w.outBytes -= len(*last)
	*last = word.Append(*last)
	w.outBytes += len(*last)
	w.out[node] = messages
}

// ahead says something of a job before its answer; false: it is over, or too much waits.
func (w *Worker) ahead(conv *engine.Conversation, message []byte) bool {
	var e codec.Envelope
	codec.Peek(message, &e)
	w.mu.Lock()
	j := w.jobs[conv]
	if j == nil || w.outBytes+len(message) > w.config.Options.MaxInFlightBytes {
		w.mu.Unlock()
		return false
	}
	word := &parcel.Word{Kind: parcel.Ahead, ID: j.id, Text: message}
	if e.ID.Of(message) != nil && e.Method.Of(message) != nil {
		word.Kind, word.Node = parcel.Question, w.config.Name
	}
	w.tellLocked(j.node, word)
	w.mu.Unlock()
	poke(w.wake)
	return true
}

// say says what there is, and forgets the jobs of which everything was said.
func (w *Worker) say() {
	for {
		ending := w.life.Err() != nil // all that is said was there before
		w.mu.Lock()
		out, done := w.out, w.done
		w.out, w.done, w.outBytes = map[string][][]byte{}, nil, 0
		w.mu.Unlock()
		for node, messages := range out {
			for _, message := range messages {
				w.send(node, message)
			}
		}
		if len(done) > 0 {
			w.queue.Done(done)
			w.mu.Lock()
			w.undone -= len(done)
			w.mu.Unlock()
			poke(w.room)
			continue
		}
		if ending {
			return
		}
		select {
		case <-w.wake:
		case <-w.life.Done():
		}
	}
}

// send says a message. Of one that is too long for the broker the calls fail.
func (w *Worker) send(node string, message []byte) {
	err := w.queue.Send(node, message)
	switch {
	case err == nil:
	case errors.Is(err, queue.ErrTooLarge):
		parcel.ReadWords(message, func(word parcel.Word) {
			if word.Kind == parcel.Answer {
				w.series.failed[parcel.AnswerTooLong].Inc()
				short := parcel.Word{Kind: parcel.Failed, State: uint8(parcel.AnswerTooLong), ID: word.ID}
				_ = w.queue.Send(node, short.Append(nil))
			}
		})
	default:
		w.series.dropped[dropDown].Inc() // the front end's own time ends its calls
	}
}

// hear hears a message of front ends.
func (w *Worker) hear(message []byte) {
	if !parcel.ReadWords(message, w.heard) {
		w.series.dropped[dropBroken].Inc()
	}
}

func (w *Worker) heard(word parcel.Word) {
	k := key{word.Node, word.ID}
	w.mu.Lock()
	j := w.byID[k]
	if j == nil && word.Kind == parcel.Cancel {
		w.cancelled.add(k)
	}
	w.mu.Unlock()
	switch {
	case j == nil:
	case word.Kind == parcel.Cancel:
		j.conv.CancelAll()
	case word.Kind == parcel.Reply:
		w.engine.TakeAnswer(&j.conv, word.Text, &w.config.Pipeline.Options.JSON)
	default:
		w.series.dropped[dropBroken].Inc()
	}
}

package front

import (
	"context"
	"sync"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/cluster/parcel"
	"weir/reactor/cluster/queue"
	"weir/registry/call"
	"weir/registry/engine"
)

// Config is what a front end needs.
type Config struct {
	Name    string // of this process
	Open    func(queue.Config) (queue.Queue, error)
	Options *queue.Options // checked
	Engine  *engine.Engine
	Metrics *metrics.Set
	Log     zerolog.Logger
}

// Front is the call.Forwarder of every tool of a front end. Its life: New, Start, Drain, Stop; any but New may be left
// out. The methods of a nil Front do nothing.
type Front struct {
	config Config
	queue  queue.Queue
	life   context.Context
	end    context.CancelFunc
	over   sync.WaitGroup
	wake   chan struct{} // has one when there is something to push or to say
	series series

	mu       sync.Mutex
	table    table
	jobs     []job       // to be pushed
	words    []said      // to be said
	bytes    int         // of calls, jobs and words, and of answers that clients do not have yet
	state    queue.State // of the broker
	downFrom int64       // since when it is down; 0: it is not
	stopping bool
}

// job is a call on its way to the broker. It is on the books until it was pushed, also if its call has ended.
type job struct {
	id   uint64
	data []byte
}

// said is a word on its way to workers.
type said struct {
	to   string
	word parcel.Word
}

// slotBytes is about what a call takes beside its message.
const slotBytes = 512

// Forward implements call.Forwarder.
func (fr *Front) Forward(f *call.Forwarded) *codec.Error {
	f.Bytes = slotBytes + len(f.Call.Raw)
	id, why := fr.admit(f)
	if why != failures {
		fr.series.failed[why].Inc()
		return why.err(false)
	}
	fr.series.calls.Inc()
	f.Cancel = func() { fr.cancel(id) }
	f.Call.Suspend(&f.Suspension)
	fr.poke()
	return nil
}

// admit gives a call its place, or says why not.
func (fr *Front) admit(f *call.Forwarded) (id uint64, why Failure) {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	o := fr.config.Options
	switch {
	case fr.stopping:
		return 0, failStopped
	case fr.table.n >= o.MaxInFlight, fr.bytes+f.Bytes+len(f.Call.Raw) > o.MaxInFlightBytes:
		return 0, failInFlight
	case !fr.state.Up:
		return 0, failDown
	}
	id = fr.table.add(f, backpressure.Now())
	data := fr.encode(f, id)
	fr.bytes += f.Bytes + len(data)
	fr.jobs = append(fr.jobs, job{id, data})
	return id, failures
}

// encode makes a parcel of a call.
func (fr *Front) encode(f *call.Forwarded, id uint64) []byte {
	c := f.Call
	p := parcel.Call{Node: fr.config.Name, ID: id, Idempotent: f.Idempotent, Revision: c.Rev().Version,
		Principal: c.Principal, Message: c.Raw}
	if c.Conv != nil && !c.Modern() {
		p.Capabilities, p.LogLevel = uint8(c.Declared()), uint8(c.Conv.LogLevel())
	}
	if c.Header != nil {
		p.Header = c.Header.Fields
	}
	return p.Append(make([]byte, 0, len(c.Raw)+len(p.Header)+len(p.Principal)+128))
}

// GiveUp implements call.Forwarder: what its client is asked for a call is the worker's to know.
func (fr *Front) GiveUp(string) {}

// Release implements call.Forwarder: the client has the answer.
func (fr *Front) Release(f *call.Forwarded) {
	fr.free(f.AnsweredBytes)
	f.AnsweredBytes = 0
}

// poke has what waits be sent.
func (fr *Front) poke() {
	select {
	case fr.wake <- struct{}{}:
	default:
	}
}

// take takes a call out.
func (fr *Front) take(id uint64) (slot, bool) {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	was, ok := fr.table.take(id)
	if ok {
		fr.bytes -= was.of.Bytes
	}
	return was, ok
}

// cancel ends the waiting of a call whose client has taken it back. Its connection and conversation may be locked.
func (fr *Front) cancel(id uint64) {
	was, ok := fr.take(id)
	if !ok {
		return
	}
	for _, asked := range was.asked {
		asked.Cancel()
	}
	if was.pushed {
		fr.say(queue.Workers, parcel.Word{Kind: parcel.Cancel, Node: fr.config.Name, ID: id})
	}
	was.of.Failed = errCancelled
	was.of.Settle()
}

// say has a word be said soon.
func (fr *Front) say(to string, w parcel.Word) {
	fr.mu.Lock()
	fr.words = append(fr.words, said{to, w})
	fr.bytes += len(w.Text)
	fr.mu.Unlock()
	fr.poke()
}

// free takes bytes off the books.
func (fr *Front) free(bytes int) {
	fr.mu.Lock()
	fr.bytes -= bytes
	fr.mu.Unlock()
}

// fail ends a call that no worker answers. maybe: one may have begun with it.
func (fr *Front) fail(id uint64, why Failure, maybe bool) {
	was, ok := fr.take(id)
	if !ok {
		return
	}
	fr.series.failed[why].Inc()
	whole, outcome := why.response(nil, was.of.Call.ID(), maybe)
	was.settle(whole, outcome, false)
}

// settle ends a call with a response.
func (s *slot) settle(whole []byte, outcome engine.Outcome, well bool) {
	for _, asked := range s.asked {
		asked.Withdraw(errEnded)
	}
	s.of.Whole, s.of.Outcome, s.of.Well = whole, uint8(outcome), well
	s.of.Settle()
}

// failAll ends every call.
func (fr *Front) failAll(why Failure) {
	for {
		fr.mu.Lock()
		at := fr.table.first
		if at == nowhere {
			fr.mu.Unlock()
			return
		}
		id, pushed := fr.table.id(at), fr.table.slots[at].pushed
		fr.mu.Unlock()
		fr.fail(id, why, pushed)
		if pushed {
			fr.say(queue.Workers, parcel.Word{Kind: parcel.Cancel, Node: fr.config.Name, ID: id})
		}
	}
}

// Status says how the front end does.
func (fr *Front) Status() Status {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	return Status{Broker: fr.state, InFlight: fr.table.n, Bytes: fr.bytes}
}

// Fill is how full the broker is, 0 to 1: of messages or of bytes, what is more. The broker is looked at once a second.
func (fr *Front) Fill() float64 {
	if fr == nil {
		return 0
	}
	s, o := fr.Status().Broker, fr.config.Options
	return max(float64(s.Messages)/float64(o.MaxMessages), float64(s.Bytes)/float64(o.MaxBytes))
}

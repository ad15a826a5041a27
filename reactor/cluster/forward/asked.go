package forward

import (
	"encoding/binary"
	"sync/atomic"

	"weir/backpressure"
	"weir/reactor/cluster"
	"weir/reactor/loop/buffer"
)

// Asker is who gets the response to a request that was forwarded. Any goroutine; its methods must not block.
type Asker interface {
	// Part brings the next bytes of the response, which are the caller's again afterwards. whole: what the owner has
	// written at once ends with them.
	Part(p []byte, whole bool)
	// End is the last that is heard of the request, once.
	End(fate Fate)
}

// Asked is a request of this node's client that another node serves. Its zero value is given to Forward, once.
type Asked struct {
	f      *Forwarder
	to     string
	id     uint64
	asker  Asker
	stream bool         // it waits for what may never come
	heard  atomic.Int64 // when the owner was last heard, in backpressure.Now
	debts  atomic.Uint32
	taken  atomic.Int64 // bytes of the response that were taken
	got    int          // bytes of it that have come; of the goroutine that its owner's messages come on
}

// What an Asked could not say yet.
const (
	oweLeft uint32 = 1 << iota
	oweHalf
	oweCredit
	listed // it is in Forwarder.waits
)

// Forward sends r to the node to, which serves it for asker. stream: the response lasts for as long as its client
// likes. A refusal says why it was not sent; known is false if there is no such node.
func (f *Forwarder) Forward(a *Asked, to string, r *Request, asker Asker, stream bool) (
	refusal backpressure.Refusal, known bool,
) {
	switch state := f.nodes.State(to); {
	case f.draining.Load():
		return backpressure.Draining, true
	case state == cluster.Suspected:
		return backpressure.NodeSuspected, true
	case state != cluster.Unknown && state != cluster.Alive:
		return backpressure.Accepted, false
	}
	a.f, a.to, a.id, a.asker, a.stream = f, to, f.id.Add(1), asker, stream
	a.heard.Store(backpressure.Now())
	if !f.asked.put(a.id, a, f.opt.MaxForwarded) {
		return backpressure.ForwardLimit, true
	}
	r.window = f.opt.ForwardWindowBytes
	b := appendRequest(buffer.Get(len(r.HTTP)+len(r.Principal)+requestRoom), r)
	defer buffer.Put(b)
	err := a.sendRequest(b)
	if err == nil || !f.asked.take(a.id) { // not there: it has ended already
		f.m.forwarded.Inc()
		f.m.sentBytes.Add(len(b))
		return backpressure.Accepted, true
	}
	if len(b) > pieceBytes {
		a.say(oweLeft) // some of it may have gone
	}
	if isFull(err) {
		return backpressure.ForwardFull, true
	}
	return backpressure.Accepted, false
}

// requestRoom is what appendRequest adds, about.
const requestRoom = 64

// sendRequest sends a request, in pieces if it is long.
func (a *Asked) sendRequest(b []byte) error {
	if len(b) <= pieceBytes {
		return a.f.nodes.Send(a.to, kindRequest, a.id, b)
	}
	piece := buffer.Get(pieceBytes + binary.MaxVarintLen64)
	defer func() { buffer.Put(piece) }()
	for at := 0; at < len(b); at += pieceBytes {
		kind, end := kindPiece, at+pieceBytes
		if end >= len(b) {
			kind, end = kindLast, len(b)
		}
		piece = appendPart(piece[:0], at, b[at:end])
		if err := a.f.nodes.Send(a.to, kind, a.id, piece); err != nil {
			return err
		}
	}
	return nil
}

// told takes what the owner says.
func (a *Asked) told(kind cluster.Kind, data []byte) {
	a.heard.Store(backpressure.Now())
	switch kind {
	case kindEnd:
		fate := readFate(data)
		if fate == Answered && (a.got == 0 || a.got != readTotal(data)) { // some of it was lost on the way
			fate = Cut
		}
		a.end(fate)
	case kindWhole:
		a.asker.Part(data, true)
		a.end(Answered)
	default:
		at, part := readPart(data)
		if at != a.got { // what comes now would be taken for what was lost
			a.say(oweLeft)
			a.end(Cut)
			return
		}
		a.got += len(part)
		a.asker.Part(part, kind == kindAnswer)
	}
}

// end tells the asker, once.
func (a *Asked) end(fate Fate) {
	if a.f.asked.take(a.id) {
		a.f.m.ended[fate].Inc()
		a.asker.End(fate)
	}
}

// Leave ends it: its client has gone. The asker hears nothing more, but for what is under way; false: it has heard the
// end, or is about to.
func (a *Asked) Leave() bool {
	if !a.f.asked.take(a.id) {
		return false
	}
	a.f.m.ended[Left].Inc()
	a.say(oweLeft)
	return true
}

// Half tells the owner that the client has closed its sending side.
func (a *Asked) Half() { a.say(oweHalf) }

// Taken tells the owner that n more bytes of the response were taken.
func (a *Asked) Taken(n int) {
	a.taken.Add(int64(n))
	a.say(oweCredit)
}

// ask has the owner say if it knows nothing of it.
func (a *Asked) ask() { a.say(oweCredit) }

// say says it, now or when there is room.
func (a *Asked) say(what uint32) {
	if was := a.debts.Or(what); was&listed == 0 && !a.pay() {
		if a.debts.Or(listed)&listed == 0 {
			a.f.owe(a)
		}
	}
}

// pay implements debtor.
func (a *Asked) pay() bool {
	debts := a.debts.Swap(0)
	full := func(kind cluster.Kind, data []byte) bool { return isFull(a.f.nodes.Send(a.to, kind, a.id, data)) }
	var room [binary.MaxVarintLen64]byte
	switch n := a.taken.Load(); {
	case debts&oweLeft != 0: // nothing else counts any more
		if full(kindLeft, nil) {
			a.debts.Or(debts)
			return false
		}
	case debts&oweCredit != 0 && full(kindCredit, binary.AppendUvarint(room[:0], uint64(n))):
		a.debts.Or(debts)
		return false
	case debts&oweHalf != 0 && full(kindHalf, nil):
		a.debts.Or(debts &^ oweCredit)
		return false
	}
	return true
}

// Window is how many bytes of the response may be on their way.
func (a *Asked) Window() int { return a.f.opt.ForwardWindowBytes }

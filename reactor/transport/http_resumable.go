package transport

import (
	"time"

	"weir/reactor/pipeline"
	"weir/registry/event"
)

// resumable is the event stream that answers a POST of a session. It is a post stream (registry/event), and so
// outlives its connection: that may break, be closed by the call itself so that the client polls, or be left behind
// by a client that has resumed the stream already. The call then is detached: it runs on, and what it says goes into
// the event store alone. A stream that resumes one is a stream like a session's GET (http_stream.go).
type resumable struct{ eventStream }

// postStreamLocked is the post stream of k, made with the first event of its stream; nil when it cannot be resumed.
func (s resumable) postStreamLocked() *event.PostStream {
	k := s.k
	if k.PostStream == nil && !k.Streaming && !k.InBatch && s.conn.OpenLocked() {
		k.PostStream = s.conn.Intake().Pipeline().Engine.OpenPostStream(&k.Exchange)
	}
	return k.PostStream
}

// answer ends k, which has a post stream, with its answer. It takes k over.
func (s resumable) answer(message, out []byte) []byte {
	c, k, mark := s.conn, s.k, len(out)
	c.Lock()
	defer c.Unlock()
	id, posted := k.PostStream.End(k.ID(), message)
	if k.Detached || !posted {
		c.WithdrawLocked(len(message)) // it does not leave here
	}
	if k.Detached {
		c.DetachLocked(-1)
		k.Release()
		return out
	}
	if posted && len(message) > 0 {
		out = delimiterOf(k).event(out, id, message)
	}
	out = delimiterOf(k).end(out)
	s.order.deliverLocked(c, k, out[mark:])
	return out[:mark]
}

// endEarlyLocked ends k's response with last, before k does.
func (s resumable) endEarlyLocked(last []byte) {
	c, k := s.conn, s.k
	detachLocked(c, k)
	if s.order.head == k {
		c.SendLocked(last)
		s.order.unlinkLocked(k)
		s.order.sendReadyLocked(c)
	} else {
		s.leavePlaceLocked(last)
	}
}

// leavePlaceLocked gives k's place in the order, and what k has said, to a response that is complete.
func (s resumable) leavePlaceLocked(last []byte) {
	place := pipeline.NewSharedCall(s.conn)
	place.Answer, s.k.Answer = s.k.Answer, nil
	s.order.substituteLocked(s.k, place)
	s.order.keepLocked(s.conn, place, last)
}

// yield ends the response at the head of the order if its client has resumed its stream elsewhere.
func (o *answerOrder) yield(c *pipeline.Conn) {
	c.Lock()
	defer c.Unlock()
	if k := o.head; c.OpenLocked() && k != nil && k.PostStream != nil && !k.PostStream.Posted() {
		resumable{eventStream{o, c, k}}.endEarlyLocked(delimiterOf(k).end(nil))
	}
}

// CloseStream implements pipeline.Order.
func (o *answerOrder) CloseStream(c *pipeline.Conn, k *pipeline.Call, retry time.Duration) bool {
	return resumable{eventStream{o, c, k}}.close(retry)
}

// close closes the stream that carries k's messages, and tells its client when to come back.
func (s resumable) close(retry time.Duration) bool {
	c, k := s.conn, s.k
	c.Lock()
	defer c.Unlock()
	stream := s.postStreamLocked()
	if stream == nil {
		return false
	}
	if !stream.Primes() {
		if !k.Streaming { // so it need not become a stream
			stream.End(k.ID(), nil)
			k.PostStream = nil
		}
		return false
	}
	if retry = deskOf(c.Intake()).retry(retry); k.Detached {
		return stream.EndEarly(retry)
	}
	if !c.OpenLocked() || !stream.Posted() {
		return false // the loop is about to find out
	}
	var last []byte
	if !k.Streaming {
		s.beginLocked()
		last = appendStreamHead(last, c, k)
	}
	last = delimiterOf(k).priming(last, stream.Latest(), retry)
	s.endEarlyLocked(delimiterOf(k).end(last))
	return true
}

// retry is what a client is told to wait, if the call has no wish of its own.
func (s *Site) retry(wish time.Duration) time.Duration {
	if wish > 0 {
		return wish
	}
	return s.Options.SSERetry
}

// detachLocked notes that c will not answer k, which goes on.
func detachLocked(c *pipeline.Conn, k *pipeline.Call) {
	k.PostStream.Leave()
	k.Detached = true
	c.DetachLocked(1)
}

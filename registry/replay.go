package registry

import (
	"strconv"
	"time"
)

// The streams of a session number their events, and the session keeps the latest of all of them: a client that lost a
// connection names the last event it saw there (Last-Event-ID) and is sent those that followed on that stream (MCP
// 2025-11-25, basic/transports, resumability and redelivery). Of the session's own stream, the one of its GET, what was
// dropped from here for want of room is not missed for long: it was a hint to ask again. Of the response to a POST it is
// a gap, over which nothing is sent again (trail.go).

// EventID is the id of an event in its session: the number of its stream, and its own in that stream. 0 is none.
type EventID uint64

func eventID(stream, number uint32) EventID { return EventID(stream)<<32 | EventID(number) }

// AppendEventID appends the id as it goes over the wire.
func AppendEventID(dst []byte, id EventID) []byte {
	dst = strconv.AppendUint(dst, uint64(id>>32), 10)
	return strconv.AppendUint(append(dst, '-'), uint64(uint32(id)), 10)
}

// parseEventID reads what AppendEventID wrote, in no other spelling.
func parseEventID(id []byte) (stream, number uint32, ok bool) {
	for i, c := range id {
		if c == '-' {
			s, err := strconv.ParseUint(string(id[:i]), 10, 32)
			n, err2 := strconv.ParseUint(string(id[i+1:]), 10, 32)
			var room [24]byte
			ok = err == nil && err2 == nil && string(AppendEventID(room[:0], eventID(uint32(s), uint32(n)))) == string(id)
			return uint32(s), uint32(n), ok
		}
	}
	return 0, 0, false
}

// replay is what is kept of a session's streams. Guarded by its feed's mutex.
type replay struct {
	r      *Registry
	kept   []recorded // of all streams, oldest first
	bytes  int
	own    Trail             // the stream of the session's GET
	posts  map[uint32]*Trail // those of its POSTs that may still be resumed
	opened uint32            // how many of these there ever were: the number of the latest
}

type recorded struct {
	trail   *Trail
	number  uint32
	at      time.Duration // since Registry.epoch
	message []byte
}

// keepRefusal is the bound that an event does not fit into.
type keepRefusal uint8

const (
	keepSession keepRefusal = iota // Options.ReplayBytes, ReplayEvents
	keepTotal                      // Options.ReplayTotalBytes
	keepRefusals
)

var keepRefusalNames = [keepRefusals]string{"replay_bytes", "replay_total_bytes"}

// keep keeps the latest event of t; false when it does not fit.
func (p *replay) keep(t *Trail, message []byte) bool {
	size, o := len(message), &p.r.opt
	if size > o.ReplayBytes || o.ReplayEvents == 0 {
		p.r.m.replayRefused[keepSession].Inc()
		return false
	}
	for len(p.kept) > 0 && (len(p.kept) >= o.ReplayEvents || p.bytes+size > o.ReplayBytes) {
		p.dropOldest(1)
	}
	if p.r.replayBytes.Add(int64(size)) > int64(o.ReplayTotalBytes) {
		p.r.replayBytes.Add(-int64(size))
		p.r.m.replayRefused[keepTotal].Inc()
		p.forget()
		return false
	}
	p.bytes += size
	t.kept++
	p.kept = append(p.kept, recorded{t, t.latest, time.Since(p.r.epoch), append([]byte(nil), message...)})
	return true
}

// dropOldest drops the n oldest events.
func (p *replay) dropOldest(n int) {
	for i := range n {
		p.give(&p.kept[i])
	}
	left := copy(p.kept, p.kept[n:])
	clear(p.kept[left:])
	p.kept = p.kept[:left]
}

// give takes an event that is dropped off the books.
func (p *replay) give(e *recorded) {
	p.bytes -= len(e.message)
	p.r.replayBytes.Add(-int64(len(e.message)))
	e.trail.kept--
	e.trail.gap = e.number
	p.prune(e.trail)
}

// expire drops what was kept before a time.
func (p *replay) expire(before time.Duration) {
	n := 0
	for n < len(p.kept) && p.kept[n].at < before {
		n++
	}
	if n > 0 {
		p.dropOldest(n)
	}
	if len(p.kept) == 0 { // nor is the room kept that they took
		p.kept = nil
	}
	if len(p.posts) == 0 {
		p.posts = nil
	}
}

// forget keeps nothing more of what was.
func (p *replay) forget() {
	for i := range p.kept {
		p.give(&p.kept[i])
	}
	p.kept = nil
}

// lose makes a gap of everything that t had: its latest event is not kept.
func (p *replay) lose(t *Trail) {
	others := p.kept[:0]
	for i := range p.kept {
		if e := &p.kept[i]; e.trail == t {
			p.give(e)
		} else {
			others = append(others, *e)
		}
	}
	clear(p.kept[len(others):])
	p.kept = others
	t.gap = t.latest
	p.prune(t)
}

// prune forgets the stream of a POST of which there will be nothing to send.
func (p *replay) prune(t *Trail) {
	if t.number != 0 && t.ended && t.kept == 0 && t.resumed == nil {
		delete(p.posts, t.number)
	}
}

// carriers are the connections on which streams of POSTs were resumed.
func (p *replay) carriers() (peers []Peer) {
	for _, t := range p.posts {
		if t.resumed != nil {
			peers = append(peers, t.resumed.peer)
		}
	}
	return peers
}

// record numbers an event of the session's own stream that is about to be sent, and keeps it.
func (p *replay) record(message []byte) EventID {
	t := &p.own
	t.latest++
	t.sent = t.latest
	if !p.keep(t, message) {
		p.lose(t) // what is older cannot be sent again over the gap
	}
	return eventID(0, t.latest)
}

// pending is the next event of t to be sent again; nil when there is none.
func (p *replay) pending(t *Trail) *recorded {
	if t.kept > 0 && t.sent < t.latest {
		for i := range p.kept {
			if e := &p.kept[i]; e.trail == t && e.number > t.sent {
				t.sent = e.number
				return e
			}
		}
	}
	t.sent = t.latest
	return nil
}

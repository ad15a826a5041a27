package event

import (
	"strconv"
	"time"

	"weir/codec"
)

// The streams of a session number their events, and the session keeps the latest of all of them: a client that lost a
// connection names the last event it saw there (Last-Event-ID) and is sent those that followed on that stream (MCP
// 2025-11-25, basic/transports, resumability and redelivery). Of the session's own stream, the one of its GET, what was
// dropped from here for want of room is not missed for long: it was a hint to ask again. Of the response to a POST it
// is a gap, over which nothing is sent again (PostStream).

// ID is the id of an event in its session: the number of its stream, and its own in that stream. 0 is none.
type ID uint64

func newID(stream, number uint32) ID { return ID(stream)<<32 | ID(number) }

// AppendID appends the id as it goes over the wire.
func AppendID(dst []byte, id ID) []byte {
	dst = strconv.AppendUint(dst, uint64(id>>32), 10)
	return strconv.AppendUint(append(dst, '-'), uint64(uint32(id)), 10)
}

// parseID reads what AppendID wrote, in no other spelling.
func parseID(id []byte) (stream, number uint32, ok bool) {
	for i, c := range id {
		if c == '-' {
			s, err := strconv.ParseUint(string(id[:i]), 10, 32)
			n, err2 := strconv.ParseUint(string(id[i+1:]), 10, 32)
			var room [24]byte
			ok = err == nil && err2 == nil && string(AppendID(room[:0], newID(uint32(s), uint32(n)))) == string(id)
			return uint32(s), uint32(n), ok
		}
	}
	return 0, 0, false
}

// sequence is the events of one stream of a session. Guarded by its subscriber's lock.
type sequence struct {
	number  uint32  // of the stream in its session; 0 is the session's own
	latest  uint32  // the number of its last event
	sent    uint32  // of the last one that was sent by who carries it
	gap     uint32  // events up to this one are not sent again
	kept    int32   // how many are kept
	primes  bool    // it begins with an event without data; fixed for a POST's
	ended   bool    // nothing follows
	post    Peer    // the connection of the POST while that carries it
	carrier *Stream // the GET that carries a POST's; nil while none does
}

// carrierPeer is who is to be woken when q has changed.
func (q *sequence) carrierPeer() Peer {
	if q.carrier == nil {
		return nil
	}
	return q.carrier.peer
}

// store is what is kept of a session's streams. Guarded by its subscriber's lock.
type store struct {
	hub    *Hub
	kept   []record // of all streams, oldest first
	bytes  int
	own    sequence             // the stream of the session's GET
	posts  map[uint32]*sequence // those of its POSTs that may still be resumed
	opened uint32               // how many of these there ever were: the number of the latest
}

// eventBytes is what an event takes beside its text, about: its record, in a slice that may be half empty, and its
// stream, which a POST may have for this event alone.
const eventBytes = 256

type record struct {
	sequence *sequence
	number   uint32
	at       time.Duration // since Options.Epoch
	message  []byte
}

// add numbers the stream of a POST, and has it found.
func (st *store) add(q *sequence) {
	st.opened++
	q.number = st.opened
	if st.posts == nil {
		st.posts = make(map[uint32]*sequence, 1)
	}
	st.posts[q.number] = q
}

// find is the stream of a POST that can be resumed behind the event with this number. st may be nil.
func (st *store) find(stream, number uint32) (*sequence, *codec.Error) {
	if st == nil || stream > st.opened {
		return nil, ErrEventID
	}
	q := st.posts[stream]
	switch {
	case q == nil || number < q.gap:
		return nil, ErrGap
	case number > q.latest:
		return nil, ErrEventID
	}
	return q, nil
}

// append numbers the next event of q and keeps it; false when it does not fit.
func (st *store) append(q *sequence, message []byte) bool {
	q.latest++
	size, o := len(message), &st.hub.opt
	if size > o.MaxEventStoreBytes || o.MaxEventStoreEvents == 0 {
		st.hub.series.notKept[keepSession].Inc()
		return false
	}
	for len(st.kept) > 0 && (len(st.kept) >= o.MaxEventStoreEvents || st.bytes+size > o.MaxEventStoreBytes) {
		st.dropOldest(1)
	}
	if st.hub.keptBytes.Add(int64(size+eventBytes)) > int64(o.MaxEventStoreTotalBytes) {
		st.hub.keptBytes.Add(-int64(size + eventBytes))
		st.hub.series.notKept[keepTotal].Inc()
		st.clear()
		return false
	}
	st.bytes += size
	q.kept++
	st.kept = append(st.kept, record{q, q.latest, time.Since(o.Epoch), append([]byte(nil), message...)})
	return true
}

// record appends an event of the session's own stream, which is about to be sent.
func (st *store) record(message []byte) ID {
	q := &st.own
	if !st.append(q, message) {
		st.lose(q) // what is older cannot be sent again over the gap
	}
	q.sent = q.latest
	return newID(0, q.latest)
}

// next is the next event of q to be sent again; nil when there is none.
func (st *store) next(q *sequence) *record {
	if q.kept > 0 && q.sent < q.latest {
		for i := range st.kept {
			if e := &st.kept[i]; e.sequence == q && e.number > q.sent {
				q.sent = e.number
				return e
			}
		}
	}
	q.sent = q.latest
	return nil
}

// dropOldest drops the n oldest events.
func (st *store) dropOldest(n int) {
	for i := range n {
		st.give(&st.kept[i])
	}
	left := copy(st.kept, st.kept[n:])
	clear(st.kept[left:])
	st.kept = st.kept[:left]
}

// give takes an event that is dropped off the books.
func (st *store) give(e *record) {
	st.bytes -= len(e.message)
	st.hub.keptBytes.Add(-int64(len(e.message) + eventBytes))
	e.sequence.kept--
	e.sequence.gap = e.number
	st.prune(e.sequence)
}

// expire drops what was kept before a time.
func (st *store) expire(before time.Duration) {
	n := 0
	for n < len(st.kept) && st.kept[n].at < before {
		n++
	}
	if n > 0 {
		st.dropOldest(n)
	}
	if len(st.kept) == 0 { // nor is the room kept that they took
		st.kept = nil
	}
	if len(st.posts) == 0 {
		st.posts = nil
	}
}

// clear keeps nothing more of what was.
func (st *store) clear() {
	for i := range st.kept {
		st.give(&st.kept[i])
	}
	st.kept = nil
}

// lose makes a gap of everything that q had: its latest event is not kept.
func (st *store) lose(q *sequence) {
	others := st.kept[:0]
	for i := range st.kept {
		if e := &st.kept[i]; e.sequence == q {
			st.give(e)
		} else {
			others = append(others, *e)
		}
	}
	clear(st.kept[len(others):])
	st.kept = others
	q.gap = q.latest
	st.prune(q)
}

// prune forgets the stream of a POST of which there will be nothing to send.
func (st *store) prune(q *sequence) {
	if q.number != 0 && q.ended && q.kept == 0 && q.carrier == nil {
		delete(st.posts, q.number)
	}
}

// carriers are the connections on which streams of POSTs were resumed.
func (st *store) carriers() (peers []Peer) {
	for _, q := range st.posts {
		if q.carrier != nil {
			peers = append(peers, q.carrier.peer)
		}
	}
	return peers
}

// errNotKept stands for an answer of so many bytes that could not be kept.
func (st *store) errNotKept(bytes int) *codec.Error {
	o, key, limit, reason := &st.hub.opt, "max_event_store_bytes", 0, keepRefusalNames[keepSession]
	if limit = o.MaxEventStoreBytes; bytes <= limit {
		key, limit, reason = "max_event_store_total_bytes", o.MaxEventStoreTotalBytes, keepRefusalNames[keepTotal]
	}
	return &codec.Error{Code: codec.CodeInternal,
		Message: "the answer has " + strconv.Itoa(bytes) + " bytes, which could not be kept for a client that resumes: " +
			"what is kept may have " + strconv.Itoa(limit) + " (" + key + ")",
		Data: []byte(`{"reason":"` + reason + `","executed":true}`)}
}

package registry

import "strconv"

// A session's stream numbers its events, and keeps the latest of them: a client that lost its connection names the last
// event it saw (Last-Event-ID) and is sent those that followed (MCP 2025-11-25, basic/transports, resumability). What was
// dropped from here for want of room is not missed for long: it was a hint to ask again.

// replay is what is kept of one stream. Guarded by its feed's mutex.
type replay struct {
	r      *Registry
	kept   []recorded // oldest first
	bytes  int
	latest uint32 // the number of the last event there was
	sent   uint32 // the number of the last event that the open stream has carried
}

type recorded struct {
	number  uint32
	message []byte
}

// record numbers an event that is about to be sent and keeps it.
func (p *replay) record(message []byte) uint32 {
	p.latest++
	p.sent = p.latest
	size := len(message)
	o := &p.r.opt
	if size > o.ReplayBytes || o.ReplayEvents == 0 {
		p.forget() // what is older cannot be replayed over the gap
		return p.latest
	}
	for len(p.kept) > 0 && (len(p.kept) >= o.ReplayEvents || p.bytes+size > o.ReplayBytes) {
		p.dropOldest()
	}
	if p.r.replayBytes.Add(int64(size)) > int64(o.ReplayTotalBytes) {
		p.r.replayBytes.Add(-int64(size))
		p.forget()
		return p.latest
	}
	p.bytes += size
	p.kept = append(p.kept, recorded{p.latest, append([]byte(nil), message...)})
	return p.latest
}

func (p *replay) dropOldest() {
	size := len(p.kept[0].message)
	p.bytes -= size
	p.r.replayBytes.Add(-int64(size))
	n := copy(p.kept, p.kept[1:])
	p.kept[n] = recorded{}
	p.kept = p.kept[:n]
}

// forget keeps nothing more of what was.
func (p *replay) forget() {
	p.r.replayBytes.Add(-int64(p.bytes))
	p.kept, p.bytes = nil, 0
}

// resume goes back to behind the event with this number; false when there was none.
func (p *replay) resume(number uint32) bool {
	if number > p.latest {
		return false
	}
	p.sent = number
	return true
}

// pending is the next event to be sent again; nil when there is none.
func (p *replay) pending() *recorded {
	for i := range p.kept {
		if e := &p.kept[i]; e.number > p.sent {
			p.sent = e.number
			return e
		}
	}
	p.sent = p.latest
	return nil
}

// eventPrefix is the number of the stream within its session; POSTed requests have streams too, without event ids.
const eventPrefix = "0-"

// AppendEventID appends the id of an event of a session's stream.
func AppendEventID(dst []byte, number uint32) []byte {
	return strconv.AppendUint(append(dst, eventPrefix...), uint64(number), 10)
}

func parseEventID(id []byte) (number uint32, ok bool) {
	if len(id) <= len(eventPrefix) || string(id[:len(eventPrefix)]) != eventPrefix {
		return 0, false
	}
	n, err := strconv.ParseUint(string(id[len(eventPrefix):]), 10, 32)
	return uint32(n), err == nil
}

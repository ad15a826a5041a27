package wire

import (
	"bytes"

	"weir/codec/http1"
)

// eventStream is how far the event stream that answers a request was read (WHATWG HTML, 9.2.6). Each event is a message
// of its own and arrives when it is complete: a server may keep the stream open behind the answer, for which a client
// does not wait.
type eventStream struct {
	body  []byte // what has arrived; of the caller's, until the next call
	next  int    // where in body the event begins that is to be read
	begun bool   // the byte order mark, if there is one, was passed
	data  bool   // an event had data
	whole bool   // body is all of it
	total int    // bytes of the answer, then

	status  int
	last    bool
	session []byte
}

// beginEvents begins with the stream of an answer.
func (d *Decoder) beginEvents(r *http1.Reply) {
	if d.events == nil {
		d.events = new(eventStream)
	}
	*d.events = eventStream{status: r.Status, last: !r.KeepAlive, session: append(d.events.session[:0], r.SessionID...)}
	d.open = true
}

// endEvents has body be all of the stream.
func (d *Decoder) endEvents(body []byte, total int) {
	d.events.body, d.events.total, d.events.whole = body, total, true
}

// nextEvent is the next event with data. When there is none it is what the end of the whole answer brings, or nothing
// yet.
func (d *Decoder) nextEvent() (Arrival, int) {
	s := d.events
	for {
		data, n := cutEvent(s.body[s.next:], !s.begun)
		if n == 0 {
			break
		}
		s.next += n
		s.begun = true
		if data = bytes.TrimSpace(data); len(data) > 0 { // an event without data brings an id
			s.data = true
			return Arrival{Kind: ArrivalMessage, Status: s.status, Session: s.session, Body: data, Early: true}, 0
		}
	}
	s.body = nil
	if !s.whole {
		return Arrival{}, 0
	}
	d.open = false
	a := Arrival{Kind: ArrivalNothing, Last: s.last}
	if !s.data {
		a.Status, a.Said = s.status, "an event stream without an event"
	}
	return a, s.total
}

// isEvents says whether an answer is an event stream.
func isEvents(r *http1.Reply) bool {
	kind, _, _ := bytes.Cut(r.ContentType, []byte(";"))
	return bytes.EqualFold(bytes.TrimSpace(kind), []byte("text/event-stream")) && !isPacked(r)
}

// isPacked says whether an answer has a content coding. None is asked for.
func isPacked(r *http1.Reply) bool {
	return len(r.Coding) > 0 && !bytes.EqualFold(r.Coding, []byte("identity"))
}

// cutEvent cuts the first event off a stream and returns its data: its fields of that name, joined by line ends; n is 0
// when the empty line that ends it is not here. Lines end with CRLF, LF or CR. The data lives in b, unless it stands on
// several lines.
func cutEvent(b []byte, first bool) (data []byte, n int) {
	rest := b
	if first {
		rest = bytes.TrimPrefix(rest, []byte(byteOrderMark))
	}
	for lines := 0; ; {
		line, after, ok := cutLine(rest)
		switch {
		case !ok:
			return nil, 0
		case len(line) == 0:
			return data, len(b) - len(after)
		}
		rest = after
		value, isData := bytes.CutPrefix(line, []byte("data"))
		if !isData || len(value) > 0 && value[0] != ':' {
			continue
		}
		value = bytes.TrimPrefix(bytes.TrimPrefix(value, []byte(":")), []byte(" "))
		if lines++; lines == 1 {
			data = value // without a copy: nearly every event has one line
		} else {
			data = append(append(bytes.Clone(data), '\n'), value...)
		}
	}
}

const byteOrderMark = "\xef\xbb\xbf"

// cutLine cuts a line off. A CR at the end of what is here may be half of a line's end.
func cutLine(b []byte) (line, after []byte, ok bool) {
	end := bytes.IndexAny(b, "\r\n")
	switch {
	case end < 0 || b[end] == '\r' && end+1 == len(b):
		return nil, b, false
	case b[end] == '\r' && b[end+1] == '\n':
		return b[:end], b[end+2:], true
	}
	return b[:end], b[end+1:], true
}

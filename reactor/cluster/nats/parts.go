package nats

import "time"

// parts puts messages together that came in parts. One goroutine owns it. The parts of a message of one sender come one
// behind the other; where one is missing the message is dropped.
type parts struct {
	most    int // bytes of all that is unfinished
	open    map[string]*unfinished
	bytes   int
	dropped func()
}

type unfinished struct {
	head  // of its first part
	data  []byte
	began time.Time
}

// staleAfter is how long a message may take from its first part to its last.
const staleAfter = 30 * time.Second

// add takes a part, and returns the message when it is whole.
func (p *parts) add(h *head, data []byte) []byte {
	u := p.open[h.from]
	if h.offset == 0 {
		if u != nil {
			p.drop(u)
		}
		p.sweep()
		if p.bytes+h.total > p.most {
			p.dropped()
			return nil
		}
		u = &unfinished{head: *h, data: make([]byte, 0, h.total), began: time.Now()}
		p.open[h.from] = u
		p.bytes += h.total
	} else if u == nil {
		return nil // its beginning was dropped
	} else if u.id != h.id || u.kind != h.kind || u.total != h.total || len(u.data) != h.offset {
		p.drop(u)
		return nil
	}
	u.data = append(u.data, data...)
	if len(u.data) < u.total {
		return nil
	}
	p.remove(u)
	return u.data
}

func (p *parts) remove(u *unfinished) {
	delete(p.open, u.from)
	p.bytes -= u.total
}

func (p *parts) drop(u *unfinished) {
	p.remove(u)
	p.dropped()
}

// sweep drops what has not become whole in time: its sender is gone.
func (p *parts) sweep() {
	now := time.Now()
	for _, u := range p.open {
		if now.Sub(u.began) > staleAfter {
			p.drop(u)
		}
	}
}

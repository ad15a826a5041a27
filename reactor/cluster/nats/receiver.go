package nats

// receiver takes what a subscription brings. NATS calls it on one goroutine.
type receiver struct {
	e     *engine
	names map[string]string
	parts parts
}

func (e *engine) newReceiver() *receiver {
	return &receiver{e: e, names: map[string]string{},
		parts: parts{most: e.o.MaxIncomingBytes, open: map[string]*unfinished{}, dropped: e.metrics.incomplete.Inc}}
}

func (r *receiver) receive(message []byte) {
	var h head
	data, err := h.parse(message, r.names)
	if err != nil || h.total > r.e.o.MaxMessageBytes {
		r.e.metrics.foreign.Inc()
		return
	}
	if len(data) < h.total {
		if data = r.parts.add(&h, data); data == nil {
			return
		}
	}
	r.e.handler.Receive(h.from, h.kind, h.id, data)
}

// hearNobody takes NATS's word that a message reached nobody.
func (e *engine) hearNobody(reply string) {
	to, kind, id, err := parseReply(reply)
	if err != nil {
		e.metrics.foreign.Inc()
		return
	}
	e.handler.Nobody(to, kind, id)
}

package nats

import (
	"encoding/binary"

	"weir/reactor/cluster"
)

// writer hands messages to NATS. One goroutine owns it.
type writer struct {
	e        *engine
	subjects map[string]string // by the receiver's name
	reply    []byte
	part     []byte
}

// message publishes a message, in parts if it is long. One that cannot leave, because there is no connection, has
// reached nobody: it would come too late if it were kept.
func (w *writer) message(to, message []byte) {
	kind, id := cluster.Kind(message[1]), binary.BigEndian.Uint64(message[2:])
	subject, reply := toAll, ""
	if len(to) > 0 {
		subject = w.subjectOf(to)
		w.reply = replyFor(w.reply[:0], w.e.name, to, kind, id)
		reply = string(w.reply)
	}
	if err := w.publish(subject, reply, message); err != nil {
		w.e.trouble.note("NATS", err.Error())
		w.e.metrics.unsent.Inc()
		if len(to) > 0 {
			w.e.handler.Nobody(string(to), kind, id)
		}
	}
}

func (w *writer) subjectOf(to []byte) string {
	if subject, known := w.subjects[string(to)]; known {
		return subject
	}
	subject := subjectOf(string(to))
	if len(w.subjects) < maxNames {
		w.subjects[string(to)] = subject
	}
	return subject
}

// publish cuts a message into what NATS takes. Only the first part asks whether somebody is there.
func (w *writer) publish(subject, reply string, message []byte) error {
	if len(message) <= directBytes {
		return w.one(subject, reply, message)
	}
	most := max(min(int(w.e.conn.MaxPayload())-maxHead, partBytes), directBytes)
	var h head
	data, err := h.parse(message, map[string]string{w.e.name: w.e.name})
	if err != nil {
		panic(err) // it was written by this engine
	}
	for offset := 0; offset < len(data); offset += most {
		h.offset = offset
		w.part = append(h.append(w.part[:0]), data[offset:min(offset+most, len(data))]...)
		if err := w.one(subject, reply, w.part); err != nil {
			return err
		}
		reply = ""
	}
	return nil
}

// one publishes one message of NATS. There is no reply to what goes to all.
func (w *writer) one(subject, reply string, data []byte) error {
	if reply == "" {
		return w.e.conn.Publish(subject, data)
	}
	return w.e.conn.PublishRequest(subject, reply, data)
}

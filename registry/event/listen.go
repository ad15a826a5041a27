package event

import (
	"encoding/json"
	"sync/atomic"

	"weir/codec"
	"weir/registry/protocol"
)

// Filter is what a subscriptions/listen asks for (MCP 2026-07-28, basic/patterns/subscriptions).
type Filter struct {
	Tools     bool     `json:"toolsListChanged,omitempty"`
	Prompts   bool     `json:"promptsListChanged,omitempty"`
	Resources bool     `json:"resourcesListChanged,omitempty"`
	URIs      []string `json:"resourceSubscriptions,omitempty"`
	TaskIDs   []string `json:"taskIds,omitempty"` // SEP-2663
}

// Admits says why a filter is not read, before that is paid for: it is too long, or names more than one listen may
// watch (an unknown name is one too). raw is an object that codec.Scan has checked.
func (h *Hub) Admits(raw []byte) *codec.Error {
	if most := h.opt.MaxListenBytes; len(raw) > most {
		h.series.refused[limitListen].Inc()
		return errListenBytes(len(raw), most)
	}
	named := 0
	for off := 0; off >= 0; {
		key, value, next := codec.NextMember(raw, off)
		if next == 0 {
			return nil // the reader says what is wrong with it
		}
		if off = next; key == nil || value[0] != '[' {
			continue
		}
		for at := 0; at >= 0; named++ {
			element, next, err := codec.NextElement(value, at)
			if at = next; err != nil || element == nil {
				break
			}
			if named >= h.opt.MaxSubscriptionsPerClient {
				return h.refuse(limitClient)
			}
		}
	}
	return nil
}

// Listen makes the subscriber of a subscriptions/listen with this id, which is copied. It hears of the lists in wanted;
// the caller subscribes it to the rest and ends it if that fails. siblings counts the listens of its connection; nil:
// it is the only one there can be. peer may be nil.
func (h *Hub) Listen(id []byte, wanted *Filter, siblings *atomic.Int32, peer Peer) (*Subscriber, *codec.Error) {
	has := 0
	if siblings != nil {
		has = int(siblings.Load())
	}
	if e := h.take(has, listenBytes); e != nil {
		return nil, e
	}
	s := &Subscriber{hub: h, bytes: listenBytes, id: append([]byte(nil), id...), listens: siblings,
		lists: [protocol.ListCount]bool{wanted.Tools, wanted.Prompts, wanted.Resources}}
	if siblings != nil {
		siblings.Add(1)
	}
	h.CatchUp(&s.told)
	s.stream = &Stream{subscriber: s, peer: peer}
	return s, nil
}

// AppendAcknowledged appends the first message of a listen: what of its filter is honoured.
func (s *Subscriber) AppendAcknowledged(dst []byte, honoured *Filter) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{`...)
	dst = append(s.AppendMeta(dst), `,"notifications":`...)
	encoded, err := json.Marshal(honoured)
	if err != nil {
		panic(err) // booleans and strings
	}
	return append(append(dst, encoded...), "}}"...)
}

// AppendCancelled and AppendResult append the last two messages of a listen that the server ends. One page of MCP
// 2026-07-28 (basic/patterns/cancellation) demands the first, another (basic/patterns/subscriptions) the second.
func (s *Stream) AppendCancelled(dst []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{`...)
	dst = append(s.subscriber.AppendMeta(dst), `,"requestId":`...)
	dst = append(dst, s.subscriber.id...)
	return append(dst, `,"reason":"the server ends this subscription"}}`...)
}

// AppendResult appends what AppendCancelled says, with the server's own description.
func (s *Stream) AppendResult(dst []byte) []byte {
	id := s.subscriber.id
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), id...)
	dst = append(dst, `,"result":{"resultType":"complete","_meta":{"`+protocol.KeyServerInfo+`":`...)
	dst = append(dst, s.subscriber.hub.opt.Identity...)
	dst = append(dst, `,"`+protocol.KeySubscription+`":`...)
	dst = append(dst, id...)
	return append(dst, "}}}"...)
}

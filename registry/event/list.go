package event

import (
	"sync/atomic"

	"weir/registry/protocol"
)

// listChanged are the notifications of the legacy era, one per list.
var listChanged = func() (all [protocol.ListCount][]byte) {
	for list := range protocol.ListCount {
		all[list] = []byte(`{"jsonrpc":"2.0","method":"` + list.ChangedMethod() + `"}`)
	}
	return all
}()

// Told is which change of each list a client has heard of. Whoever has been told an older one than there is owes its
// client a notification, however many changes there were.
type Told [protocol.ListCount]atomic.Uint32

// ListChanged notes that a list has changed; the caller has the transports look whom it concerns.
func (h *Hub) ListChanged(list protocol.List) { h.lists[list].Add(1) }

// CatchUp makes a client that comes now owe nothing of what was before.
func (h *Hub) CatchUp(t *Told) {
	for list := range protocol.ListCount {
		t[list].Store(h.lists[list].Load())
	}
}

// AppendListChanged appends the notification of one changed list that t has not heard of, in the words of the legacy
// era; nothing when there is none. One goroutine at a time.
func (h *Hub) AppendListChanged(dst []byte, t *Told) []byte {
	for list := range protocol.ListCount {
		if now := h.lists[list].Load(); t[list].Load() != now {
			t[list].Store(now)
			return append(dst, listChanged[list]...)
		}
	}
	return dst
}

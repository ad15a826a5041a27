package event

import "sync/atomic"

// ListKind names a list that clients may keep and want to hear about when it changes.
type ListKind uint8

const (
	// Tools is the list of tools.
	Tools ListKind = iota
	// Prompts is the list of prompts.
	Prompts
	// Resources is the list of resources and that of resource templates: one notification stands for both.
	Resources
	// ListKinds is the length of arrays indexed by ListKind.
	ListKinds
)

// listNames are how lists are called in methods and, with a suffix, in the filter of a listen.
var listNames = [ListKinds]string{Tools: "tools", Prompts: "prompts", Resources: "resources"}

// listChanged are the notifications of the legacy era, one per kind.
var listChanged = func() (all [ListKinds][]byte) {
	for kind, name := range listNames {
		all[kind] = []byte(`{"jsonrpc":"2.0","method":"notifications/` + name + `/list_changed"}`)
	}
	return all
}()

// Told is which change of each list a client has heard of. Whoever has been told an older one than there is owes its client
// a notification, however many changes there were.
type Told [ListKinds]atomic.Uint32

// ListChanged notes that a list has changed; the caller has the transports look whom it concerns.
func (h *Hub) ListChanged(kind ListKind) { h.lists[kind].Add(1) }

// CatchUp makes a client that comes now owe nothing of what was before.
func (h *Hub) CatchUp(t *Told) {
	for kind := range ListKinds {
		t[kind].Store(h.lists[kind].Load())
	}
}

// AppendListChanged appends the notification of one changed list that t has not heard of, in the words of the legacy era;
// nothing when there is none. One goroutine at a time.
func (h *Hub) AppendListChanged(dst []byte, t *Told) []byte {
	for kind := range ListKinds {
		if now := h.lists[kind].Load(); t[kind].Load() != now {
			t[kind].Store(now)
			return append(dst, listChanged[kind]...)
		}
	}
	return dst
}

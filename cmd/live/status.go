package live

import (
	"weir/reactor"
	"weir/reactor/mount"
)

// holdersShown is how many of them are shown.
const holdersShown = 10

// Holder is a connection, or a session of HTTP, and where the bytes are that it holds; those that are 0 are left
// out. docs/OPERATING.md says what each is.
type Holder struct {
	Kind       string `json:"kind"`                // connection or session
	Transport  string `json:"transport,omitempty"` // of a connection
	Peer       string `json:"peer,omitempty"`
	Principal  string `json:"principal,omitempty"`
	Bytes      int    `json:"bytes"`
	Unfinished int    `json:"unfinished,omitempty"`
	Unread     int    `json:"unread,omitempty"`
	Kept       int    `json:"kept,omitempty"`
	Queued     int    `json:"queued,omitempty"`
	Suspended  int    `json:"suspended,omitempty"`
	Subscribed int    `json:"subscribed,omitempty"`
	Events     int    `json:"events,omitempty"`
	Cancelled  int    `json:"cancelled,omitempty"`
}

// Holders are those who make a server hold most, the largest first.
func Holders(s *reactor.Server) []Holder {
	shown := []Holder{}
	for _, h := range s.Holders(holdersShown) {
		kind := "connection"
		if h.Session {
			kind = "session"
		}
		shown = append(shown, Holder{Kind: kind, Transport: h.Transport, Peer: h.Peer, Principal: h.Principal,
			Bytes: h.Total(), Unfinished: h.Unfinished, Unread: h.Unread, Kept: h.Kept, Queued: h.Queued,
			Suspended: h.Suspended, Subscribed: h.Subscribed, Events: h.Events, Cancelled: h.Cancelled})
	}
	return shown
}

// Mount is one mount.
type Mount struct {
	Name      string `json:"name"`
	Up        bool   `json:"up"`
	Why       string `json:"why,omitempty"` // it is not, in the word of the metrics
	Tools     int    `json:"tools"`
	Prompts   int    `json:"prompts"`
	Resources int    `json:"resources"`
	InFlight  int    `json:"in_flight"`
	Waiting   int    `json:"waiting"`
	Breaker   string `json:"breaker"` // closed, half_open or open
}

// Mounts are all mounts.
func Mounts(now []mount.Status) []Mount {
	var shown []Mount
	for _, m := range now {
		shown = append(shown, Mount{m.Name, m.Up, m.Why, m.Tools, m.Prompts, m.Resources, m.InFlight, m.Waiting,
			m.Breaker.String()})
	}
	return shown
}

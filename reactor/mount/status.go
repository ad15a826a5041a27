package mount

import (
	"weir/reactor/mount/breaker"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/shelf"
)

// Status is a mount at one moment.
type Status struct {
	Name string
	Up   bool
	Why  string // why not; "" if it is
	// What is offered, also while it is not there; templates count as resources.
	Tools, Prompts, Resources int
	InFlight, Waiting         int
	ClientInFlight            int // of the client that has the most
	// RequestBytes are of calls that were not answered, AnswerBytes of answers that were not passed on.
	RequestBytes, AnswerBytes int
	ArrivingBytes             int // of answers over HTTP that have not come whole
	Breaker                   breaker.State
	Opened                    int // times that the breaker opened
	Connections               int // to a url
	Children                  int // beside the one that lists, of a mount that is not shared
}

// Status says how the mount does.
func (m *Mount) Status() Status {
	s := m.own()
	for _, child := range m.children.list() {
		c := child.own()
		s.Children++
		s.InFlight += c.InFlight
		s.Waiting += c.Waiting
		s.ClientInFlight = max(s.ClientInFlight, c.ClientInFlight)
		s.RequestBytes += c.RequestBytes
		s.Opened += c.Opened
		s.Connections += c.Connections
	}
	return s
}

// own is Status without children.
func (m *Mount) own() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{Name: m.name, Up: m.up != nil, Tools: m.part.Count(shelf.Tool), Prompts: m.part.Count(shelf.Prompt),
		Resources: m.part.Count(shelf.Resource) + m.part.Count(shelf.Template),
		InFlight:  m.table.Len(calls.Sent), Waiting: m.table.Waits(), ClientInFlight: m.table.MostOfAClient(),
		RequestBytes: m.table.Bytes(), AnswerBytes: int(m.answerBytes.Load()),
		ArrivingBytes: m.arriving.Bytes()}
	s.Breaker, s.Opened = m.breaker.State(), int(m.breaker.Opened)
	if m.talking != nil && m.talking.remote != nil {
		s.Connections = m.talking.remote.Connections()
	}
	if !s.Up {
		s.Why = m.why.String()
	}
	return s
}

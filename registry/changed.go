package registry

import "weir/registry/protocol"

// listChanged tells the clients of a list that it has changed: it is called once per change, on the goroutine that made
// it, when the change is visible and no lock of the list is held.
func (r *Registry) listChanged(list protocol.List) {
	r.events.ListChanged(list)
	if s := r.server.Load(); s != nil {
		(*s).ListsChanged()
	}
}

// ResourceUpdated tells the clients that subscribed to uri that reading it again would show something new. The uri need
// not be registered: a template may serve it, or it may be what a client subscribed to. Any goroutine; it never waits.
func (r *Registry) ResourceUpdated(uri string) {
	for _, sub := range r.topics.of(uri) {
		sub.Owe()
	}
}

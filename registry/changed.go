package registry

import "weir/registry/protocol"

// changeHooks is who hears of changes: the notifications of this server. Set them in New, before anything is registered;
// nil hears nothing. They are called from whatever goroutine changed something, under no lock of the registry, possibly
// several at once, and after the change is visible. They must not block.
type changeHooks struct {
	listChanged     func(kind protocol.List)
	resourceUpdated func(uri string)
}

// changed is called once per change of a list, after r.changing was released.
func (r *Registry) changed(kind protocol.List) {
	if r.hooks.listChanged != nil {
		r.hooks.listChanged(kind)
	}
}

// ResourceUpdated tells the clients that subscribed to uri that reading it again would show something new. The uri need
// not be registered: a template may serve it, or it may be what a client subscribed to. Any goroutine; it never waits.
func (r *Registry) ResourceUpdated(uri string) {
	if r.hooks.resourceUpdated != nil {
		r.hooks.resourceUpdated(uri)
	}
}

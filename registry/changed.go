package registry

// listKind names a list that clients may keep and want to hear about when it changes.
type listKind uint8

const (
	listTools listKind = iota
	listPrompts
	listResources // resources and resource templates: one notification stands for both
	listKinds
)

// changeHooks is who hears of changes: the notifications of this server. Set them in New, before anything is registered;
// nil hears nothing. They are called from whatever goroutine changed something, under no lock of the registry, possibly
// several at once, and after the change is visible. They must not block.
type changeHooks struct {
	listChanged     func(kind listKind)
	resourceUpdated func(uri string)
}

// changed is called once per change of a list, after r.changing was released.
func (r *Registry) changed(kind listKind) {
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

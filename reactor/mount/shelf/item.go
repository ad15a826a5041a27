package shelf

import (
	"fmt"

	"weir/registry/call"
	"weir/registry/handler"
	"weir/registry/offer"
)

// item is an entry as the registry has it. One may stand at both endpoints, if it has one name there.
type item struct {
	name  string
	addTo func(at *offer.Endpoint, replaces bool) error
}

func itemOf(now, public string, h *call.Handler, add func(at *offer.Endpoint) error) *item {
	h.Public = public
	return &item{name: now, addTo: func(at *offer.Endpoint, replaces bool) error {
		h.Replaces = replaces
		return add(at)
	}}
}

// make makes the item of an entry, which is called now at one of the endpoints.
func (p *Part) make(k Kind, name, now string, one *entry) (*item, error) {
	to, defaults, definition := one.to, p.of.engine.HandlerDefaults(), one.definition
	public := "" // its own name
	if now != one.names[0] {
		public = one.names[0]
	}
	switch k {
	case Tool:
		if len(now) > MaxNameBytes {
			return nil, fmt.Errorf("its name %q has %d bytes, models take %d: set a shorter prefix", now, len(now), MaxNameBytes)
		}
		t, err := handler.NewForwardedTool(now, p.naming.Tools.Describe[name], definition, to, defaults)
		if err != nil {
			return nil, err
		}
		return itemOf(now, public, &t.Handler, func(at *offer.Endpoint) error { return at.AddTool(t) }), nil
	case Prompt:
		prompt, err := handler.NewForwardedPrompt(now, definition, to, defaults)
		if err != nil {
			return nil, err
		}
		return itemOf(now, public, &prompt.Handler, func(at *offer.Endpoint) error { return at.AddPrompt(prompt) }), nil
	case Resource:
		r, err := handler.NewForwardedResource(definition, to, defaults)
		if err != nil {
			return nil, err
		}
		return itemOf(now, public, &r.Handler, func(at *offer.Endpoint) error { return at.AddResource(r) }), nil
	}
	t, err := handler.NewForwardedTemplate(definition, to, defaults)
	if err != nil {
		return nil, err
	}
	return itemOf(now, public, &t.Handler, func(at *offer.Endpoint) error { return at.AddTemplate(t) }), nil
}

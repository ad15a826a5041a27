package offer

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/fault"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/protocol"
)

// Offer is everything that is offered. Safe for concurrent use.
type Offer struct {
	Tools     *feature.Set[*handler.Tool]
	Prompts   *feature.Set[*handler.Prompt]
	Resources *feature.Set[*handler.Resource]
	Templates *feature.Set[*handler.Template]
}

// Rules bound an offer, and say who hears of its changes.
type Rules struct {
	// Partitions is into how many independently locked parts a table is cut, 1 or more.
	Partitions                                       int
	MaxTools, MaxPrompts, MaxResources, MaxTemplates int
	// Changed is called after every change of a list, as feature.Rules says.
	Changed func(list protocol.List)
	// Bind and Unbind are called with a tool that comes and one that is gone, as feature.Rules says.
	Bind, Unbind func(t *handler.Tool)
}

// New makes an offer of nothing.
func New(r Rules) *Offer {
	hear := func(list protocol.List) func() { return func() { r.Changed(list) } }
	return &Offer{
		Tools: feature.NewSet(feature.Rules[*handler.Tool]{Partitions: r.Partitions, Limit: "max_tools", Most: r.MaxTools,
			Changed: hear(protocol.ListTools), Bind: r.Bind, Unbind: r.Unbind}),
		Prompts: feature.NewSet(feature.Rules[*handler.Prompt]{Partitions: r.Partitions, Limit: "max_prompts",
			Most: r.MaxPrompts, Changed: hear(protocol.ListPrompts)}),
		Resources: feature.NewSet(feature.Rules[*handler.Resource]{Partitions: r.Partitions, Limit: "max_resources",
			Most: r.MaxResources, Changed: hear(protocol.ListResources)}),
		Templates: feature.NewSet(feature.Rules[*handler.Template]{Partitions: 1, Limit: "max_resource_templates",
			Most: r.MaxTemplates, Changed: hear(protocol.ListResources)}),
	}
}

// Match returns the template that could expand to uri, or nil; of several, the one that says most about it.
func (o *Offer) Match(uri []byte) *handler.Template {
	var best *handler.Template
	for _, t := range o.Templates.All() {
		if (best == nil || t.Pattern.Says() > best.Pattern.Says()) && t.Pattern.Matches(uri) {
			best = t
		}
	}
	return best
}

// Source is the resource with this URI, or the template that matches it; nil if there is neither.
func (o *Offer) Source(uri []byte) *handler.Resource {
	if r, ok := o.Resources.Get(uri); ok {
		return r
	}
	if t := o.Match(uri); t != nil {
		return &t.Resource
	}
	return nil
}

// Completer is the other server that completes what ref, the reference of a completion/complete, is to; nil: it is to
// nothing of another server's.
func (o *Offer) Completer(ref []byte) call.Forwarder {
	of, _ := codec.StringOf(codec.Member(ref, "type"))
	switch string(of) {
	case handler.RefPrompt:
		name, _ := codec.StringOf(codec.Member(ref, "name"))
		if p, ok := o.Prompts.Get(name); ok {
			return p.Forward
		}
	case handler.RefResource:
		uri, ok := codec.StringOf(codec.Member(ref, "uri"))
		if !ok || len(uri) > protocol.MaxURIBytes {
			return nil
		}
		if t, ok := o.Templates.Get(uri); ok {
			return t.Forward
		}
		if source := o.Source(uri); source != nil {
			return source.Forward
		}
	}
	return nil
}

// CheckReference finds what the argument is an argument of. A resource may be named by its template, or by a URI (MCP
// 2026-07-28, server/utilities/completion, data types).
func (o *Offer) CheckReference(ref *mcp.CompleteReference, argument string) *codec.Error {
	if ref.Type == handler.RefPrompt {
		p, ok := o.Prompts.Get([]byte(ref.Name))
		if !ok {
			return fault.Unknown("prompt", ref.Name)
		}
		if !p.Takes(argument) {
			return fault.Unknown("argument", argument)
		}
		return nil
	}
	uri := []byte(ref.URI)
	t, ok := o.Templates.Get(uri)
	if !ok {
		if _, ok := o.Resources.Get(uri); ok {
			return nil
		}
		if t = o.Match(uri); t == nil {
			return fault.Unknown("resource template", ref.URI)
		}
	}
	if !t.Pattern.Names(argument) {
		return fault.Unknown("argument", argument)
	}
	return nil
}

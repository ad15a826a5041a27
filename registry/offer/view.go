package offer

import (
	"net/url"
	"path"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/event"
	"weir/registry/fault"
	"weir/registry/feature"
	"weir/registry/finder"
	"weir/registry/handler"
	"weir/registry/protocol"
)

// View is what one client is offered at an endpoint: everything, or what its principal may see. Safe for concurrent
// use.
type View struct {
	Tools     *feature.Set[*handler.Tool]
	Prompts   *feature.Set[*handler.Prompt]
	Resources *feature.Set[*handler.Resource]
	Templates *feature.Set[*handler.Template]
	// Search is what stands for tools in the list, where it is too long.
	Search *finder.View
	// Hub is where changes of these lists are told.
	Hub *event.Hub

	at   *Endpoint
	only *Options // what is in it; nil: everything
}

// At is the endpoint of the view.
func (v *View) At() *Endpoint { return v.at }

// Path is what stands behind the path of the main endpoint at that of v; nil is at the main one.
func (v *View) Path() string {
	if v == nil || v.at.IsMain() {
		return ""
	}
	return "/" + v.at.name
}

// Hides says whether what is at a URI is not for who has this view, also where a template of its would find it, and
// where it is written in another way.
func (v *View) Hides(uri []byte) bool {
	if v.only == nil || len(v.only.Resources.Deny) == 0 {
		return false
	}
	deny, as := v.only.Resources.Deny, string(uri)
	return matchesAny(deny, as) || matchesAny(deny, plain(as))
}

// plain is a URI as who serves it may read it: with a scheme in small letters, and without escapes and segments of dots
// (RFC 3986 6.2.2).
func plain(uri string) string {
	if unescaped, err := url.PathUnescape(uri); err == nil {
		uri = unescaped
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return uri
	}
	return strings.ToLower(scheme) + "://" + path.Clean(rest)
}

// Hears says whether a client with this view may hear of updates of the resource at uri. At the main endpoint that may
// be any, also one that there will be; else it is one that the view has, or a template of its may begin like.
func (v *View) Hears(uri []byte) bool {
	if v.only == nil && v.at.IsMain() {
		return true
	}
	if v.Hides(uri) {
		return false
	}
	if _, ok := v.Resources.Get(uri); ok {
		return true
	}
	for _, t := range v.Templates.All() {
		if t.Pattern.Begins(uri) {
			return true
		}
	}
	return false
}

// Match returns the template that could expand to uri, or nil; of several, the one that says most about it.
func (v *View) Match(uri []byte) *handler.Template {
	if v.Hides(uri) {
		return nil
	}
	var best *handler.Template
	for _, t := range v.Templates.All() {
		if (best == nil || t.Pattern.Says() > best.Pattern.Says()) && t.Pattern.Matches(uri) {
			best = t
		}
	}
	return best
}

// Source is the resource with this URI, or the template that matches it; nil if there is neither.
func (v *View) Source(uri []byte) *handler.Resource {
	if r, ok := v.Resources.Get(uri); ok {
		return r
	}
	if t := v.Match(uri); t != nil {
		return &t.Resource
	}
	return nil
}

// Completer is the other server that completes what ref, the reference of a completion/complete, is to; nil: it is to
// nothing of another server's.
func (v *View) Completer(ref []byte) call.Forwarder {
	of, _ := codec.StringOf(codec.Member(ref, "type"))
	switch string(of) {
	case handler.RefPrompt:
		name, _ := codec.StringOf(codec.Member(ref, "name"))
		if p, ok := v.Prompts.Get(name); ok {
			return p.Forward
		}
	case handler.RefResource:
		uri, ok := codec.StringOf(codec.Member(ref, "uri"))
		if !ok || len(uri) > protocol.MaxURIBytes {
			return nil
		}
		if t, ok := v.Templates.Get(uri); ok {
			return t.Forward
		}
		if source := v.Source(uri); source != nil {
			return source.Forward
		}
	}
	return nil
}

// CheckReference finds what the argument is an argument of. A resource may be named by its template, or by a URI (MCP
// 2026-07-28, server/utilities/completion, data types).
func (v *View) CheckReference(ref *mcp.CompleteReference, argument string) *codec.Error {
	if ref.Type == handler.RefPrompt {
		p, ok := v.Prompts.Get([]byte(ref.Name))
		if !ok {
			return fault.Unknown("prompt", ref.Name)
		}
		if !p.Takes(argument) {
			return fault.Unknown("argument", argument)
		}
		return nil
	}
	uri := []byte(ref.URI)
	t, ok := v.Templates.Get(uri)
	if !ok {
		if _, ok := v.Resources.Get(uri); ok {
			return nil
		}
		if t = v.Match(uri); t == nil {
			return fault.Unknown("resource template", ref.URI)
		}
	}
	if !t.Pattern.Names(argument) {
		return fault.Unknown("argument", argument)
	}
	return nil
}

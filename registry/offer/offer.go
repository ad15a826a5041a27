package offer

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"weir/registry/call"
	"weir/registry/event"
	"weir/registry/feature"
	"weir/registry/finder"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/result"
)

// Offer is everything that is offered, wherever clients come to. Safe for concurrent use.
type Offer struct {
	rules Rules
	main  *Endpoint

	opening sync.Mutex // held while endpoints come or go
	named   atomic.Pointer[map[string]*Endpoint]

	views []*Options     // in the order of their names, and behind them that of who is in none
	of    map[string]int // which is a principal's
	rest  int            // that of all others
}

// Endpoint is one place that clients come to, and what is offered there.
type Endpoint struct {
	*View // everything
	*result.Greeter

	of    *Offer
	name  string  // "" is the main one
	views []*View // as Offer.views; nil: everybody sees everything
}

// Rules bound an offer, and say who hears of its changes.
type Rules struct {
	// Partitions is into how many independently locked parts a table of the main endpoint is cut, 1 or more.
	Partitions                                       int
	MaxTools, MaxPrompts, MaxResources, MaxTemplates int
	// Views are what principals see, by their names. None: everybody sees everything.
	Views map[string]*Options
	// Hub tells who listens at the main endpoint of changes, and lends its bounds to the others.
	Hub *event.Hub
	// Finder is what the views' searches have in common.
	Finder *finder.Finder
	// Results encodes what clients are greeted with.
	Results *result.Encoder
	// Changed is called after every change of a list, as feature.Rules says.
	Changed func()
	// Bind and Unbind are called with an entry that comes and one that is gone, as feature.Rules says. t is the tool that
	// it is, nil of any other kind.
	Bind, Unbind func(at *Endpoint, h *call.Handler, t *handler.Tool, list protocol.List)
}

// partitions of the tables that belong to one mount, or to some principals.
const partitions = 8

// New makes an offer of nothing.
func New(r Rules) *Offer {
	o := &Offer{rules: r, of: map[string]int{}}
	for i, name := range slices.Sorted(maps.Keys(r.Views)) {
		o.views = append(o.views, r.Views[name])
		for _, principal := range r.Views[name].Principals {
			o.of[principal] = i
		}
	}
	if len(r.Views) > 0 {
		nothing := Filter{Deny: []string{"*"}}
		o.rest = len(o.views)
		if i, has := o.of[everybody]; has {
			o.rest = i
		}
		delete(o.of, everybody)
		o.views = append(o.views, &Options{Tools: nothing, Prompts: nothing, Resources: nothing})
	}
	o.named.Store(&map[string]*Endpoint{})
	o.main = o.newEndpoint("")
	return o
}

// Main is the endpoint at which everything is offered.
func (o *Offer) Main() *Endpoint { return o.main }

// Find is the endpoint of that name; nil: there is none. The name need not be kept.
func (o *Offer) Find(name []byte) *Endpoint { return (*o.named.Load())[string(name)] }

// Open is the endpoint of that name, made if there is none.
func (o *Offer) Open(name string) *Endpoint {
	o.opening.Lock()
	defer o.opening.Unlock()
	was := *o.named.Load()
	if e := was[name]; e != nil {
		return e
	}
	now, e := maps.Clone(was), o.newEndpoint(name)
	now[name] = e
	o.named.Store(&now)
	return e
}

// Close has there be no endpoint of that name. Who is connected to it stays so, and is offered what is left there.
func (o *Offer) Close(name string) {
	o.opening.Lock()
	defer o.opening.Unlock()
	now := maps.Clone(*o.named.Load())
	delete(now, name)
	o.named.Store(&now)
}

// For is what principal is offered at the endpoint of a view; nil: at the main one.
func (o *Offer) For(at *View, principal string) *View {
	if at == nil {
		return o.main.For(principal)
	}
	return at.at.For(principal)
}

// IsMain says whether everything is offered at the endpoint.
func (e *Endpoint) IsMain() bool { return e.name == "" }

// For is what principal is offered at the endpoint.
func (e *Endpoint) For(principal string) *View {
	if e.views == nil {
		return e.View
	}
	if i, has := e.of.of[principal]; has {
		return e.views[i]
	}
	return e.views[e.of.rest]
}

func (o *Offer) newEndpoint(name string) *Endpoint {
	e := &Endpoint{of: o, name: name, Greeter: result.NewGreeter(o.rules.Results)}
	for _, only := range o.views {
		e.views = append(e.views, e.newView(only, o.rules.Hub.Branch(), partitions))
	}
	if name == "" {
		e.View = e.newView(nil, o.rules.Hub, o.rules.Partitions)
	} else {
		e.View = e.newView(nil, o.rules.Hub.Branch(), partitions)
	}
	return e
}

func (e *Endpoint) newView(only *Options, hub *event.Hub, partitions int) *View {
	r := &e.of.rules
	v := &View{at: e, only: only, Hub: hub, Search: r.Finder.View()}
	v.Tools = newSet(v, toolKind, r.MaxTools, partitions)
	v.Prompts = newSet(v, promptKind, r.MaxPrompts, partitions)
	v.Resources = newSet(v, resourceKind, r.MaxResources, partitions)
	v.Templates = newSet(v, templateKind, r.MaxTemplates, 1)
	return v
}

// kind is what tells the entries of one kind from others.
type kind[E feature.Entry] struct {
	list    protocol.List
	limit   string
	set     func(*View) *feature.Set[E]
	filter  func(*Options) *Filter
	handler func(E) (*call.Handler, *handler.Tool)
}

var (
	toolKind = kind[*handler.Tool]{protocol.ListTools, "max_tools",
		func(v *View) *feature.Set[*handler.Tool] { return v.Tools },
		func(o *Options) *Filter { return &o.Tools },
		func(t *handler.Tool) (*call.Handler, *handler.Tool) { return &t.Handler, t }}
	promptKind = kind[*handler.Prompt]{protocol.ListPrompts, "max_prompts",
		func(v *View) *feature.Set[*handler.Prompt] { return v.Prompts },
		func(o *Options) *Filter { return &o.Prompts },
		func(p *handler.Prompt) (*call.Handler, *handler.Tool) { return &p.Handler, nil }}
	resourceKind = kind[*handler.Resource]{protocol.ListResources, "max_resources",
		func(v *View) *feature.Set[*handler.Resource] { return v.Resources },
		func(o *Options) *Filter { return &o.Resources },
		func(s *handler.Resource) (*call.Handler, *handler.Tool) { return &s.Handler, nil }}
	templateKind = kind[*handler.Template]{protocol.ListResources, "max_resource_templates",
		func(v *View) *feature.Set[*handler.Template] { return v.Templates },
		func(o *Options) *Filter { return &o.Resources },
		func(t *handler.Template) (*call.Handler, *handler.Tool) { return &t.Handler, nil }}
)

// newSet makes the entries of one kind in a view. What comes to all of an endpoint, or goes, does so in each of its
// views that shows it.
func newSet[E feature.Entry](v *View, k kind[E], most, partitions int) *feature.Set[E] {
	e, r := v.at, &v.at.of.rules
	rules := feature.Rules[E]{Partitions: partitions, Limit: k.limit, Most: most, Changed: func() {
		if v.only == nil {
			e.Declare(declare[k.list])
		}
		v.Hub.ListChanged(k.list)
		r.Changed()
	}}
	if v.only != nil {
		return feature.NewSet(rules)
	}
	rules.Bind = func(one E) {
		h, t := k.handler(one)
		r.Bind(e, h, t, k.list)
		for _, view := range e.views {
			if k.filter(view.only).Allows(cmp.Or(h.Public, h.Name)) {
				_ = k.set(view).Replace(one) // there is room: it holds no more than the endpoint may
			} else {
				k.set(view).Remove([]string{h.Name})
			}
		}
	}
	rules.Unbind = func(one E) {
		h, t := k.handler(one)
		r.Unbind(e, h, t, k.list)
		for _, view := range e.views {
			k.set(view).Remove([]string{h.Name})
		}
	}
	return feature.NewSet(rules)
}

// declare says in a greeting that there is a list. Lists of tools are declared from the beginning, the others when they
// have something.
var declare = [protocol.ListCount]func(*result.Offered){
	protocol.ListTools:     func(*result.Offered) {},
	protocol.ListPrompts:   func(offered *result.Offered) { offered.Prompts = true },
	protocol.ListResources: func(offered *result.Offered) { offered.Resources = true },
}

// AddTool offers a tool. The error is that there is no room, or that its name is taken (Handler.Replaces).
func (e *Endpoint) AddTool(t *handler.Tool) error { return put(e.Tools, t, &t.Handler) }

// AddPrompt offers a prompt; errors as for AddTool.
func (e *Endpoint) AddPrompt(p *handler.Prompt) error { return put(e.Prompts, p, &p.Handler) }

// AddResource offers a resource; errors as for AddTool.
func (e *Endpoint) AddResource(s *handler.Resource) error { return put(e.Resources, s, &s.Handler) }

// AddTemplate offers a resource template; errors as for AddTool.
func (e *Endpoint) AddTemplate(t *handler.Template) error { return put(e.Templates, t, &t.Handler) }

// put puts an entry where its clients find it.
func put[E feature.Entry](set *feature.Set[E], e E, h *call.Handler) error {
	if h.Replaces {
		return set.Replace(e)
	}
	return set.Add(e)
}

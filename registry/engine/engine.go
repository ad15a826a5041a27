package engine

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/event"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/input"
	"weir/registry/meter"
	"weir/registry/protocol"
	"weir/registry/result"
	"weir/registry/session"
	"weir/registry/task"
)

// Engine is one server's side of MCP. Create it with New, give it something to offer, then hand it messages; more may
// be added and removed while it serves. All methods are safe for concurrent use.
type Engine struct {
	opt   Options
	seed  maphash.Seed // of id hashes: peers choose ids, so they must not be able to choose collisions
	epoch time.Time    // session times are counted from here, monotonically
	m     meter.Meter

	tools          *feature.Set[*handler.Tool]
	prompts        *feature.Set[*handler.Prompt]
	resources      *feature.Set[*handler.Resource]
	templates      *feature.Set[*handler.Template]
	sessions       *session.Table[*Call]
	clientRequests *clientreq.Table
	inputs         input.Requester // what handlers ask of clients
	events         *event.Hub
	tasks          *task.Table
	tasksOffered   atomic.Bool // some tool has tasks

	server atomic.Pointer[Server] // nil: there is none
	topics event.Topics           // who subscribes to a resource

	completion atomic.Pointer[handler.Completion] // nil: there is none

	ownSessions *call.Sessions // of handlers that are not adopted

	results *result.Encoder
	greeter *result.Greeter
}

// New makes an engine that offers nothing yet. The options are checked by who has them from outside.
func New(opt Options) *Engine {
	eng := &Engine{opt: opt, seed: maphash.MakeSeed(), epoch: time.Now()}
	eng.makeSets()
	eng.results = result.NewEncoder(opt.Results)
	eng.greeter = result.NewGreeter(eng.results)
	eng.m.Init(opt.Metrics, methodNames(), eng.tools)
	opt.ClientRequests.Epoch, opt.ClientRequests.Metrics = eng.epoch, opt.Metrics
	eng.clientRequests = clientreq.NewTable(opt.ClientRequests)
	eng.inputs = input.Requester{Requests: eng.clientRequests, Results: eng.results,
		Sealer: clientreq.NewSealer(opt.StateKey, opt.StateTTL, opt.Metrics)}
	eng.ownSessions = call.NewOwnSessions(eng.inputs.Wait)
	opt.Events.Epoch, opt.Events.Identity, opt.Events.Metrics = eng.epoch, eng.results.Identity(), opt.Metrics
	eng.events = event.NewHub(opt.Events)
	opt.Sessions.Partitions, opt.Sessions.Epoch = opt.Partitions, eng.epoch
	opt.Sessions.Events, opt.Sessions.Metrics = eng.events, opt.Metrics
	eng.sessions = session.NewTable[*Call](opt.Sessions)
	eng.tasks = task.NewTable(&eng.opt.Tasks, opt.Partitions, opt.Metrics)
	return eng
}

// Identity is the name and version by which the server is known.
func (eng *Engine) Identity() (name, version string) {
	return eng.opt.Results.Name, eng.opt.Results.Version
}

// makeSets makes the sets of what is offered, empty.
func (eng *Engine) makeSets() {
	hear := func(list protocol.List, add func(*result.Offered)) func() {
		return func() {
			eng.greeter.Declare(add)
			eng.listChanged(list)
		}
	}
	prompts := func(offered *result.Offered) { offered.Prompts = true }
	resources := func(offered *result.Offered) { offered.Resources = true }
	o := &eng.opt
	eng.tools = feature.NewSet(feature.Rules[*handler.Tool]{Partitions: o.Partitions,
		Limit: "max_tools", Most: o.MaxTools,
		Changed: func() { eng.listChanged(protocol.ListTools) },
		Bind: func(t *handler.Tool) {
			t.Handler.Series = eng.m.Tool(&t.Handler, t.Forward != nil, limiterOf(&t.Handler, o))
		},
		Unbind: func(t *handler.Tool) { eng.m.Drop(&t.Handler) }})
	eng.prompts = feature.NewSet(feature.Rules[*handler.Prompt]{Partitions: o.Partitions,
		Limit: "max_prompts", Most: o.MaxPrompts, Changed: hear(protocol.ListPrompts, prompts)})
	eng.resources = feature.NewSet(feature.Rules[*handler.Resource]{Partitions: o.Partitions,
		Limit: "max_resources", Most: o.MaxResources, Changed: hear(protocol.ListResources, resources)})
	eng.templates = feature.NewSet(feature.Rules[*handler.Template]{Partitions: 1,
		Limit: "max_resource_templates", Most: o.MaxResourceTemplates, Changed: hear(protocol.ListResources, resources)})
}

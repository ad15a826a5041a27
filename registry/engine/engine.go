package engine

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/event"
	"weir/registry/finder"
	"weir/registry/handler"
	"weir/registry/input"
	"weir/registry/meter"
	"weir/registry/offer"
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

	offer          *offer.Offer
	view           *finder.View // of the tools that are offered
	sessions       *session.Table[*Call]
	clientRequests *clientreq.Table
	inputs         input.Requester // what handlers ask of clients
	events         *event.Hub
	tasks          *task.Table
	tasksOffered   atomic.Bool // some tool has tasks

	server atomic.Pointer[Server] // nil: there is none
	topics event.Topics           // who subscribes to a resource

	away    call.Forwarder // answers the calls of tools that are not another server's (away.go); nil: they are run here
	noTasks bool           // none are offered, whatever the tools say

	completion atomic.Pointer[handler.Completion] // nil: there is none

	ownSessions *call.Sessions // of handlers that are not adopted

	results *result.Encoder
	greeter *result.Greeter
}

// New makes an engine that offers nothing yet. The options are checked by who has them from outside.
func New(opt Options) *Engine {
	eng := &Engine{opt: opt, seed: maphash.MakeSeed(), epoch: time.Now()}
	eng.offer = eng.newOffer()
	eng.results = result.NewEncoder(opt.Results)
	eng.greeter = result.NewGreeter(eng.results)
	eng.m.Init(opt.Metrics, methodNames(), eng.offer.Tools)
	opt.ClientRequests.Epoch, opt.ClientRequests.Metrics = eng.epoch, opt.Metrics
	eng.clientRequests = clientreq.NewTable(opt.ClientRequests)
	eng.inputs = input.Requester{Requests: eng.clientRequests, Results: eng.results,
		Sealer: clientreq.NewSealer(opt.StateKey, opt.StateTTL, opt.Metrics)}
	eng.ownSessions = call.NewOwnSessions(eng.inputs.Wait)
	eng.view = finder.New(&eng.opt.Search, eng.HandlerDefaults(), eng.m.Own, opt.Metrics).View()
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

// newOffer makes what is offered, which is nothing yet. Lists of tools are declared from the beginning, the others when
// they have something.
func (eng *Engine) newOffer() *offer.Offer {
	o := &eng.opt
	declare := [protocol.ListCount]func(*result.Offered){
		protocol.ListTools:     func(*result.Offered) {},
		protocol.ListPrompts:   func(offered *result.Offered) { offered.Prompts = true },
		protocol.ListResources: func(offered *result.Offered) { offered.Resources = true },
	}
	return offer.New(offer.Rules{Partitions: o.Partitions, MaxTools: o.MaxTools, MaxPrompts: o.MaxPrompts,
		MaxResources: o.MaxResources, MaxTemplates: o.MaxResourceTemplates,
		Changed: func(list protocol.List) {
			eng.greeter.Declare(declare[list])
			eng.listChanged(list)
		},
		Bind: func(t *handler.Tool) {
			eng.sendAway(t)
			t.Handler.Series = eng.m.Tool(&t.Handler, t.Forward != nil, eng.limiterOf(&t.Handler))
		},
		Unbind: func(t *handler.Tool) { eng.m.Drop(&t.Handler) }})
}

package engine

import (
	"cmp"
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
}

// New makes an engine that offers nothing yet. The options are checked by who has them from outside.
func New(opt Options) *Engine {
	eng := &Engine{opt: opt, seed: maphash.MakeSeed(), epoch: time.Now()}
	eng.results = result.NewEncoder(opt.Results)
	opt.Events.Epoch, opt.Events.Identity, opt.Events.Metrics = eng.epoch, eng.results.Identity(), opt.Metrics
	eng.events = event.NewHub(opt.Events)
	opt.ClientRequests.Epoch, opt.ClientRequests.Metrics = eng.epoch, opt.Metrics
	eng.clientRequests = clientreq.NewTable(opt.ClientRequests)
	eng.inputs = input.Requester{Requests: eng.clientRequests, Results: eng.results,
		Sealer: clientreq.NewSealer(opt.StateKey, opt.StateTTL, opt.Metrics)}
	eng.ownSessions = call.NewOwnSessions(eng.inputs.Wait)
	eng.offer = eng.newOffer()
	eng.m.Init(opt.Metrics, methodNames(), eng.offer.Main().Tools)
	opt.Sessions.Partitions, opt.Sessions.Epoch, opt.Sessions.Metrics = opt.Partitions, eng.epoch, opt.Metrics
	eng.sessions = session.NewTable[*Call](opt.Sessions)
	eng.tasks = task.NewTable(&eng.opt.Tasks, opt.Partitions, opt.Metrics)
	return eng
}

// Identity is the name and version by which the server is known.
func (eng *Engine) Identity() (name, version string) {
	return eng.opt.Results.Name, eng.opt.Results.Version
}

// newOffer makes what is offered, which is nothing yet. Each entry is given the series that its calls count in.
func (eng *Engine) newOffer() *offer.Offer {
	o := &eng.opt
	return offer.New(offer.Rules{Partitions: o.Partitions, MaxTools: o.MaxTools, MaxPrompts: o.MaxPrompts,
		MaxResources: o.MaxResources, MaxTemplates: o.MaxResourceTemplates, Views: o.Views,
		Hub: eng.events, Results: eng.results, Changed: eng.listsChanged,
		Finder: finder.New(&o.Search, eng.HandlerDefaults(), eng.m.Own, o.Metrics),
		Bind: func(at *offer.Endpoint, h *call.Handler, t *handler.Tool, list protocol.List) {
			switch {
			case h.Series != nil: // it stands at the main endpoint too, under the same name
			case t != nil && at.IsMain():
				h.Series = eng.m.Tool(h, t.Forward != nil, h.Limiter(o.AdaptiveConcurrency, o.Concurrency))
			case t != nil:
				h.Series = eng.m.Elsewhere()
				if same, ok := eng.offer.Main().Tools.Get([]byte(cmp.Or(h.Public, h.Name))); ok && same.Forward == t.Forward {
					h.Series = same.Handler.Series
				}
			case list == protocol.ListPrompts:
				h.Series = eng.m.Prompts
			default:
				h.Series = eng.m.Reads
			}
		},
		Unbind: func(at *offer.Endpoint, h *call.Handler, t *handler.Tool, _ protocol.List) {
			if t != nil && at.IsMain() {
				eng.m.Drop(h)
			}
		}})
}

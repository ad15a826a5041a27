package registry

import (
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/codec"
	"weir/registry/clientreq"
	"weir/registry/event"
	"weir/registry/feature"
	"weir/registry/protocol"
	"weir/registry/session"
	"weir/registry/task"
)

// Registry is what one server offers. Create it with New, register tools, then hand it messages; tools may also be
// added and removed while it serves. All methods are safe for concurrent use.
type Registry struct {
	opt   Options
	seed  maphash.Seed // of id hashes: peers choose ids, so they must not be able to choose collisions
	epoch time.Time    // session times are counted from here, monotonically
	m     seriesSet

	tools          *feature.Set[*tool]
	prompts        *feature.Set[*prompt]
	resources      *feature.Set[*resource]
	templates      *feature.Set[*template]
	sessions       *session.Table[*Exchange]
	sealer         *clientreq.Sealer // of requestState
	timedOut       atomic.Int64      // handlers that run although their calls were ended
	clientRequests *clientreq.Table
	events         *event.Hub
	tasks          *task.Table
	tasksOffered   atomic.Bool // some tool has tasks

	server atomic.Pointer[Server] // nil: there is none
	topics topics

	completion atomic.Pointer[completion] // nil: there is none

	prepared  preparedAnswers
	greetings atomic.Pointer[greetings]
	declaring sync.Mutex // guards declared and who writes greetings
	declared  capability // set of capabilities
}

// New makes an empty registry. The error joins everything that Validate found.
func New(opt Options) (*Registry, error) {
	if errs := opt.Validate(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if opt.Metrics == nil {
		opt.Metrics = metrics.NewSet()
	}
	r := &Registry{opt: opt, seed: maphash.MakeSeed(), epoch: time.Now()}
	r.makeSets()
	r.prepared = prepareAnswers(&r.opt)
	r.m = newSeries(r)
	r.sealer = clientreq.NewSealer(opt.StateKey, opt.StateTTL, opt.Metrics)
	r.clientRequests = clientreq.NewTable(clientreq.Options{
		Max: opt.MaxClientRequests, MaxPerClient: opt.MaxClientRequestsPerClient, MaxBytes: opt.MaxClientRequestBytes,
		Timeout: opt.ClientRequestTimeout, Epoch: r.epoch, Metrics: opt.Metrics,
	})
	r.events = event.NewHub(event.Options{
		MaxSubscriptions: opt.MaxSubscriptions, MaxSubscriptionsPerClient: opt.MaxSubscriptionsPerClient,
		MaxEventStoreEvents: opt.MaxEventStoreEvents, MaxEventStoreBytes: opt.MaxEventStoreBytes,
		MaxEventStoreTotalBytes: opt.MaxEventStoreTotalBytes, Epoch: r.epoch, Identity: r.prepared.identity, Metrics: opt.Metrics,
	})
	r.sessions = session.NewTable[*Exchange](session.Options{
		Partitions: opt.Partitions, Max: opt.MaxSessions, Idle: opt.SessionIdleTimeout, MaxAge: opt.MaxSessionAge,
		EventTTL: opt.EventStoreTTL, Epoch: r.epoch, Events: r.events, Metrics: opt.Metrics,
	})
	r.tasks = task.NewTable(&r.opt.Tasks, opt.Partitions, r.m.set)
	r.greet()
	return r, nil
}

// makeSets makes the sets of what is offered, empty.
func (r *Registry) makeSets() {
	hear := func(list protocol.List, c capability) func() {
		return func() {
			if c != 0 {
				r.declare(c)
			}
			r.listChanged(list)
		}
	}
	o := &r.opt
	r.tools = feature.NewSet(feature.Rules[*tool]{Partitions: o.Partitions, Limit: "max_tools", Most: o.MaxTools,
		Changed: hear(protocol.ListTools, 0),
		Bind:    func(t *tool) { t.series = newToolSeries(r.m.set, t.Name) },
		Unbind:  func(t *tool) { dropToolSeries(r.m.set, t.Name) }})
	r.prompts = feature.NewSet(feature.Rules[*prompt]{Partitions: o.Partitions, Limit: "max_prompts", Most: o.MaxPrompts,
		Changed: hear(protocol.ListPrompts, capabilityPrompts)})
	r.resources = feature.NewSet(feature.Rules[*resource]{Partitions: o.Partitions,
		Limit: "max_resources", Most: o.MaxResources, Changed: hear(protocol.ListResources, capabilityResources)})
	r.templates = feature.NewSet(feature.Rules[*template]{Partitions: 1,
		Limit: "max_resource_templates", Most: o.MaxResourceTemplates, Changed: hear(protocol.ListResources,
			capabilityResources)})
}

// Route decides about a scanned message on the event loop: era, revision, session, method, tool. It sets x.Outcome, for
// HTTP sessions x.Conv, and returns where the message is to be dispatched. What it refuses is class Inline, and
// Dispatch appends the refusal. It never waits, and allocates only to say no.
//
// x.Env must come from codec.Scan without error; for HTTP, x.Header is read now and not again.
func (r *Registry) Route(x *Exchange) Class {
	x.Outcome = Answered
	var row *method
	if x.Env.Kind != codec.KindResponse {
		row = methodOf(&x.Env, x.Raw)
	}
	if x.modern = x.isModern(row); x.modern {
		return r.routeModern(x, row)
	}
	return r.routeLegacy(x, row)
}

// routeModern judges a message that carries everything with it (MCP 2026-07-28). Sessions are ignored.
func (r *Registry) routeModern(x *Exchange, row *method) Class {
	x.revision = protocol.LatestRevision
	if x.Transport == HTTP {
		x.Conv = nil
	}
	if x.Env.Kind != codec.KindRequest {
		// Header and _meta rules are for requests; nothing a client may notify over HTTP means anything here.
		return r.accept(x, row)
	}
	if x.InBatch {
		return x.refuse(Invalid, errModernInBatch)
	}
	if e := checkModern(x); e != nil {
		return x.refuse(Invalid, e)
	}
	if row == nil || row.revisions&x.rev().Set == 0 {
		return x.refuse(UnknownMethod, protocol.MethodNotFound(x.Env.Method.Of(x.Raw)))
	}
	if x.Transport == HTTP {
		if e := x.Header.CheckName(x.Raw, &x.Env, row.mirror); e != nil {
			return x.refuse(Invalid, e)
		}
	}
	return r.routeRow(x, row)
}

// checkModern finds the revision a request names for itself and checks that its declarations are complete.
func checkModern(x *Exchange) *codec.Error {
	version, ok := codec.StringOf(x.Env.ProtocolVersion.Of(x.Raw))
	if !ok {
		return errVersionMissing
	}
	if x.Transport == HTTP {
		// Before the version is judged: what disagrees with itself is not a version.
		if e := x.Header.CheckVersion(version); e != nil {
			return e
		}
	}
	i := protocol.FindRevision(version)
	if i < 0 || !protocol.RevisionAt(i).Modern {
		return protocol.UnsupportedVersion(version)
	}
	x.revision = uint8(i)
	if capabilities := x.Env.ClientCapabilities.Of(x.Raw); capabilities == nil || capabilities[0] != '{' {
		return errCapabilitiesMissing
	}
	if e := checkLogLevel(x); e != nil {
		return e
	}
	if x.Transport == HTTP {
		return x.Header.CheckMethod(x.Raw, &x.Env)
	}
	return nil
}

// routeLegacy judges a message of a conversation that began, or begins, with initialize.
func (r *Registry) routeLegacy(x *Exchange, row *method) Class {
	if x.Transport == HTTP {
		if o, e := r.attach(x, row); e != nil {
			return x.refuse(o, e)
		}
	}
	negotiated := 0 // index + 1
	if x.Conv != nil {
		negotiated = x.Conv.Negotiated()
	}
	x.revision = protocol.LatestLegacy // for what may be asked before initialize
	if negotiated > 0 {
		x.revision = uint8(negotiated - 1)
	}
	if x.Env.Kind != codec.KindRequest {
		return r.accept(x, row)
	}
	switch {
	case row == nil || row.revisions&x.rev().Set == 0:
		return x.refuse(Answered, protocol.MethodNotFound(x.Env.Method.Of(x.Raw)))
	case row.phase == beforeInitialize && negotiated > 0:
		return x.refuse(Invalid, errInitializedTwice)
	case row.phase == beforeInitialize && x.InBatch:
		return x.refuse(Invalid, errInitializeInBatch)
	case row.phase == afterInitialize && negotiated == 0:
		return x.refuse(Invalid, errInitializeFirst)
	}
	return r.routeRow(x, row)
}

// routeRow ends Route for a request that may be served.
func (r *Registry) routeRow(x *Exchange, row *method) Class {
	x.row = row
	if row.route == nil {
		return row.class
	}
	class, e := row.route(r, x)
	if e != nil {
		outcome := Answered
		switch {
		case e.Code == codec.CodeHeaderMismatch, e.Code == codec.CodeMissingCapability:
			outcome = Invalid
		case e.Code == codec.CodeMethodNotFound && x.modern:
			outcome = UnknownMethod
		}
		return x.refuse(outcome, e)
	}
	return class
}

// accept ends Route for what is not answered: notifications, and responses, of which we expect none.
func (r *Registry) accept(x *Exchange, row *method) Class {
	x.Outcome = Accepted
	if row != nil && row.revisions&x.rev().Set != 0 {
		x.row = row
	}
	return Inline
}

// refuse ends Route with an error.
func (x *Exchange) refuse(o Outcome, e *codec.Error) Class {
	x.Outcome, x.refusal = o, e
	return Inline
}

// Dispatch serves a routed message and appends what goes back: one response, on one line; nothing for notifications,
// for responses and for calls that were cancelled (x.Outcome is then Accepted or Cancelled, for a transport that has to
// say something). It runs the tool's handler, so class Blocking may take as long as the handler does. A panic of a
// handler is counted, reported to the server and answered with -32603. x.Raw may be reused when it returned.
func (r *Registry) Dispatch(x *Exchange, dst []byte) []byte {
	if x.refusal != nil {
		r.m.refused.Inc()
		if x.Env.Kind != codec.KindRequest {
			return dst
		}
		return codec.AppendError(dst, x.ID(), x.refusal)
	}
	if x.Env.Kind == codec.KindResponse && x.Conv != nil && r.clientRequests.Answer(x.Conv, &x.Env, x.Raw) {
		return dst
	}
	if x.row == nil {
		r.m.ignored.Inc()
		return dst
	}
	r.m.requests[x.row.index].Inc()
	return x.row.serve(r, x, dst)
}

// AcceptsBatch says whether the message in x, of which nothing but the first bracket was read, may be a JSON array:
// only in a conversation of a revision that has batches (MCP 2025-03-26). x needs Transport, Conv, Principal
// and Header.
func (r *Registry) AcceptsBatch(x *Exchange) bool {
	conv := x.Conv
	if x.Transport == HTTP {
		s, ok := r.sessions.Find(x.Header.SessionID, x.Principal)
		if !ok {
			return false
		}
		conv = &s.Conversation
	}
	n := conv.Negotiated()
	return n > 0 && protocol.RevisionAt(n-1).Batches
}

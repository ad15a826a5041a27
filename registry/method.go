package registry

import (
	"weir/codec"
	"weir/registry/protocol"
)

// method is a row of the table: all that the path of a message needs to know of it. A new method is a row here, a
// function in its feature's file and a transcript in testdata.
type method struct {
	name  string
	kind  codec.Kind // KindRequest or KindNotification; sent as the other, it is not this method
	class Class      // where serve runs; what a tool call costs is the tool's to say (route)
	// revisions in which the method exists; in the others it is unknown (-32601).
	revisions protocol.RevisionSet
	// phase of a legacy conversation in which the method may be sent; the modern era has no phases.
	phase phase
	// mirror is the member of params that Mcp-Name repeats over HTTP in the modern era.
	mirror protocol.Mirror
	// recalls: params.requestId names a request that its sender takes back.
	recalls bool
	// waits: it only waits for something that goes on without it. A client that is gone ends the waiting in every era.
	waits bool
	// route, if any, finishes Route on the loop: it may look things up and refuse, and must not allocate or wait.
	route func(r *Registry, x *Exchange) (Class, *codec.Error)
	// serve appends the whole response of a request and nothing for a notification.
	serve func(r *Registry, x *Exchange, dst []byte) []byte
	// index is the row's place in the table and in the counters; set by the table itself.
	index int
}

// phase orders a legacy conversation (MCP 2025-11-25, basic/lifecycle).
type phase uint8

const (
	afterInitialize phase = iota
	beforeInitialize
	anyPhase
)

// The table. Serving functions reach nothing that reads it, so it can be a plain variable.
var methods = [...]method{
	{name: protocol.MethodInitialize, kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		phase: beforeInitialize, serve: serveInitialize},
	{name: protocol.MethodInitialized, kind: codec.KindNotification, class: Inline, revisions: protocol.LegacyRevisions,
		serve: serveInitialized},
	{name: protocol.MethodPing, kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		phase: anyPhase, serve: servePing},
	{name: protocol.MethodSetLevel, kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		serve: serveSetLevel},
	{name: protocol.MethodDiscover, kind: codec.KindRequest, class: Inline, revisions: protocol.ModernRevisions,
		phase: anyPhase, serve: serveDiscover},
	{name: protocol.MethodCancelled, kind: codec.KindNotification, class: Inline, revisions: protocol.EveryRevision,
		phase: anyPhase, recalls: true, serve: serveCancelled},
	{name: protocol.MethodToolsList, kind: codec.KindRequest, class: Inline, revisions: protocol.EveryRevision,
		serve: serveToolsList},
	{name: protocol.MethodToolsCall, kind: codec.KindRequest, class: Wait, revisions: protocol.EveryRevision,
		mirror: protocol.MirrorName, route: routeToolsCall, serve: serveToolsCall},
	{name: protocol.MethodResourcesList, kind: codec.KindRequest, class: Inline, revisions: protocol.EveryRevision,
		serve: serveResourcesList},
	{name: protocol.MethodTemplatesList, kind: codec.KindRequest, class: Inline, revisions: protocol.EveryRevision,
		serve: serveTemplatesList},
	{name: protocol.MethodResourcesRead, kind: codec.KindRequest, class: Wait, revisions: protocol.EveryRevision,
		mirror: protocol.MirrorURI, route: routeResourcesRead, serve: serveResourcesRead},
	{name: protocol.MethodSubscribe, kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		serve: serveSubscribe},
	{name: protocol.MethodUnsubscribe, kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		serve: serveUnsubscribe},
	{name: protocol.MethodListen, kind: codec.KindRequest, class: Listening, revisions: protocol.ModernRevisions,
		serve: serveListen},
	{name: protocol.MethodPromptsList, kind: codec.KindRequest, class: Inline, revisions: protocol.EveryRevision,
		serve: servePromptsList},
	{name: protocol.MethodPromptsGet, kind: codec.KindRequest, class: Wait, revisions: protocol.EveryRevision,
		mirror: protocol.MirrorName, route: routePromptsGet, serve: servePromptsGet},
	{name: protocol.MethodComplete, kind: codec.KindRequest, class: Wait, revisions: protocol.EveryRevision,
		route: routeComplete, serve: serveComplete},
	{name: protocol.MethodTasksGet, kind: codec.KindRequest, class: Inline,
		revisions: protocol.Revision20251125 | protocol.ModernRevisions,
		mirror:    protocol.MirrorTaskID, route: routeTask, serve: serveTaskGet},
	{name: protocol.MethodTasksUpdate, kind: codec.KindRequest, class: Compute, revisions: protocol.ModernRevisions,
		mirror: protocol.MirrorTaskID, route: routeTask, serve: serveTaskUpdate},
	{name: protocol.MethodTasksCancel, kind: codec.KindRequest, class: Inline,
		revisions: protocol.Revision20251125 | protocol.ModernRevisions,
		mirror:    protocol.MirrorTaskID, route: routeTask, serve: serveTaskCancel},
	{name: protocol.MethodTasksList, kind: codec.KindRequest, class: Inline, revisions: protocol.Revision20251125,
		serve: serveTaskList},
	{name: protocol.MethodTasksResult, kind: codec.KindRequest, class: Compute, revisions: protocol.Revision20251125,
		waits: true, route: routeTaskResult, serve: serveTaskResult},
}

// methodRows finds a row by the method's token, quotes included, as Scan leaves it.
var methodRows = func() map[string]*method {
	rows := make(map[string]*method, len(methods))
	for i := range methods {
		methods[i].index = i
		rows[`"`+methods[i].name+`"`] = &methods[i]
	}
	return rows
}()

// methodOf finds the row of a message; nil when the table has none for its method and kind.
func methodOf(e *codec.Envelope, raw []byte) *method {
	token := e.Method.Of(raw)
	row := methodRows[string(token)]
	if row == nil {
		// JSON lets any character be escaped: "tools\/call" is tools/call.
		name, ok := codec.StringOf(token)
		if !ok || len(name)+2 == len(token) {
			return nil
		}
		row = methodRows[`"`+string(name)+`"`]
	}
	if row == nil || row.kind != e.Kind {
		return nil
	}
	return row
}

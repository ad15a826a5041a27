package engine

import (
	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/result"
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
	// route, if any, finishes Route on the loop: it may look things up and find a fault, and must not allocate or wait.
	route func(eng *Engine, x *Exchange) (Class, *codec.Error)
	// serve appends the whole response of a request and nothing for a notification.
	serve func(eng *Engine, x *Exchange, dst []byte) []byte
	// relays is what another server's result of the method is.
	relays result.Kind
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
	{name: "initialize", kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		phase: beforeInitialize, serve: serveInitialize},
	{name: "notifications/initialized", kind: codec.KindNotification, class: Inline, revisions: protocol.LegacyRevisions,
		serve: serveInitialized},
	{name: "ping", kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		phase: anyPhase, serve: servePing},
	{name: "logging/setLevel", kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		serve: serveSetLevel},
	{name: "server/discover", kind: codec.KindRequest, class: Inline, revisions: protocol.ModernRevisions,
		phase: anyPhase, serve: serveDiscover},
	{name: "notifications/cancelled", kind: codec.KindNotification, class: Inline, revisions: protocol.EveryRevision,
		phase: anyPhase, recalls: true, serve: serveCancelled},
	{name: "tools/list", kind: codec.KindRequest, class: Inline, revisions: protocol.EveryRevision,
		serve: serveToolsList},
	{name: "tools/call", kind: codec.KindRequest, class: Blocking, revisions: protocol.EveryRevision,
		mirror: protocol.MirrorName, route: routeToolsCall, serve: serveToolsCall, relays: result.OfTool},
	{name: "resources/list", kind: codec.KindRequest, class: Inline, revisions: protocol.EveryRevision,
		serve: serveResourcesList},
	{name: "resources/templates/list", kind: codec.KindRequest, class: Inline, revisions: protocol.EveryRevision,
		serve: serveTemplatesList},
	{name: "resources/read", kind: codec.KindRequest, class: Blocking, revisions: protocol.EveryRevision,
		mirror: protocol.MirrorURI, route: routeResourcesRead, serve: serveResourcesRead,
		relays: result.OfResource},
	{name: "resources/subscribe", kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		serve: serveSubscribe},
	{name: "resources/unsubscribe", kind: codec.KindRequest, class: Inline, revisions: protocol.LegacyRevisions,
		serve: serveUnsubscribe},
	{name: "subscriptions/listen", kind: codec.KindRequest, class: Listening, revisions: protocol.ModernRevisions,
		serve: serveListen},
	{name: "prompts/list", kind: codec.KindRequest, class: Inline, revisions: protocol.EveryRevision,
		serve: servePromptsList},
	{name: "prompts/get", kind: codec.KindRequest, class: Blocking, revisions: protocol.EveryRevision,
		mirror: protocol.MirrorName, route: routePromptsGet, serve: servePromptsGet, relays: result.OfPrompt},
	{name: "completion/complete", kind: codec.KindRequest, class: Blocking, revisions: protocol.EveryRevision,
		route: routeComplete, serve: serveComplete, relays: result.OfCompletion},
	{name: "tasks/get", kind: codec.KindRequest, class: Inline,
		revisions: protocol.Revision20251125 | protocol.ModernRevisions,
		mirror:    protocol.MirrorTaskID, route: routeTask, serve: orElsewhere(serveTaskGet)},
	{name: "tasks/update", kind: codec.KindRequest, class: Compute, revisions: protocol.ModernRevisions,
		mirror: protocol.MirrorTaskID, route: routeTask, serve: orElsewhere(serveTaskUpdate)},
	{name: "tasks/cancel", kind: codec.KindRequest, class: Inline,
		revisions: protocol.Revision20251125 | protocol.ModernRevisions,
		mirror:    protocol.MirrorTaskID, route: routeTask, serve: orElsewhere(serveTaskCancel)},
	{name: "tasks/list", kind: codec.KindRequest, class: Inline, revisions: protocol.Revision20251125,
		serve: serveTaskList},
	{name: "tasks/result", kind: codec.KindRequest, class: Compute, revisions: protocol.Revision20251125,
		waits: true, route: routeTaskResult, serve: orElsewhere(serveTaskResult)},
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

// methodNames are those of the table, in its order.
func methodNames() (names []string) {
	for i := range methods {
		names = append(names, methods[i].name)
	}
	return names
}

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

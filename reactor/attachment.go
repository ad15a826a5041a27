package reactor

import (
	"weir/backpressure"
	"weir/codec"
	"weir/reactor/logwriter"
	"weir/registry/call"
	"weir/registry/engine"
	"weir/registry/protocol"
)

// attachment is the server as its registry knows it.
type attachment Server

// QueueTask puts a task in line, or says why not.
func (a *attachment) QueueTask(c *engine.TaskCall) *codec.Error { return a.pipeline.QueueTask(c) }

// ListsChanged has every loop ask its connections what they owe their clients, and so the other nodes of the cluster: a
// client's next request may come here.
func (a *attachment) ListsChanged(list protocol.List) {
	a.loops.VisitAll()
	if a.updates != nil {
		a.updates.Tell(listChanged(list))
	}
}

// ResourceUpdated has the other nodes of the cluster tell their clients.
func (a *attachment) ResourceUpdated(uri string) {
	if a.updates != nil {
		a.updates.Tell(uri)
	}
}

// Elsewhere is who answers for what another node has.
func (a *attachment) Elsewhere(node string) call.Forwarder {
	if a.forwarder == nil {
		return nil
	}
	return elsewhere{a.forwarder, node}
}

// failureTexts are what the log says of each kind.
var failureTexts = map[engine.FailureKind]string{
	engine.FailurePanic: "a handler panicked",
	engine.FailureTimeout: "a handler did not return in time: its call was ended, it counts as running until it " +
		"does",
	engine.FailureOutput:   "a tool's output is not what its schema says",
	engine.FailureTooLarge: "a result is too large, its client got an error",
	engine.FailureEncoding: "a result cannot be encoded, its client got an error",
}

// HandlerFailed logs a mistake of a handler. A tool that fails at every call must not fill the disk: of each kind a few
// lines are written in ten seconds, and the next says how many were left out.
func (a *attachment) HandlerFailed(f engine.Failure) {
	gate, _ := a.failures.LoadOrStore(f.Kind, new(logwriter.Gate))
	leftOut, ok := gate.(*logwriter.Gate).Allow(backpressure.Now(), failuresLogged)
	if !ok {
		return
	}
	line := a.log.Error().Str("name", f.Name).Str("kind", string(f.Kind))
	if f.Kind == engine.FailurePanic {
		line = line.Any("panic", f.Panic).Bytes("stack", f.Stack)
	}
	if f.Err != nil {
		line = line.Err(f.Err)
	}
	if leftOut > 0 {
		line = line.Int("suppressed", leftOut)
	}
	line.Msg(failureTexts[f.Kind])
}

// failuresLogged is how many failures of one kind are logged in ten seconds.
const failuresLogged = 10

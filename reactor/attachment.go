package reactor

import (
	"weir/backpressure"
	"weir/codec"
	"weir/reactor/logwriter"
	"weir/registry"
)

// attachment is the server as its registry knows it.
type attachment Server

// QueueTask puts a task in line, or says why not.
func (a *attachment) QueueTask(c *registry.TaskCall) *codec.Error { return a.pipeline.QueueTask(c) }

// ListsChanged has every loop ask its connections what they owe their clients.
func (a *attachment) ListsChanged() { a.loops.VisitAll() }

// failureTexts are what the log says of each kind.
var failureTexts = map[registry.FailureKind]string{
	registry.FailurePanic: "a handler panicked",
	registry.FailureTimeout: "a handler did not return in time: its call was ended, it counts as running until it " +
		"does",
	registry.FailureOutput:   "a tool's output is not what its schema says",
	registry.FailureTooLarge: "a result is too large, its client got an error",
	registry.FailureEncoding: "a result cannot be encoded, its client got an error",
}

// HandlerFailed logs a mistake of a handler. A tool that fails at every call must not fill the disk: of each kind a few
// lines are written in ten seconds, and the next says how many were left out.
func (a *attachment) HandlerFailed(f registry.Failure) {
	gate, _ := a.failures.LoadOrStore(f.Kind, new(logwriter.Gate))
	leftOut, ok := gate.(*logwriter.Gate).Allow(backpressure.Now(), failuresLogged)
	if !ok {
		return
	}
	line := a.log.Error().Str("name", f.Name).Str("kind", string(f.Kind))
	if f.Kind == registry.FailurePanic {
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

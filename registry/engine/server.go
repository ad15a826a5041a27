package engine

import (
	"errors"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/protocol"
)

// Server is what serves an engine: it runs its tasks, and tells its clients that a list has changed, and
// its log what handlers do wrong. It must be comparable, as a pointer is.
type Server interface {
	// QueueTask queues the call of a task for its Run, once, or returns the refusal that the client gets when there is
	// no room. It is called with the task locked, on any goroutine, and must neither block nor call back.
	QueueTask(c *TaskCall) *codec.Error
	// ListsChanged is called after the list of tools, prompts or resources has changed. The server then asks every
	// conversation (Conversation.Next) and every stream what it owes. It is called on the goroutine that changed the
	// list, possibly several at once, and must not block.
	ListsChanged(list protocol.List)
	// ResourceUpdated is called after the program has said so, for the clients of other nodes. Otherwise like
	// ListsChanged.
	ResourceUpdated(uri string)
	// Elsewhere is who answers for what another node of the cluster has.
	Elsewhere(node string) call.Forwarder
	// HandlerFailed hears of every mistake of a handler, for the log. It is called on any goroutine, possibly several
	// at once, and must not block for long.
	HandlerFailed(f Failure)
}

// ErrServed is that an engine has a server already: one has to Detach before the next may Attach.
var ErrServed = errors.New("registry: another server serves this registry")

// Attach makes s the one server of the engine, until its Detach; ErrServed when there is one. What the last server
// stopped (StopTasks, StopAsking) may begin again. Without a server calls that would become tasks are refused. Any
// goroutine.
func (eng *Engine) Attach(s Server) error {
	if !eng.server.CompareAndSwap(nil, &s) {
		return ErrServed
	}
	eng.tasks.Resume()
	eng.clientRequests.Resume()
	return nil
}

// Detach ends what Attach began. It does nothing when s is not the engine's server, so it may follow an Attach that
// failed, and another Detach. Any goroutine.
func (eng *Engine) Detach(s Server) {
	if now := eng.server.Load(); now != nil && *now == s {
		eng.server.CompareAndSwap(now, nil)
	}
}

// Totals sums up the calls of all handlers since the start. What a tool that was removed still runs is not counted. It
// walks all tools. Any goroutine.
func (eng *Engine) Totals() call.Totals { return eng.m.Totals() }

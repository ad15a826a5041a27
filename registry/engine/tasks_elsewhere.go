package engine

import (
	"weir/codec"
	"weir/registry/call"
	"weir/registry/fault"
	"weir/registry/nodeid"
	"weir/registry/protocol"
)

// A request about a task that another node of the cluster has is answered by that one, and suspended meanwhile. Over
// HTTP those of 2026-07-28 do not come here: their transport forwards them whole.

// elsewhere is who answers for the task that x names; nil: it is this node's, or nobody's.
func (eng *Engine) elsewhere(x *Exchange) call.Forwarder {
	id, ok := codec.StringOf(x.Env.TaskID.Of(x.Raw))
	s := eng.server.Load()
	if !ok || s == nil {
		return nil
	}
	if whose, node := eng.opt.IDs.Read(nodeid.Task, id); whose == nodeid.Theirs {
		return (*s).Elsewhere(string(node))
	}
	return nil
}

// orElsewhere serves a request by the node that Route has found for it, or else by serve.
func orElsewhere(serve func(*Engine, *Exchange, []byte) []byte) func(*Engine, *Exchange, []byte) []byte {
	return func(eng *Engine, x *Exchange, dst []byte) []byte {
		if to := x.to(); to != nil {
			return serveElsewhere(x, to, dst)
		}
		return serve(eng, x, dst)
	}
}

// serveElsewhere is called again with the answer, which has x's id.
func serveElsewhere(x *Exchange, to call.Forwarder, dst []byte) []byte {
	failed := x.Resumed()
	switch in := x.Inputs; {
	case x.Cancelled():
		x.Outcome = Cancelled
		return dst
	case failed != nil:
		return x.appendError(dst, failed)
	case in != nil && in.Forwarded != nil:
		return append(dst, in.Forwarded.Result...)
	case x.Responder == nil:
		return x.appendError(dst, fault.Forward)
	}
	f := &call.Forwarded{Method: x.row.name}
	if e := f.Forward(&x.Call, to); e != nil {
		return x.appendError(dst, e)
	}
	return dst
}

// Resumes makes c the conversation of a legacy client that has agreed on a revision at another node, whose build may
// know one that this one does not.
func (eng *Engine) Resumes(c *Conversation, revision uint8) {
	c.Negotiate(min(int(revision), protocol.LatestRevision), 0, eng.events)
}

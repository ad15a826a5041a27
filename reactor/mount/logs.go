package mount

import (
	"weir/codec"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/hop"
	"weir/reactor/mount/reason"
	"weir/registry/call"
	"weir/registry/protocol"
)

// Log messages. The clients of calls say which they want; a legacy upstream is told the lowest level that any of them
// did, a modern one hears it with each call.

// quiet is above every level.
const quiet = 8

// wantLogs tells a legacy upstream, ahead of the call c, that c's client wants more than it was told before.
func (u *upstream) wantLogs(c *call.Call) {
	wanted, some := hop.Level(c)
	if !u.logs || u.isModern() || !some {
		return
	}
	for told := u.level.Load(); uint32(wanted) < told; told = u.level.Load() {
		if !u.level.CompareAndSwap(told, uint32(wanted)) {
			continue
		}
		m := u.mount
		m.mu.Lock()
		if m.talking != u {
			m.mu.Unlock()
			return
		}
		id := u.openLocked(make(chan calls.Answer, 1)) // whether it does so is its own matter
		m.mu.Unlock()
		u.Send(append(append(hop.AppendHead(nil, id, "logging/setLevel"), `"level":"`+wanted.String()+`"`...), "}}\n"...))
	}
}

// logged passes a log message on to the client of the one call that is in progress, if it wants it. The protocol does
// not say which call a message on a line belongs to, and another's client must not read it.
func (u *upstream) logged(params []byte) {
	m := u.mount
	name, _ := codec.StringOf(codec.Member(params, "level"))
	severity, known := protocol.ParseLogLevel(name)
	m.mu.Lock()
	if !known || m.table.Len(calls.Sent) != 1 {
		m.mu.Unlock()
		u.drop(reason.DropUnsaid)
		return
	}
	f := m.table.At(m.table.First(calls.Sent)).Of
	f.Hold() // as for progress
	m.mu.Unlock()
	if lowest, some := hop.Level(f.Call); some && severity >= lowest && !f.Call.Cancelled() {
		f.Call.Responder.Send(hop.AppendLogged(nil, params))
	}
	f.Settle()
}

package mount

import (
	"context"
	"encoding/json"
	"fmt"

	"weir/codec"
	"weir/reactor/loop"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/hop"
	"weir/reactor/mount/reason"
	"weir/registry/protocol"
)

// How a mount is spoken to before calls come: greeted in one of the eras, and asked
// for its lists (listing.go). This runs on the
// mount's goroutine, one request at a time.

// ask sends a request of our own and waits for its result. params are members without the braces.
func (u *upstream) ask(ctx context.Context, method, params string) ([]byte, *reason.Outage) {
	m := u.mount
	came := make(chan calls.Answer, 1)
	m.mu.Lock()
	if m.talking != u {
		m.mu.Unlock()
		return nil, reason.Down(reason.EndClosed, "the connection has ended")
	}
	id := u.openLocked(came)
	m.mu.Unlock()

	b := append(append(hop.AppendHead(loop.GetBuffer(hop.Room), id, method), params...), "}}\n"...)
	u.Send(b)
	loop.PutBuffer(b)
	select {
	case a := <-came:
		return a.Result, a.Err
	case <-ctx.Done():
	}
	m.mu.Lock()
	if at, ok := m.table.Find(id); ok {
		m.table.Take(at)
	}
	m.mu.Unlock()
	return nil, reason.Because(u.silent(), fmt.Errorf("no answer to %s: %w", method, context.Cause(ctx)))
}

// silent is what it means that a request was not answered.
func (u *upstream) silent() reason.Ending {
	if !u.heard.Load() && u.strange.Load() != nil {
		return reason.EndNoMCP
	}
	return reason.EndNoAnswer
}

// greet agrees on a revision.
func (u *upstream) greet(ctx context.Context) *reason.Outage {
	var e *reason.Outage
	if u.mount.opt.Era != "modern" {
		if e = u.initialize(ctx); e == nil || u.mount.opt.Era == "legacy" || e.Why != reason.EndRefused {
			return e
		}
	}
	if modern := u.discover(ctx); modern != nil {
		if e != nil {
			return e // what it said first says more
		}
		return modern
	}
	return nil
}

func (u *upstream) initialize(ctx context.Context) *reason.Outage {
	latest := protocol.RevisionAt(protocol.LatestLegacy).Version
	result, e := u.ask(ctx, "initialize",
		`"protocolVersion":"`+latest+`","capabilities":`+clientCapabilities+`,"clientInfo":`+u.mount.of.clientInfo)
	if e != nil {
		return e
	}
	version, _ := codec.StringOf(codec.Member(result, "protocolVersion"))
	found := protocol.FindRevision(version)
	if found < 0 || protocol.RevisionAt(found).Modern {
		return reason.Down(reason.EndVersion, "it answers initialize with version %q", protocol.Clip(string(version)))
	}
	u.revision = uint8(found)
	u.capable(result)
	u.Send([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"))
	return nil
}

func (u *upstream) discover(ctx context.Context) *reason.Outage {
	result, e := u.ask(ctx, "server/discover", `"_meta":{`+u.mount.of.modernMeta+`}`)
	if e != nil {
		return e
	}
	latest := protocol.RevisionAt(protocol.LatestRevision).Version
	var versions []string
	_ = json.Unmarshal(codec.Member(result, "supportedVersions"), &versions) // what is none has none
	for _, v := range versions {
		if v == latest {
			u.revision = protocol.LatestRevision
			u.capable(result)
			return nil
		}
	}
	return reason.Down(reason.EndVersion, "server/discover has %q, none of which is %s", versions, latest)
}

package mount

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"weir/codec"
	"weir/reactor/loop"
	"weir/registry/protocol"
)

// How a mount is spoken to before calls come: greeted in one of the eras, and asked for its tools. This runs on the
// mount's goroutine, one request at a time.

// ask sends a request of our own and waits for its result. params are members without the braces.
func (u *upstream) ask(ctx context.Context, method, params string) ([]byte, *downError) {
	m := u.mount
	came := make(chan answer, 1)
	m.mu.Lock()
	if m.talking != u {
		m.mu.Unlock()
		return nil, down(endClosed, "the connection has ended")
	}
	at, s := m.table.open()
	s.own = came
	m.table.enqueue(at, ours, 0)
	id := m.table.id(at)
	m.mu.Unlock()

	b := append(append(appendHead(loop.GetBuffer(callRoom), id, method), params...), "}}\n"...)
	u.Send(b)
	loop.PutBuffer(b)
	select {
	case a := <-came:
		return a.result, a.err
	case <-ctx.Done():
	}
	m.mu.Lock()
	if at, ok := m.table.find(id); ok {
		m.table.take(at)
	}
	m.mu.Unlock()
	return nil, &downError{u.silent(), fmt.Errorf("no answer to %s: %w", method, context.Cause(ctx))}
}

// silent is what it means that a request was not answered.
func (u *upstream) silent() Ending {
	if !u.heard.Load() && u.strange.Load() != nil {
		return endNoMCP
	}
	return endNoAnswer
}

// greet agrees on a revision.
func (u *upstream) greet(ctx context.Context) *downError {
	var e *downError
	if u.mount.opt.Era != "modern" {
		if e = u.initialize(ctx); e == nil || u.mount.opt.Era == "legacy" || e.why != endRefused {
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

func (u *upstream) initialize(ctx context.Context) *downError {
	latest := protocol.RevisionAt(protocol.LatestLegacy).Version
	result, e := u.ask(ctx, "initialize",
		`"protocolVersion":"`+latest+`","capabilities":`+clientCapabilities+`,"clientInfo":`+u.mount.of.clientInfo)
	if e != nil {
		return e
	}
	version, _ := codec.StringOf(codec.Member(result, "protocolVersion"))
	found := protocol.FindRevision(version)
	if found < 0 || protocol.RevisionAt(found).Modern {
		return down(endVersion, "it answers initialize with version %q", protocol.Clip(string(version)))
	}
	u.revision = uint8(found)
	u.Send([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"))
	return nil
}

func (u *upstream) discover(ctx context.Context) *downError {
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
			return nil
		}
	}
	return down(endVersion, "server/discover has %q, none of which is %s", versions, latest)
}

// How long a list may be.
const (
	maxPages       = 1000
	maxListed      = 10_000
	maxListedBytes = 16 << 20 // of the pages that have tools: all of it is kept
)

// list asks for all tools, each as the JSON that came.
func (u *upstream) list(ctx context.Context) (tools [][]byte, _ *downError) {
	cursor, listed := []byte(nil), 0
	for range maxPages {
		params := ""
		if cursor != nil {
			params = `"cursor":` + string(cursor)
		}
		if u.isModern() {
			if params != "" {
				params += ","
			}
			params += `"_meta":{` + u.mount.of.modernMeta + `}`
		}
		result, e := u.ask(ctx, "tools/list", params)
		if e != nil && e.why == endRefused {
			if refusal, ok := e.err.(*codec.Error); ok && refusal.Code == codec.CodeMethodNotFound {
				return nil, nil // it has none
			}
			return nil, &downError{endList, e.err}
		}
		if e != nil {
			return nil, e
		}
		had := len(tools)
		if tools, e = appendTools(tools, codec.Member(result, "tools")); e != nil {
			return nil, e
		}
		if len(tools) > had {
			listed += len(result)
		}
		if listed > maxListedBytes {
			return nil, down(endList, "its list of tools has more than %d bytes", maxListedBytes)
		}
		next := codec.Member(result, "nextCursor")
		if next == nil || next[0] != '"' || bytes.Equal(next, cursor) {
			return tools, nil
		}
		cursor = next
	}
	return nil, down(endList, "its list of tools has more than %d pages", maxPages)
}

// appendTools appends the entries of a page.
func appendTools(tools [][]byte, page []byte) ([][]byte, *downError) {
	if len(page) == 0 || page[0] != '[' {
		return nil, down(endList, "its list of tools is none")
	}
	for off := 0; ; {
		one, next, err := codec.NextElement(page, off)
		if err != nil {
			return nil, &downError{endList, err}
		}
		if next < 0 {
			return tools, nil
		}
		if tools = append(tools, one); len(tools) > maxListed {
			return nil, down(endList, "it has more than %d tools", maxListed)
		}
		off = next
	}
}

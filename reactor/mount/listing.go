package mount

import (
	"bytes"
	"context"

	"weir/codec"
	"weir/reactor/mount/reason"
	"weir/reactor/mount/shelf"
	"weir/registry/protocol"
)

// What a mount can list.

// listings say how each list is asked for and read, and which change is its own.
var listings = [shelf.Kinds]struct {
	list           protocol.List
	method, member string
}{
	shelf.Tool:     {protocol.ListTools, "tools/list", "tools"},
	shelf.Prompt:   {protocol.ListPrompts, "prompts/list", "prompts"},
	shelf.Resource: {protocol.ListResources, "resources/list", "resources"},
	shelf.Template: {protocol.ListResources, "resources/templates/list", "resourceTemplates"},
}

// How long a list may be.
const (
	maxPages       = 1000
	maxListed      = 10_000
	maxListedBytes = 16 << 20 // of the pages that have entries: all of it is kept
)

// capable notes what an upstream says that it has, in the result of its greeting. Tools are asked for in any case.
func (u *upstream) capable(result []byte) {
	has := codec.Member(result, "capabilities")
	said := func(name string) bool { c := codec.Member(has, name); return len(c) > 0 && c[0] == '{' }
	u.has[shelf.Tool], u.has[shelf.Prompt] = true, said("prompts")
	u.has[shelf.Resource], u.has[shelf.Template] = said("resources"), said("resources")
	u.completes, u.logs = said("completions"), said("logging")
	is := func(name, member string) bool { return string(codec.Member(codec.Member(has, name), member)) == "true" }
	for list := range protocol.ListCount {
		u.changes[list] = is(list.String(), "listChanged")
	}
	u.subscribes = is("resources", "subscribe")
}

// listAll asks for the lists of which changed says so, and offers what they hold. Without its tools a mount is none; of
// another list it is said when there is none, and the mount is there.
func (u *upstream) listAll(ctx context.Context, changed func(protocol.List) bool) *reason.Outage {
	for k, c := range listings {
		if !u.has[k] || !changed(c.list) {
			continue
		}
		listed, e := u.list(ctx, shelf.Kind(k))
		switch {
		case e == nil:
			u.mount.part.Offer(shelf.Kind(k), listed)
		case shelf.Kind(k) == shelf.Tool || e.Why != reason.EndList:
			return e
		default:
			u.mount.log.Warn().Err(e).Str("list", c.method).
				Msg("a mount does not list what it has: what is known of it is offered")
		}
	}
	return nil
}

// list asks for a list to its end, each entry as the JSON that came.
func (u *upstream) list(ctx context.Context, k shelf.Kind) (entries [][]byte, _ *reason.Outage) {
	c := &listings[k]
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
		result, e := u.ask(ctx, c.method, params)
		if e != nil && e.Why == reason.EndRefused {
			if refusal, ok := e.Err.(*codec.Error); ok && refusal.Code == codec.CodeMethodNotFound {
				return nil, nil // it has none
			}
			return nil, reason.Because(reason.EndList, e.Err)
		}
		if e != nil {
			return nil, e
		}
		had := len(entries)
		if entries, e = appendEntries(entries, codec.Member(result, c.member), k); e != nil {
			return nil, e
		}
		if len(entries) > had {
			listed += len(result)
		}
		if listed > maxListedBytes {
			return nil, reason.Down(reason.EndList, "its list of %ss has more than %d bytes", k, maxListedBytes)
		}
		next := codec.Member(result, "nextCursor")
		if next == nil || next[0] != '"' || bytes.Equal(next, cursor) {
			return entries, nil
		}
		cursor = next
	}
	return nil, reason.Down(reason.EndList, "its list of %ss has more than %d pages", k, maxPages)
}

// appendEntries appends the entries of a page.
func appendEntries(entries [][]byte, page []byte, what shelf.Kind) ([][]byte, *reason.Outage) {
	if len(page) == 0 || page[0] != '[' {
		return nil, reason.Down(reason.EndList, "its list of %ss is none", what)
	}
	for off := 0; ; {
		one, next, err := codec.NextElement(page, off)
		if err != nil {
			return nil, reason.Because(reason.EndList, err)
		}
		if next < 0 {
			return entries, nil
		}
		if entries = append(entries, one); len(entries) > maxListed {
			return nil, reason.Down(reason.EndList, "it has more than %d %ss", maxListed, what)
		}
		off = next
	}
}

// listChanged notes that a list has changed, and has it asked for again.
func (u *upstream) listChanged(list protocol.List) {
	u.stale.Or(1 << list)
	poke(u.changed)
}

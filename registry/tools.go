package registry

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
)

// maxToolNameBytes is the length the specification gives tool names (MCP 2025-11-25, server/tools, tool names); names are
// metric labels and header values too.
const maxToolNameBytes = 128

// tool is one registered tool. Immutable but for its counters.
type tool struct {
	name      string
	class     Class
	skipsMeta bool
	headers   []paramHeader // x-mcp-header annotations of its input schema
	// invoke checks the arguments, runs the handler and says what came of it.
	invoke func(x *Exchange, t *tool) (reply, error)
	// errorsAreResults: an ordinary error of the handler becomes a result with isError (mcp.ToolHandlerFor) and not a
	// protocol error (mcp.ToolHandler).
	errorsAreResults bool
	definition       [revisionCount][]byte // its object in tools/list, as each revision knows it

	started atomic.Uint64 // calls, for sampling
	series  toolSeries
}

// ToolOption changes how a tool is run.
type ToolOption func(*tool)

// Cheap puts the tool's calls on the compute workers (class Compute) instead of a goroutine that may sleep: for handlers
// that only compute, for less than about a millisecond, and never wait for anything. A handler that waits anyway holds
// up one of a few workers.
func Cheap() ToolOption { return func(t *tool) { t.class = Compute } }

// SkipMeta leaves CallToolRequest.Params.Meta nil: for handlers that do not read it. In the modern era every request has
// a _meta, and decoding it costs more than a cheap call.
func SkipMeta() ToolOption { return func(t *tool) { t.skipsMeta = true } }

// AddTool registers a tool whose handler does everything itself, or replaces the tool of the same name: arguments come
// unchecked, an error is a protocol error (-32603, or what a *jsonrpc.Error says), and the result leaves as it is. As
// with the SDK's Server.AddTool, the input schema must be present and of type object. It panics on a definition that
// cannot be served, and beyond Options.MaxTools. t must not be changed afterwards.
//
// The request's Session and Extra are nil. Its Arguments are the handler's to keep, and must not be written to. Nothing
// that a handler returns is written to either, so one result may be returned by many calls.
func (r *Registry) AddTool(t *mcp.Tool, h mcp.ToolHandler, opts ...ToolOption) {
	r.register(t, &tool{invoke: rawInvoke(h)}, opts)
}

// AddTool registers a tool with typed arguments and result, or replaces the tool of the same name. Schemas that t does
// not have are inferred from In and Out as the SDK's AddTool does; arguments are checked against the input schema and
// decoded strictly (exact case), the output is checked against the output schema. Otherwise as Registry.AddTool, but an
// ordinary error becomes a result with isError. Strings in In share memory with the request's Arguments.
func AddTool[In, Out any](r *Registry, t *mcp.Tool, h mcp.ToolHandlerFor[In, Out], opts ...ToolOption) {
	definition, entry, err := typedTool(t, h)
	if err != nil {
		panic(fmt.Sprintf("registry: AddTool %q: %v", t.Name, err))
	}
	r.register(definition, entry, opts)
}

// RemoveTool takes tools out of the offer; calls that run finish. It returns how many there were.
func (r *Registry) RemoveTool(names ...string) int {
	r.changing.Lock()
	defer r.changing.Unlock()
	n := 0
	for _, name := range names {
		if _, ok := r.tools.remove([]byte(name)); ok {
			n++
			dropToolSeries(r.m.set, name)
			r.list(name, nil)
		}
	}
	return n
}

func (r *Registry) register(t *mcp.Tool, entry *tool, opts []ToolOption) {
	entry.name, entry.class = t.Name, Wait
	for _, option := range opts {
		option(entry)
	}
	if err := entry.define(t, r.opt.MaxResultBytes/2); err != nil {
		panic(fmt.Sprintf("registry: AddTool %q: %v", t.Name, err))
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	entry.series = newToolSeries(r.m.set, t.Name)
	if !r.tools.put(entry.name, entry, r.opt.MaxTools) {
		dropToolSeries(r.m.set, t.Name)
		panic(fmt.Sprintf("registry: AddTool %q: max_tools (%d) are registered", t.Name, r.opt.MaxTools))
	}
	r.list(entry.name, entry)
}

// list publishes a new catalogue in which name is entry, or gone if entry is nil. It needs r.changing.
func (r *Registry) list(name string, entry *tool) {
	old := *r.catalogue.Load()
	i, found := slices.BinarySearchFunc(old, name, func(t *tool, name string) int { return strings.Compare(t.name, name) })
	next := make([]*tool, 0, len(old)+1)
	next = append(next, old[:i]...)
	if entry != nil {
		next = append(next, entry)
	}
	if found {
		i++
	}
	next = append(next, old[i:]...)
	r.catalogue.Store(&next)
}

// define checks the definition and encodes it for each revision.
func (t *tool) define(definition *mcp.Tool, maxBytes int) error {
	if err := checkToolName(definition.Name); err != nil {
		return err
	}
	if err := checkInputSchema(definition.InputSchema); err != nil {
		return err
	}
	var err error
	if t.headers, err = paramHeaders(definition.InputSchema); err != nil {
		return err
	}
	for i := range revisions {
		d, err := json.Marshal(visible(definition, &revisions[i]))
		if err != nil {
			return err
		}
		if len(d) > maxBytes {
			return fmt.Errorf("the definition is %d bytes long, allowed is half of max_result_bytes (%d)", len(d), maxBytes)
		}
		if i > 0 && bytes.Equal(d, t.definition[i-1]) {
			d = t.definition[i-1]
		}
		t.definition[i] = d
	}
	return nil
}

// visible is the part of a definition that a revision knows.
func visible(t *mcp.Tool, rev *revision) *mcp.Tool {
	v := *t
	if !rev.annotations {
		v.Annotations = nil
	}
	if !rev.titles {
		v.Title, v.Meta = "", nil
	}
	if !rev.icons {
		v.Icons = nil
	}
	if rev.structured == structuredNone || rev.structured == structuredObjects && !describesObject(t.OutputSchema) {
		v.OutputSchema = nil
	}
	return &v
}

// checkToolName refuses names that could not be a line of a list, a header or a metric label. The specification only
// recommends its character set, and names of other servers are not ours to choose.
func checkToolName(name string) error {
	if name == "" || len(name) > maxToolNameBytes {
		return fmt.Errorf("the name is %d bytes long, allowed is 1 to %d", len(name), maxToolNameBytes)
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return fmt.Errorf("the name must be UTF-8 without control characters")
	}
	return nil
}

// routeToolsCall finds the tool, which says what the call costs.
func routeToolsCall(r *Registry, x *Exchange) (Class, *codec.Error) {
	name, ok := codec.StringOf(x.Env.Name.Of(x.Raw))
	if !ok {
		return Inline, errToolName
	}
	t, ok := r.tools.get(name)
	if !ok {
		return Inline, &codec.Error{Code: codec.CodeInvalidParams, Message: "Unknown tool: " + clip(string(name))}
	}
	if x.modern && x.Transport == HTTP && t.headers != nil {
		if e := checkParamHeaders(x, t.headers); e != nil {
			return Inline, e
		}
	}
	x.tool = t
	return t.class, nil
}

// serveToolsList is tools/list: one page, in order of names, from what was encoded when the tools were registered.
func serveToolsList(r *Registry, x *Exchange, dst []byte) []byte {
	tools := *r.catalogue.Load()
	if token := x.Env.Cursor.Of(x.Raw); token != nil && string(token) != "null" {
		last, ok := decodeCursor(token)
		if !ok {
			return codec.AppendError(dst, x.id(), errCursor)
		}
		i, found := slices.BinarySearchFunc(tools, last, func(t *tool, name string) int { return strings.Compare(t.name, name) })
		if found {
			i++
		}
		tools = tools[i:]
	}
	dst = appendHead(dst, x.id())
	dst = append(dst, '{')
	dst = append(dst, memberTools...)
	sent, limit := 0, len(dst)+r.opt.MaxResultBytes-maxListOverheadBytes
	for _, t := range tools {
		definition := t.definition[x.revision]
		if sent == r.opt.PageSize || sent > 0 && len(dst)+len(definition) >= limit {
			break
		}
		if sent > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, definition...)
		sent++
	}
	dst = append(dst, ']')
	if sent < len(tools) {
		dst = appendCursor(dst, tools[sent-1].name)
	}
	if x.rev().modern {
		dst = append(dst, r.prepared.caching...)
		dst = append(dst, r.prepared.suffix...)
	}
	return append(dst, "}}"...)
}

// maxListOverheadBytes is what a page of tools/list holds beside definitions: cursor, caching, identity.
const maxListOverheadBytes = 2048

// A cursor is the name of the last tool that was sent, so that a page begins where the one before ended even when tools
// came and went in between, and the server remembers nothing. The prefix tells it from chance.
const cursorPrefix = "t1:"

func appendCursor(dst []byte, last string) []byte {
	dst = append(dst, ',')
	dst = append(dst, memberNextPage...)
	dst = base64.RawURLEncoding.AppendEncode(dst, []byte(cursorPrefix+last))
	return append(dst, '"')
}

func decodeCursor(token []byte) (last string, ok bool) {
	text, ok := codec.StringOf(token)
	if !ok || len(text) > base64.RawURLEncoding.EncodedLen(len(cursorPrefix)+maxToolNameBytes) {
		return "", false
	}
	decoded, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(string(decoded), cursorPrefix)
}

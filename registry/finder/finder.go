package finder

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/search"
)

// The names of the two tools. A view that lists them has them before what others call so, which call_tool reaches.
const (
	FindTools = "find_tools"
	CallTool  = "call_tool"
)

// IsOne says whether a name is that of one of them.
func IsOne(name []byte) bool { return string(name) == CallTool || string(name) == FindTools }

// Finder is what the views of one engine have in common. Safe for concurrent use.
type Finder struct {
	opt      *Options
	defaults handler.Defaults
	count    func(h *call.Handler) *call.Series
	indexing sync.Mutex   // held while an index is made
	bytes    atomic.Int64 // of all indexes
}

// New makes a finder. defaults are those of the engine's handlers. count makes the series of a tool, when it is listed
// first; it is called with a name again for each view. set receives the finder's own.
func New(opt *Options, defaults handler.Defaults, count func(h *call.Handler) *call.Series, set *metrics.Set) *Finder {
	f := &Finder{opt: opt, defaults: defaults, count: count}
	set.NewGauge(`weir_search_index_bytes`, func() float64 { return float64(f.bytes.Load()) })
	set.NewGauge(`weir_search_index_limit_bytes`, func() float64 { return float64(opt.MaxIndexBytes) })
	return f
}

// View is what the list of one set of clients shows. Everything about it is made of the list of tools that it is given,
// when that is another than before: what is listed at once, the index with the next question. Safe for concurrent use.
type View struct {
	of    *Finder
	shelf atomic.Pointer[shelf]
	index atomic.Pointer[index]

	making sync.Mutex // held while a shelf is made
	find   *handler.Tool
	miss   *handler.Tool // call_tool, for what names no tool
}

// shelf is what of one list of tools is listed. It is never changed.
type shelf struct {
	all     []*handler.Tool
	listed  []*handler.Tool // all, where nothing is replaced
	on      bool
	texts   string           // the description of find_tools
	tasks   bool             // some tool has tasks
	entries [2]*handler.Tool // call_tool and find_tools, as they are listed
}

// index is what of one list of tools is searched. It is never changed.
type index struct {
	all   []*handler.Tool
	words *search.Index
}

// View makes one.
func (f *Finder) View() *View { return &View{of: f} }

// same says whether two lists are one. Who changes a list makes another.
func same(a, b []*handler.Tool) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// Listed is what a list shows of tools, in order of names. It costs a comparison, unless they are others than before.
func (v *View) Listed(of *feature.Set[*handler.Tool]) []*handler.Tool { return v.show(of.All()).listed }

// Shows says whether a tool of a set is listed.
func (v *View) Shows(t *handler.Tool, of *feature.Set[*handler.Tool]) bool {
	return !v.show(of.All()).on || v.of.lists(t)
}

// lists says whether a tool is listed where others are not.
func (f *Finder) lists(t *handler.Tool) bool {
	return t.HasUI || f.opt.lists(cmp.Or(t.Handler.Public, t.Tool.Name))
}

// show is the shelf of a list.
func (v *View) show(all []*handler.Tool) *shelf {
	if s := v.shelf.Load(); s != nil && same(s.all, all) {
		return s
	}
	v.making.Lock()
	defer v.making.Unlock()
	was := v.shelf.Load()
	if was != nil && same(was.all, all) {
		return was
	}
	s := v.arrangeLocked(all, was)
	v.shelf.Store(s)
	return s
}

// Find finds the tool that a tools/call of this name is to: one of the two that stand for the others, or else the one
// of the name. For call_tool it is the tool that call_tool names, at which c is then aimed: its name and arguments are
// what c.Env says from there on. What call_tool says wrong is call_tool's own to answer. Nothing is allocated but for
// names with escapes, and where the tools are others than before.
func (v *View) Find(c *call.Call, name []byte, of *feature.Set[*handler.Tool]) (t *handler.Tool, ok bool) {
	if IsOne(name) && v.show(of.All()).on {
		return v.aim(c, name, of), true
	}
	return of.Get(name)
}

func (v *View) aim(c *call.Call, name []byte, of *feature.Set[*handler.Tool]) *handler.Tool {
	if string(name) == FindTools {
		return v.find
	}
	wanted, arguments, ok := split(c.Raw, c.Env.Arguments)
	if !ok {
		return v.miss
	}
	inner, ok := codec.StringOf(wanted.Of(c.Raw))
	if !ok {
		return v.miss
	}
	t, ok := of.Get(inner)
	if !ok {
		return v.miss
	}
	c.Env.Name, c.Env.Arguments = wanted, arguments
	return t
}

// split finds what the arguments of call_tool hold, which is a name, arguments or none, and nothing else.
func split(raw []byte, of codec.Span) (name, arguments codec.Span, ok bool) {
	object := of.Of(raw)
	for off := 0; ; {
		key, value, next := codec.NextMember(object, off)
		switch {
		case next == 0:
			return name, arguments, false
		case next < 0:
			return name, arguments, name.Present()
		}
		off = next
		at := codec.Span{Off: of.Off + uint32(next-len(value)), Len: uint32(len(value))}
		switch member, _ := codec.StringOf(key); string(member) {
		case "name":
			name = at
		case "arguments":
			arguments = at
		default:
			return name, arguments, false
		}
	}
}

// arrangeLocked makes the shelf of a list; was is the one before. v.making is held.
func (v *View) arrangeLocked(all []*handler.Tool, was *shelf) *shelf {
	s := &shelf{all: all, listed: all, on: v.of.opt.replaces(len(all))}
	if !s.on {
		return s
	}
	if v.find == nil {
		v.find, v.miss = v.of.tools(v)
	}
	s.texts = describe(all)
	for _, t := range all {
		s.tasks = s.tasks || t.Handler.Tasks != call.TaskForbidden
	}
	if was == nil || !was.on {
		was = &shelf{}
	}
	s.entries = was.entries
	if s.entries[0] == nil || was.tasks != s.tasks {
		s.entries[0] = v.of.entry(v.miss, callTool(), s.tasks)
	}
	if was.texts != s.texts {
		s.entries[1] = v.of.entry(v.find, findTools(s.texts), false)
	}
	s.listed = make([]*handler.Tool, 0, 8)
	ours := s.entries[:]
	for _, t := range all {
		for len(ours) > 0 && ours[0].Tool.Name <= t.Tool.Name {
			s.listed, ours = append(s.listed, ours[0]), ours[1:]
		}
		if v.of.lists(t) && !IsOne([]byte(t.Tool.Name)) {
			s.listed = append(s.listed, t)
		}
	}
	s.listed = append(s.listed, ours...)
	return s
}

// entry is t as a list shows it under a definition.
func (f *Finder) entry(t *handler.Tool, d *mcp.Tool, tasks bool) *handler.Tool {
	support := ""
	if tasks {
		support = call.TaskOptional.String()
	}
	shown, err := feature.DefineTool(d, support, f.defaults.MaxBytes)
	if err != nil {
		panic(fmt.Sprintf("finder: %s: %v", d.Name, err))
	}
	listed := *t
	listed.Tool = shown
	return &listed
}

// tools makes the two as they are run for a view.
func (f *Finder) tools(v *View) (find, miss *handler.Tool) {
	cheap := []handler.Option{func(h *call.Handler) { h.Cheap, h.SkipsMeta = true, true }}
	find, err := handler.NewTypedTool(findTools(""), func(_ context.Context, r *mcp.CallToolRequest, q question) (
		*mcp.CallToolResult, answer, error) {
		return nil, v.answer(q), nil
	}, f.defaults, cheap)
	if err != nil {
		panic(fmt.Sprintf("finder: %s: %v", FindTools, err))
	}
	miss, err = handler.NewTypedTool(callTool(), func(_ context.Context, _ *mcp.CallToolRequest, wanted struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments,omitempty"`
	}) (*mcp.CallToolResult, any, error) {
		return nil, nil, v.missing(wanted.Name)
	}, f.defaults, cheap)
	if err != nil {
		panic(fmt.Sprintf("finder: %s: %v", CallTool, err))
	}
	find.Handler.Series, miss.Handler.Series = f.count(&find.Handler), f.count(&miss.Handler)
	return find, miss
}

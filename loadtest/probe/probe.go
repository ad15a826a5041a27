package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/loadtest/wire"
)

// Result is what one polite client found out about a server before the load: that it is there, which revision it
// speaks, and what can be called.
type Result struct {
	Era      wire.Era
	Revision string
	Server   string // its name and version, as it says
	Method   string
	Tool     string
	Args     string
	Streams  bool // event streams can be opened
	Tools    int
	Notes    []string // what the user should know of the choice, and of the server's ways

	wanting string // which arguments the tool asks for, when none were given
}

// Options is what the user asked for; empty fields are for the probe to choose.
type Options struct {
	Era       string // "", "legacy" or "modern"
	Tool      string
	Arguments string
	// Preferred and PreferredArguments are the scenario's tool, taken when the server lists it.
	Preferred, PreferredArguments string
	Headers                       string
	// Streams asks whether GET opens an event stream; a server that says nothing on it until there is an event takes the
	// whole patience of the probe.
	Streams bool
}

// probeTimeout is how long the probe waits for each answer. Tests of servers that fall silent set a shorter one.
var probeTimeout = 5 * time.Second

const maxPages = 100 // of tools that are read

// tailPatience is how long an event stream may go on behind its answer.
const tailPatience = 100 * time.Millisecond

var (
	// errSilent says that a server took a request and did not answer.
	errSilent     = errors.New("no answer")
	errUnfinished = errors.New("an answer began and did not end")
	errCut        = errors.New("the server closed the connection in the middle of an answer")
	errClosed     = errors.New("the server closed the connection")
	errTwice      = errors.New("a second answer came to a request before: a request has one (JSON-RPC 2.0, section 5)")
)

// Examine talks to the target as one client would. Its error is a sentence that says what to do.
func Examine(ctx context.Context, t *wire.Target, w Options) (Result, error) {
	eras := []wire.Era{wire.Legacy, wire.Modern}
	switch w.Era {
	case "legacy":
		eras = eras[:1]
	case "modern":
		eras = eras[1:]
	}
	var first error
	for _, era := range eras {
		p, err := examine(ctx, t, w, era)
		if err == nil {
			return p, nil
		}
		if first == nil {
			first = err
		}
		var unreachable *unreachableError
		if errors.As(err, &unreachable) {
			break
		}
	}
	return Result{}, first
}

func examine(ctx context.Context, t *wire.Target, w Options, era wire.Era) (Result, error) {
	p := Result{Era: era, Revision: wire.LegacyRevision, Method: wire.MethodCall}
	if era == wire.Modern {
		p.Revision = wire.ModernRevision
	}
	c, err := dialProbe(ctx, t, w.Headers)
	if err != nil {
		return p, err
	}
	defer c.close()
	if err := c.greet(&p); err != nil {
		return p, c.explain(err)
	}
	if err := c.choose(&p, w); err != nil {
		return p, c.explain(err)
	}
	o := c.options(&p)
	o.Method, o.Tool, o.Arguments = p.Method, p.Tool, p.Args
	msgs, err := wire.NewMessages(&o)
	if err != nil {
		return p, err
	}
	answer, err := c.call(&o, msgs.Call)
	if err != nil {
		return p, c.explain(fmt.Errorf("a first %s: %w%s", p.describeCall(), err, p.wanting))
	}
	if answer.IsError {
		return p, fmt.Errorf("%s: a first %s came back as an error of the tool (%.200s); choose another one with --tool "+
			"and --arguments%s",
			t.URL, p.describeCall(), answer.raw, p.wanting)
	}
	if err := c.awaitTail(&o); err != nil {
		return p, c.explain(err)
	}
	if c.unended {
		p.Notes = append(p.Notes, "its event streams go on behind their answer: the connection is given up each time, and "+
			"another one made (MCP 2025-11-25, basic/transports: they should end)")
	}
	p.Streams = w.Streams && t.Transport == wire.HTTP && c.hasStreams(ctx, &p, w.Headers)
	c.leave(&p)
	return p, nil
}

func (p *Result) describeCall() string {
	if p.Method == wire.MethodCall {
		return "call of the tool " + p.Tool
	}
	return p.Method
}

// choose finds what to call: what the user named, the scenario's tool, echo, the first tool without required
// arguments, ping.
func (c *prober) choose(p *Result, w Options) error {
	listed, err := c.listTools(p)
	if errors.Is(err, errSilent) || errors.Is(err, wire.ErrBadBytes) {
		return err
	}
	p.Tools = len(listed) // a server without tools answers with an error; ping is left then
	has := func(name string) bool {
		for _, t := range listed {
			if t.Name == name {
				return true
			}
		}
		return false
	}
	p.Args = `{}`
	switch {
	case w.Tool != "":
		p.Tool = w.Tool
		if !has(w.Tool) && err == nil {
			return fmt.Errorf("the server has no tool %q; it lists %s", w.Tool, names(listed))
		}
		if w.Arguments != "" {
			p.Args = w.Arguments
		} else if w.Tool == "echo" {
			p.Args = echoArguments(listed)
		} else {
			p.wanting = wantingOf(listed, w.Tool)
		}
	case w.Preferred != "" && has(w.Preferred):
		p.Tool, p.Args = w.Preferred, w.PreferredArguments
	case has("echo"):
		p.Tool, p.Args = "echo", echoArguments(listed)
	default:
		for _, t := range listed {
			if len(t.InputSchema.Required) == 0 {
				p.Tool = t.Name
				break
			}
		}
	}
	if p.Tool == "" {
		p.Method = "ping"
		if p.Era == wire.Modern { // which has no ping
			p.Method = "tools/list"
		}
		if len(listed) > 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("every tool of the server needs arguments, so %s was called; name one with "+
				"--tool and --arguments (%s)", p.Method, names(listed)))
		}
	}
	return nil
}

// listTools reads all pages of the list.
func (c *prober) listTools(p *Result) (tools []listedTool, err error) {
	o := c.options(p)
	for cursor, pages := "", 0; pages < maxPages; pages++ {
		page, err := c.call(&o, wire.ListTools(&o, cursor))
		if err != nil {
			return tools, err
		}
		tools = append(tools, page.Tools...)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	return tools, nil
}

// wantingOf says which arguments a tool needs.
func wantingOf(tools []listedTool, name string) string {
	for _, t := range tools {
		if required := t.InputSchema.Required; t.Name == name && len(required) > 0 {
			return "; it needs " + strings.Join(required, ", ") + ": give them with --arguments"
		}
	}
	return ""
}

// maxNames of tools are named in a sentence.
const maxNames = 20

func names(tools []listedTool) string {
	var list []string
	for _, t := range tools {
		list = append(list, t.Name)
	}
	if more := len(list) - maxNames; more > 0 {
		list = append(list[:maxNames], fmt.Sprintf("and %d more", more))
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// echoArguments gives each required member of echo, or its only one, sixteen bytes of text.
func echoArguments(tools []listedTool) string {
	args := map[string]string{}
	for _, t := range tools {
		if t.Name != "echo" {
			continue
		}
		for _, name := range t.InputSchema.Required {
			args[name] = "0123456789abcdef"
		}
		if len(args) == 0 && len(t.InputSchema.Properties) == 1 {
			for name := range t.InputSchema.Properties {
				args[name] = "0123456789abcdef"
			}
		}
	}
	text, _ := json.Marshal(args) // a map of strings always can be
	return string(text)
}

// hasStreams asks on a connection of its own whether GET, or subscriptions/listen, opens an event stream.
func (c *prober) hasStreams(ctx context.Context, p *Result, headers string) bool {
	other, err := dialProbe(ctx, c.target, headers)
	if err != nil {
		return false
	}
	defer other.close()
	if err := other.conn.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		return false
	}
	o := other.options(p)
	o.Stream = true
	msgs, err := wire.NewMessages(&o)
	if err != nil {
		return false
	}
	if _, err := other.conn.Write(wire.StreamRequest(&o, wire.NewFormat(&o), &msgs, c.session)); err != nil {
		return false
	}
	head := make([]byte, 64)
	n, err := other.conn.Read(head)
	text := string(head[:n])
	return err == nil && (strings.HasPrefix(text, "HTTP/1.1 200") || strings.HasPrefix(text, "HTTP/1.0 200"))
}

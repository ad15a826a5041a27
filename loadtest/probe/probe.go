package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
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

const (
	probeTimeout = 5 * time.Second
	maxPages     = 100 // of tools that are read
)

// errSilent says that a server took a request and did not answer.
var errSilent = errors.New("no answer")

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
		var unreachable *net.OpError
		if errors.As(err, &unreachable) && unreachable.Op == "dial" {
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
	defer c.conn.Close()
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
		return p, c.explain(fmt.Errorf("a first %s: %w", p.describeCall(), err))
	}
	if answer.IsError {
		return p, fmt.Errorf("%s: a first %s came back as an error of the tool (%.200s); choose another one with --tool "+
			"and --arguments",
			t.URL, p.describeCall(), answer.raw)
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

// prober is one blocking connection.
type prober struct {
	target  *wire.Target
	conn    net.Conn
	headers string
	session []byte
	in      []byte
	started []byte // the first bytes that the server sent, for the message that says what it speaks
	decoder wire.Decoder
	nextID  uint64
}

func dialProbe(ctx context.Context, t *wire.Target, headers string) (*prober, error) {
	d := net.Dialer{Timeout: probeTimeout}
	conn, err := d.DialContext(ctx, t.Network, t.Address)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be reached (%w): start the server, or say with --target where it listens", t.URL,
			err)
	}
	if err := conn.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		conn.Close()
		return nil, err
	}
	return &prober{target: t, conn: conn, headers: headers, nextID: wire.FirstID}, nil
}

func (c *prober) options(p *Result) wire.Options {
	o := wire.DefaultOptions()
	o.Network, o.Address, o.Path, o.Host, o.Transport = c.target.Network, c.target.Address, c.target.Path, c.target.Host,
		c.target.Transport
	o.Era, o.Revision, o.Headers = p.Era, p.Revision, c.headers
	return o
}

// greet initializes, where the era asks for it.
func (c *prober) greet(p *Result) error {
	o := c.options(p)
	if hello := wire.NewFormat(&o).Opening(); hello != nil {
		if _, err := c.conn.Write(hello); err != nil {
			return err
		}
	}
	if o.Transport == wire.WebSocket {
		a, err := c.receive(&o)
		if err != nil {
			return err
		}
		if a.Kind != wire.ArrivalOpened {
			return &statusError{"the WebSocket upgrade", a.Status, a.Body}
		}
	}
	if p.Era == wire.Modern {
		return nil
	}
	msgs, err := wire.NewMessages(&o)
	if err != nil {
		return err
	}
	answer, err := c.call(&o, msgs.Greeting)
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	if answer.ProtocolVersion != "" {
		p.Revision = answer.ProtocolVersion
		o.Revision = p.Revision
	}
	p.Server = strings.TrimSpace(answer.ServerInfo.Name + " " + answer.ServerInfo.Version)
	t := wire.NewFormat(&o).Wrap(msgs.Initialized, -1, c.session)
	if _, err := c.conn.Write(t.Bytes); err != nil {
		return err
	}
	if o.Transport != wire.HTTP {
		return nil
	}
	a, err := c.receive(&o)
	if err == nil && a.Status/100 != 2 {
		err = &statusError{"notifications/initialized", a.Status, a.Body}
	}
	return err
}

// answer is what the probe reads of any answer.
type answer struct {
	ProtocolVersion string
	ServerInfo      struct{ Name, Version string }
	Tools           []listedTool
	NextCursor      string
	IsError         bool
	raw             []byte
}

type listedTool struct {
	Name        string
	InputSchema struct {
		Properties map[string]json.RawMessage
		Required   []string
	}
}

// call sends one request and waits for its answer; an error answer is an error.
func (c *prober) call(o *wire.Options, body []byte) (answer, error) {
	var r answer
	t := wire.NewFormat(o).Wrap(body, wire.IDOffset(body), c.session)
	id := c.nextID
	c.nextID++
	if _, err := c.conn.Write(t.Append(nil, id)); err != nil {
		return r, err
	}
	for {
		a, err := c.receive(o)
		if err != nil {
			return r, err
		}
		if len(a.Session) > 0 {
			c.session = append([]byte(nil), a.Session...)
		}
		if a.Kind != wire.ArrivalMessage || a.IsProse() {
			if a.Status != 0 {
				return r, &statusError{"the request", a.Status, a.Body}
			}
			continue
		}
		var m struct {
			ID     json.RawMessage
			Method string
			Result json.RawMessage
			Error  *struct {
				Code    int
				Message string
			}
		}
		if err := json.Unmarshal(a.Body, &m); err != nil {
			return r, fmt.Errorf("%w: %.200q", wire.ErrBadBytes, a.Body)
		}
		switch {
		case m.Method != "":
			continue // its own request or notification
		case m.Error != nil:
			return r, fmt.Errorf("the server answers %d: %s", m.Error.Code, m.Error.Message)
		case string(m.ID) != strconv.FormatUint(id, 10):
			return r, fmt.Errorf("the request's id is %d, and the answer's is %.40s: it must be the same (JSON-RPC 2.0, "+
				"section 5)",
				id, m.ID)
		}
		if err := json.Unmarshal(m.Result, &r); err != nil {
			return r, fmt.Errorf("%w: %.200q", wire.ErrBadBytes, a.Body)
		}
		r.raw = append([]byte(nil), m.Result...)
		return r, nil
	}
}

// receive waits for one arrival.
func (c *prober) receive(o *wire.Options) (wire.Arrival, error) {
	w := wire.NewFormat(o)
	buf := make([]byte, 64<<10)
	for {
		if len(c.in) > 0 {
			a, n, err := w.Next(&c.decoder, c.in)
			if err != nil {
				return a, err
			}
			if n > 0 && a.Kind == wire.ArrivalNothing && a.Status == 0 { // an empty line, or an interim response
				c.in = c.in[n:]
				continue
			}
			if n > 0 {
				a.Body, a.Session = append([]byte(nil), a.Body...), append([]byte(nil), a.Session...)
				c.in = c.in[n:]
				return a, nil
			}
		}
		n, err := c.conn.Read(buf)
		if len(c.started) == 0 {
			c.started = append(c.started, buf[:min(n, 80)]...)
		}
		c.in = append(c.in, buf[:n]...)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return wire.Arrival{}, fmt.Errorf("%w within %v", errSilent, probeTimeout)
		case err != nil && n == 0:
			return wire.Arrival{}, fmt.Errorf("the server closed the connection: %w", err)
		case len(c.in) > o.MaxAnswerBytes:
			return wire.Arrival{}, fmt.Errorf("%w: an answer of more than %d bytes", wire.ErrBadBytes, o.MaxAnswerBytes)
		}
	}
}

// explain adds what the server seems to speak instead, when that is the trouble.
func (c *prober) explain(err error) error {
	t := c.target
	if t.Transport == wire.Line && strings.HasPrefix(string(c.started), "HTTP/") {
		return fmt.Errorf("%s speaks HTTP, not lines: try --target http://%s/mcp", t.URL, t.Address)
	}
	if t.Transport != wire.Line && strings.HasPrefix(string(c.started), "{") {
		return fmt.Errorf("%s speaks newline-delimited JSON, not HTTP: try --target tcp://%s", t.URL, t.Address)
	}
	const tlsAlert = "\x15\x03"
	// as Go's says
	if strings.HasPrefix(string(c.started), tlsAlert) || strings.Contains(string(c.started), "HTTPS server") {
		return fmt.Errorf("%s speaks TLS, which is not spoken here: measure the server behind its proxy", t.URL)
	}
	if errors.Is(err, wire.ErrBadBytes) || errors.Is(err, errSilent) && len(c.started) == 0 {
		return fmt.Errorf("%s does not seem to speak MCP over %s (%w): check the port, the scheme and the path", t.URL,
			t.Transport, err)
	}
	var status *statusError
	if errors.As(err, &status) {
		return fmt.Errorf("%s: %w: %s", t.URL, err, status.advice(t))
	}
	return fmt.Errorf("%s: %w", t.URL, err)
}

// statusError is an HTTP status where an MCP message was due.
type statusError struct {
	to     string
	status int
	body   []byte
}

// Error says what was answered with which status.
func (e *statusError) Error() string {
	said := strings.Join(strings.Fields(string(e.body)), " ")
	return strings.TrimSpace(fmt.Sprintf("%s was answered with HTTP %d %.200s", e.to, e.status, said))
}

// advice says what to try.
func (e *statusError) advice(t *wire.Target) string {
	switch e.status {
	case 401, 403, 407:
		return "it serves others than us; say who asks with --header 'Authorization: Bearer ...', or by which name with " +
			"the host of --target"
	case 429, 503:
		return "it is full, or stops; try again later, or raise its limits"
	}
	if t.Transport == wire.WebSocket {
		return fmt.Sprintf("it does not speak WebSocket there; check the path, or try --target http://%s%s", t.Address,
			t.Path)
	}
	return "there is no MCP over HTTP at this path; check it (/mcp is usual) and the port"
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

func names(tools []listedTool) string {
	var list []string
	for _, t := range tools {
		list = append(list, t.Name)
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
	defer other.conn.Close()
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
	return err == nil && strings.HasPrefix(string(head[:n]), "HTTP/1.1 200")
}

// leave ends the probe's session.
func (c *prober) leave(p *Result) {
	o := c.options(p)
	if w, ok := wire.NewFormat(&o).(*wire.HTTPFormat); ok && len(c.session) > 0 {
		_, _ = c.conn.Write(w.DeleteSession(c.session)) // a session that stays costs the server little, and us nothing
	}
}

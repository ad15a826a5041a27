package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/loadtest/wire"
)

// prober is one client with one blocking connection at a time. Over HTTP its session outlives a connection.
type prober struct {
	ctx     context.Context
	target  *wire.Target
	conn    net.Conn
	headers string
	session []byte
	in      []byte
	started []byte // the first bytes that the server sent, for the message that says what it speaks
	decoder wire.Decoder
	nextID  uint64
	answers int  // that the connection has brought
	over    bool // it brings nothing more
	tail    bool // the event stream of the latest answer goes on
	unended bool // a stream did not end behind its answer
}

func dialProbe(ctx context.Context, t *wire.Target, headers string) (*prober, error) {
	c := &prober{ctx: ctx, target: t, headers: headers, nextID: wire.FirstID}
	return c, c.dial()
}

// dial connects to the first of the target's addresses where somebody listens, which is the target's from then on.
func (c *prober) dial() error {
	t := c.target
	var tries []string
	var last error
	for _, address := range append([]string{t.Address}, t.Others...) {
		d := net.Dialer{Timeout: probeTimeout}
		conn, err := d.DialContext(c.ctx, t.Network, address)
		if err == nil {
			t.Address, t.Others = address, nil
			c.conn, c.in, c.decoder, c.answers, c.over, c.tail = conn, nil, wire.Decoder{}, 0, false, false
			return nil
		}
		last = err
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		tries = append(tries, fmt.Sprintf("%s: %v", address, err))
	}
	return &unreachableError{fmt.Sprintf("%s cannot be reached (%s): start the server, or say with --target where it "+
		"listens", t.URL, strings.Join(tries, "; ")), last}
}

// unreachableError says that nobody listens at the target.
type unreachableError struct {
	text  string
	cause error
}

// Error says which addresses were tried.
func (e *unreachableError) Error() string { return e.text }

// Unwrap returns what the last try ended with.
func (e *unreachableError) Unwrap() error { return e.cause }

func (c *prober) close() { c.conn.Close() }

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
			return &statusError{"the WebSocket upgrade", a}
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
	if o.Transport != wire.HTTP {
		_, err := c.conn.Write(t.Bytes)
		return err
	}
	a, err := c.exchange(&o, t.Bytes)
	if err == nil && a.Status/100 != 2 {
		err = &statusError{"notifications/initialized", a}
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
	a, err := c.exchange(o, t.Append(nil, id))
	for ; ; a, err = c.receive(o) {
		if err != nil {
			return r, err
		}
		if len(a.Session) > 0 {
			c.session = append([]byte(nil), a.Session...)
		}
		if a.Kind == wire.ArrivalClose {
			return r, fmt.Errorf("the server closed the WebSocket (code %s, %.100q)", a.Said, a.Body)
		}
		if a.IsNoMessage() {
			if a.Status != 0 {
				return r, &statusError{"the request", a}
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
		c.tail = a.Early && m.Method == ""
		switch {
		case m.Method != "":
			continue // its own request or notification
		case m.Error != nil:
			err := fmt.Errorf("the server answers %d: %s", m.Error.Code, m.Error.Message)
			if a.Status == 401 {
				err = fmt.Errorf("%w; say who asks with --token-file FILE", err)
			}
			return r, err
		case isEarlier(m.ID, id):
			return r, errTwice
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

// isEarlier says whether an answer's id is that of a request before.
func isEarlier(text json.RawMessage, id uint64) bool {
	n, err := strconv.ParseUint(string(text), 10, 64)
	return err == nil && wire.FirstID <= n && n < id
}

// exchange sends one message and waits for what comes first. Over HTTP a connection that the server has ended behind an
// answer is replaced by another one, and what it did not answer is sent once more there: the probe is polite, and not
// counted.
func (c *prober) exchange(o *wire.Options, message []byte) (wire.Arrival, error) {
	if err := c.awaitTail(o); err != nil {
		return wire.Arrival{}, err
	}
	for again := false; ; again = true {
		if c.over {
			c.close()
			if err := c.dial(); err != nil {
				return wire.Arrival{}, err
			}
		}
		var a wire.Arrival
		if err := c.conn.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
			return a, err
		}
		_, err := c.conn.Write(message)
		if err == nil {
			a, err = c.receive(o)
		} else {
			err = fmt.Errorf("%w: %w", errClosed, err)
		}
		if !errors.Is(err, errClosed) || again || c.answers == 0 || o.Transport != wire.HTTP {
			return a, err
		}
		c.over = true
	}
}

// awaitTail gives the event stream of the latest answer a moment to end, before the connection is given up.
func (c *prober) awaitTail(o *wire.Options) error {
	for c.tail && !c.over {
		if err := c.conn.SetDeadline(time.Now().Add(tailPatience)); err != nil {
			return err
		}
		a, err := c.receive(o)
		switch {
		case err != nil:
			c.over, c.unended = true, c.unended || errors.Is(err, errSilent) || errors.Is(err, errUnfinished)
		case a.Kind == wire.ArrivalMessage:
			var m struct{ Method string }
			if json.Unmarshal(a.Body, &m) != nil || m.Method == "" {
				return errTwice
			}
		default:
			c.tail = false
		}
	}
	return nil
}

// receive waits for one arrival.
func (c *prober) receive(o *wire.Options) (wire.Arrival, error) {
	w := wire.NewFormat(o)
	buf := make([]byte, 64<<10)
	for {
		for len(c.in) > 0 {
			a, n, err := w.Next(&c.decoder, c.in)
			if err != nil {
				return a, err
			}
			if n == 0 && !a.Early {
				break
			}
			a.Body, a.Session = append([]byte(nil), a.Body...), append([]byte(nil), a.Session...)
			c.in = c.in[n:]
			if a.Kind != wire.ArrivalNothing || a.Status != 0 || a.Last || c.tail {
				c.answers++
				c.over = a.Last
				return a, nil
			} // else an empty line, or an interim response
		}
		n, err := c.conn.Read(buf)
		if len(c.started) == 0 {
			c.started = append(c.started, buf[:min(n, 80)]...)
		}
		c.in = append(c.in, buf[:n]...)
		switch {
		case err != nil && n == 0:
			return c.inputEnded(w, err)
		case len(c.in) > o.MaxAnswerBytes:
			return wire.Arrival{}, fmt.Errorf("%w: an answer of more than %d bytes", wire.ErrBadBytes, o.MaxAnswerBytes)
		}
	}
}

// inputEnded is what the end of the connection brings, or of our patience.
func (c *prober) inputEnded(w wire.Format, err error) (wire.Arrival, error) {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		if len(c.in) > 0 {
			return wire.Arrival{}, fmt.Errorf("%w within %v: %.120q", errUnfinished, probeTimeout, c.in)
		}
		return wire.Arrival{}, fmt.Errorf("%w within %v", errSilent, probeTimeout)
	}
	c.over = true
	a, ok, cut := w.End(&c.decoder, c.in)
	switch {
	case cut != nil:
		return wire.Arrival{}, fmt.Errorf("%w, behind %d bytes: %.120q", errCut, len(c.in), c.in)
	case ok:
		c.answers++
		return a, nil
	}
	return wire.Arrival{}, fmt.Errorf("%w: %w", errClosed, err)
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
	if errors.Is(err, wire.ErrBadBytes) || len(c.started) == 0 &&
		(errors.Is(err, errSilent) || errors.Is(err, errClosed)) {
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
	to string
	wire.Arrival
}

// Error says what was answered with which status.
func (e *statusError) Error() string {
	text := fmt.Sprintf("%s was answered with HTTP %d", e.to, e.Status)
	if e.Said != "" {
		text += fmt.Sprintf(" (%s)", e.Said)
	}
	if len(e.RetryAfter) > 0 {
		text += fmt.Sprintf(" (come again after %.40s)", e.RetryAfter)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %.200s", text, strings.Join(strings.Fields(string(e.Body)), " ")))
}

// advice says what to try.
func (e *statusError) advice(t *wire.Target) string {
	switch {
	case e.Packed:
		return "it packs what it was asked to leave plain (Accept-Encoding: identity); have it, or the proxy before it, " +
			"do so, or measure it behind that proxy"
	case e.Status/100 == 3 && len(e.Location) > 0:
		if to, err := url.Parse(t.URL); err == nil {
			if there, err := to.Parse(string(e.Location)); err == nil {
				return "it is served elsewhere: try --target " + there.String()
			}
		}
	case e.Status == 401 || e.Status == 403 || e.Status == 407:
		return "it serves others than us; say who asks with --token-file FILE, or by which name with the host of " +
			"--target"
	case e.Status == 429 || e.Status == 503:
		return "it is full, or stops; try again later, or raise its limits"
	case strings.Contains(string(e.Body), "HTTPS"):
		return "it speaks TLS, which is not spoken here: measure the server behind its proxy"
	case e.Status/100 == 2:
		return "that answers no request: MCP does it with 200 and a response in JSON, or with an event stream that " +
			"brings one"
	}
	if t.Transport == wire.WebSocket {
		return fmt.Sprintf("it does not speak WebSocket there; check the path, or try --target http://%s%s", t.Address,
			t.Path)
	}
	return "there is no MCP over HTTP at this path; check it (/mcp is usual) and the port"
}

// leave ends the probe's session.
func (c *prober) leave(p *Result) {
	o := c.options(p)
	if w, ok := wire.NewFormat(&o).(*wire.HTTPFormat); ok && len(c.session) > 0 {
		_, _ = c.conn.Write(w.DeleteSession(c.session)) // a session that stays costs the server little, and us nothing
	}
}

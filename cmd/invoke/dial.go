package invoke

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const targets = "allowed is http://HOST:PORT/mcp, ws://HOST:PORT/mcp, tcp://HOST:PORT or unix:PATH"

// maxTokenBytes is more than any token has.
const maxTokenBytes = 4 << 10

func readToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := readFile(path)
	if err != nil {
		return "", usage("--token-file: %v", err)
	}
	token := strings.TrimSpace(text)
	if token == "" || len(token) > maxTokenBytes || strings.ContainsAny(token, " \t\r\n") {
		return "", usage("--token-file: %s holds something else than one token: allowed is the token alone", path)
	}
	return token, nil
}

// dial connects, or says how to.
func dial(ctx context.Context, target, token string) (mcp.Transport, error) {
	if path, is := strings.CutPrefix(target, "unix:"); is {
		return dialLines(ctx, "unix", strings.TrimPrefix(path, "//"), token)
	}
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return nil, usage("--target: %q is no address: %s", target, targets)
	}
	if u.Path == "" && u.Scheme != "tcp" {
		u.Path = "/mcp"
	}
	switch u.Scheme {
	case "http":
		return &mcp.StreamableClientTransport{Endpoint: u.String(), MaxRetries: -1, DisableStandaloneSSE: true,
			HTTPClient: &http.Client{Transport: bearing{token, http.DefaultTransport.(*http.Transport).Clone()}}}, nil
	case "ws":
		return dialWebSocket(ctx, u.String(), token)
	case "tcp":
		if u.Port() == "" {
			return nil, usage("--target: %q lacks a port: %s", target, targets)
		}
		return dialLines(ctx, "tcp", u.Host, token)
	case "https", "wss":
		return nil, usage("--target: %s is not spoken here: call the server behind its proxy, %s", u.Scheme, targets)
	}
	return nil, usage("--target: %q is no target: %s", target, targets)
}

// bearing sends a token with each request.
type bearing struct {
	token string
	over  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	answer, err := b.over.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusServiceUnavailable &&
		strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		answer.StatusCode = http.StatusOK // the client reads why it was refused only from such an answer
	}
	return answer, err
}

func unreached(target string, err error) error {
	return fmt.Errorf("no server answers at %s: %w; --target says where it is", target, err)
}

func dialLines(ctx context.Context, network, address, token string) (mcp.Transport, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, unreached(address, err)
	}
	if token != "" {
		if _, err := io.WriteString(conn, "Authorization: Bearer "+token+"\n"); err != nil {
			conn.Close()
			return nil, unreached(address, err)
		}
	}
	return &mcp.IOTransport{Reader: conn, Writer: closedOnce{conn}}, nil
}

// closedOnce leaves the closing to the reader's half: both are one connection.
type closedOnce struct{ io.Writer }

func (closedOnce) Close() error { return nil }

func dialWebSocket(ctx context.Context, target, token string) (mcp.Transport, error) {
	d := ws.Dialer{Protocols: []string{"mcp"}}
	if token != "" {
		d.Header = ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + token}}
	}
	conn, early, _, err := d.Dial(ctx, target)
	if err != nil {
		return nil, unreached(target, err)
	}
	c := &webSocket{Conn: conn}
	if early != nil { // what came with the answer to the handshake
		c.early = early
	}
	return &mcp.IOTransport{Reader: c, Writer: closedOnce{writing{c}}}, nil
}

// webSocket is a WebSocket as a stream of lines: a message of text is a line.
type webSocket struct {
	net.Conn
	early io.Reader // read first; nil: nothing is left of it
	rest  []byte    // of a message that was read
	line  []byte    // that is written and has no end yet
}

// Read implements io.Reader.
func (c *webSocket) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		message, op, err := wsutil.ReadServerData(through{c})
		var closed wsutil.ClosedError
		if errors.As(err, &closed) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, err
		}
		if op == ws.OpText {
			c.rest = append(message, '\n')
		}
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// through is what frames are read from, and answered to.
type through struct{ c *webSocket }

func (t through) Read(b []byte) (int, error) {
	if t.c.early != nil {
		if n, err := t.c.early.Read(b); n > 0 || err != io.EOF {
			return n, err
		}
		t.c.early = nil
	}
	return t.c.Conn.Read(b)
}

func (t through) Write(b []byte) (int, error) { return t.c.Conn.Write(b) }

// writing writes a message for each line.
type writing struct{ c *webSocket }

// Write implements io.Writer.
func (w writing) Write(b []byte) (int, error) {
	w.c.line = append(w.c.line, b...)
	for {
		line, rest, whole := bytes.Cut(w.c.line, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		if err := wsutil.WriteClientText(w.c.Conn, bytes.Clone(line)); err != nil { // it is masked in place
			return 0, err
		}
		w.c.line = rest
	}
}

package probe

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/wire"
)

func TestMain(m *testing.M) {
	probeTimeout = 3 * time.Second // in which those that answer do
	goleak.VerifyTestMain(m)
}

func examineURL(t *testing.T, url string, o Options) (Result, *wire.Target, error) {
	t.Helper()
	target, err := wire.ParseTarget(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Examine(fixture.Within(t), &target, o)
	return p, &target, err
}

// said holds an error, or the notes of a success, against the words that the user reads.
func said(t *testing.T, p Result, err error, want string) {
	t.Helper()
	got := strings.Join(p.Notes, "; ")
	if err != nil {
		got = err.Error()
	}
	if (err != nil) != strings.HasPrefix(want, "!") || !strings.Contains(got, strings.TrimPrefix(want, "!")) {
		t.Errorf("got %v, %s\nwant %s", err != nil, got, want)
	}
}

// oddServer is one that answers in its own way, and what the probe says of it. Words behind "!" are an error.
type oddServer struct {
	name, want string
	answer     func(r *fixture.Request) string
}

// always answers each request with the same.
func always(text string) func(*fixture.Request) string {
	return func(*fixture.Request) string { return text }
}

// onCalls answers each call with the same.
func onCalls(text string) func(*fixture.Request) string {
	return fixture.OnCalls(func(*fixture.Request, string) string { return text })
}

func offering(tools string) func(r *fixture.Request) string {
	return func(r *fixture.Request) string {
		switch {
		case strings.Contains(r.Text, "tools/list"):
			return fixture.Reply("200 OK", "", fixture.Tools(r, tools))
		case r.Calls():
			return fixture.Reply("200 OK", "", wire.MessagePrefix+fixture.ID(r.Text)+`,"result":{"isError":true}}`)
		}
		return fixture.PoliteReply(r, "")
	}
}

// notUnderstood are servers of which nothing can be measured.
var notUnderstood = []oddServer{
	{"301", "!HTTP 301 (to /mcp/) <html>: it is served elsewhere: try --target http://HOST/mcp/",
		always(fixture.Reply("301 Moved", "Location: /mcp/\r\n", "<html>"))},
	{"308 of the call", "!try --target http://other.example/x",
		onCalls(fixture.Reply("308 Moved", "Location: http://other.example/x\r\n", ""))},
	{"429", "!HTTP 429 (come again after 7) slow down: it is full, or stops",
		always(fixture.Reply("429 Slow", "Retry-After: 7\r\nContent-Type: text/plain\r\n", "slow down"))},
	{"gzip", "!in the coding gzip, and identity was asked for): it packs what it was asked to leave plain",
		always(fixture.Reply("200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b\x08"))},
	{"204", "!a first call of the tool echo: the request was answered with HTTP 204: that answers no request",
		onCalls("HTTP/1.1 204 No Content\r\n\r\n")},
	{"202 with a body", "!answered with HTTP 202 {", fixture.OnCalls(func(_ *fixture.Request, body string) string {
		return fixture.Reply("202 Accepted", "", body)
	})},
	{"length too long", "!an answer began and did not end within 3s: \"HTTP/1.1 200 OK",
		onCalls(fixture.Misreply("200 OK", "", "{}", 2))},
	{"cut short", "!the server closed the connection in the middle of an answer, behind ",
		onCalls(fixture.Misreply("200 OK", "", "{}", 2) + fixture.HangUp)},
	{"length too short", "!bad bytes from the server: \"{",
		fixture.OnCalls(func(_ *fixture.Request, body string) string { return fixture.Misreply("200 OK", "", body, -3) })},
	{"id as text", "!it must be the same", fixture.OnCalls(func(r *fixture.Request, body string) string {
		return fixture.Reply("200 OK", "", strings.Replace(body, fixture.ID(r.Text), `"`+fixture.ID(r.Text)+`"`, 1))
	})},
	{"half in an event", "!bad bytes from the server: \"{\\\"jsonrpc",
		fixture.OnCalls(func(_ *fixture.Request, body string) string {
			return fixture.Events("data: " + body[:40] + "\n\ndata: " + body[40:] + "\n\n")
		})},
	{"no event", "!HTTP 200 (an event stream without an event): that answers no request",
		onCalls(fixture.Events(": nothing\n\n"))},
	{"twice", "!a second answer came to a request before", fixture.OnCalls(func(_ *fixture.Request, body string) string {
		return fixture.Events(strings.Repeat("data: "+body+"\n\n", 2))
	})},
	{"twice, by HTTP", "!a second answer came to a request before", func(r *fixture.Request) string {
		return strings.Repeat(fixture.PoliteReply(r, ""), 1+strings.Count(r.Text, "tools/list"))
	}},
	{"closes on a call", "!a first call of the tool echo: the server closed the connection", onCalls(fixture.HangUp)},
	{"page of HTML", "!does not seem to speak MCP over http (initialize: bad bytes from the server: \"<html>hello\")",
		always(fixture.Reply("200 OK", "Content-Type: text/html\r\n", "<html>hello"))},
	{"port of TLS", "!it speaks TLS",
		always(fixture.Reply("400 Bad", "", "<title>400 The plain HTTP request was sent to HTTPS port</title>"))},
	{"needs", "!it needs x, y: give them with --arguments",
		offering(`{"name":"needs","inputSchema":{"required":["x","y"]}}`)},
}

// understood are servers that can be measured.
var understood = []oddServer{
	{"no tools", "", offering("")},
	{"tools that want", "every tool of the server needs arguments, so ping was called; name one with --tool and " +
		"--arguments (a)", offering(`{"name":"a","inputSchema":{"required":["x"]}}`)},
	{"HTTP/1.0", "", func(r *fixture.Request) string {
		status, body := fixture.Polite(r)
		return "HTTP/1.0 " + status + "\r\nContent-Type: application/json\r\n\r\n" + body + fixture.HangUp
	}},
	{"says close", "", func(r *fixture.Request) string {
		return fixture.PoliteReply(r, "Connection: close\r\n") + fixture.HangUp
	}},
	{"closes in silence", "", func(r *fixture.Request) string { return fixture.PoliteReply(r, "") + fixture.HangUp }},
	{"closes each third", "", func(r *fixture.Request) string {
		if r.Nth == 3 {
			return fixture.HangUp
		}
		return fixture.PoliteReply(r, "")
	}},
	{"byte order mark", "", func(r *fixture.Request) string {
		status, body := fixture.Polite(r)
		return fixture.Reply(status, "", strings.Replace(body, "{", "\xef\xbb\xbf{", 1))
	}},
	{"endless stream", "its event streams go on behind their answer", fixture.Endless},
	{"interim answers", "", func(r *fixture.Request) string {
		return "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + fixture.PoliteReply(r, "")
	}},
}

func TestOddServers(t *testing.T) {
	for _, s := range slices.Concat(notUnderstood, understood) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			address := fixture.HTTPServer(t, s.answer)
			o := Options{Era: "legacy"}
			if s.name == "needs" {
				o.Tool = s.name
			}
			p, _, err := examineURL(t, "http://"+address+"/mcp", o)
			said(t, p, err, strings.Replace(s.want, "HOST", address, 1))
		})
	}
}

// What does not speak HTTP at all says what it is, as far as it can be seen.
func TestOddPorts(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	address := strings.TrimPrefix(secure.URL, "https://")
	for url, want := range map[string]string{
		"http://" + address + "/mcp": "speaks TLS, which is not spoken here",
		"tcp://" + address:           "does not seem to speak MCP over tcp (initialize: the server closed the connection",
	} {
		if _, _, err := examineURL(t, url, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
	who := ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusPolicyViolation, "who are you"))
	closing := fixture.HTTPServer(t, func(*fixture.Request) string {
		return fixture.Upgraded + string(ws.MustCompileFrame(who)) + fixture.HangUp
	})
	_, _, err := examineURL(t, "ws://"+closing+"/mcp", Options{Era: "legacy"})
	said(t, Result{}, err, `!the server closed the WebSocket (code 1008, "who are you")`)
}

// A name may have addresses of both families: the first at which somebody listens is taken, and an error names all.
func TestBothFamilies(t *testing.T) {
	answer := func(r *fixture.Request) string { return fixture.PoliteReply(r, "") }
	address := fixture.HTTPServer(t, answer)
	_, port, _ := net.SplitHostPort(address)
	target := wire.Target{URL: "http://localhost/mcp", Transport: wire.HTTP, Network: "tcp", Path: "/mcp",
		Address: "[::1]:" + port, Others: []string{"127.0.0.1:" + port}}
	if _, err := Examine(fixture.Within(t), &target, Options{}); err != nil || target.Address != address {
		t.Errorf("%v: %+v", err, target)
	}
	target.Address, target.Others = "[::1]:1", []string{"127.0.0.1:1"}
	_, err := Examine(fixture.Within(t), &target, Options{})
	if err == nil || !strings.Contains(err.Error(), "[::1]:1: ") ||
		!strings.Contains(err.Error(), "; 127.0.0.1:1: connect: connection refused): start the server") {
		t.Error(err)
	}
}

package probe

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/wire"
)

func TestMain(m *testing.M) {
	probeTimeout = 500 * time.Millisecond
	os.Exit(m.Run())
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

// TestOddServers: what the probe says of a server that answers in its own way. Words behind "!" are an error.
func TestOddServers(t *testing.T) {
	calls := func(odd func(r *fixture.Request) string) func(r *fixture.Request) string {
		return func(r *fixture.Request) string {
			if r.Calls() {
				return odd(r)
			}
			return fixture.PoliteReply(r, "")
		}
	}
	always := func(text string) func(*fixture.Request) string { return func(*fixture.Request) string { return text } }
	body := func(r *fixture.Request) string { _, b := fixture.Polite(r); return b }
	events := func(text string) string {
		return fixture.Reply("200 OK", "Content-Type: text/event-stream\r\n", text)
	}
	list := func(tools string) func(r *fixture.Request) string {
		return func(r *fixture.Request) string {
			if strings.Contains(r.Text, "tools/list") {
				return fixture.Reply("200 OK", "", fixture.Tools(r, tools))
			}
			return fixture.PoliteReply(r, "")
		}
	}
	for name, row := range map[string]struct {
		answer func(r *fixture.Request) string
		tool   string
		want   string
	}{
		"301":             {answer: always(fixture.Reply("301 Moved", "Location: /mcp/\r\n", "<html>")), want: "!try --target http://HOST/mcp/"},
		"307":             {answer: always(fixture.Reply("307 Moved", "Location: /mcp/\r\n", "")), want: "!HTTP 307 (to /mcp/): it is served elsewhere: try --target http://HOST/mcp/"},
		"308 of the call": {answer: calls(always(fixture.Reply("308 Moved", "Location: http://other.example/x\r\n", ""))), want: "!try --target http://other.example/x"},
		"429":             {answer: always(fixture.Reply("429 Slow", "Retry-After: 7\r\nContent-Type: text/plain\r\n", "slow down")), want: "!HTTP 429 (come again after 7) slow down: it is full, or stops"},
		"gzip":            {answer: always(fixture.Reply("200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b\x08")), want: "!in the coding gzip, and identity was asked for): it packs what it was asked to leave plain"},
		"204":             {answer: calls(always("HTTP/1.1 204 No Content\r\n\r\n")), want: "!a first call of the tool echo: the request was answered with HTTP 204: that answers no request"},
		"202 with a body": {answer: calls(func(r *fixture.Request) string { return fixture.Reply("202 Accepted", "", body(r)) }), want: "!answered with HTTP 202 {"},
		"length too long": {answer: calls(func(r *fixture.Request) string {
			return strings.Replace(fixture.PoliteReply(r, ""), "Length: 1", "Length: 9", 1)
		}), want: "!an answer began and did not end within 500ms"},
		"cut short": {answer: calls(func(r *fixture.Request) string {
			return strings.Replace(fixture.PoliteReply(r, ""), "Length: 1", "Length: 9", 1) + fixture.HangUp
		}), want: "!the server closed the connection in the middle of an answer, behind "},
		"length too short": {answer: calls(func(r *fixture.Request) string {
			return strings.Replace(fixture.PoliteReply(r, ""), "Length: 10", "Length: 1", 1)
		}), want: "!bad bytes from the server"},
		"id as text": {answer: calls(func(r *fixture.Request) string {
			return fixture.Reply("200 OK", "", strings.Replace(body(r), fixture.ID(r.Text), `"`+fixture.ID(r.Text)+`"`, 1))
		}), want: "!it must be the same"},
		"half in an event": {answer: calls(func(r *fixture.Request) string {
			b := body(r)
			return events("data: " + b[:40] + "\n\ndata: " + b[40:] + "\n\n")
		}), want: "!bad bytes from the server: \"{\\\"jsonrpc"},
		"no event": {answer: calls(always(events(": nothing\n\n"))), want: "!HTTP 200 (an event stream without an event): that answers no request"},
		"twice":    {answer: calls(func(r *fixture.Request) string { return events(strings.Repeat("data: "+body(r)+"\n\n", 2)) }), want: "!a second answer came to a request before"},
		"twice, by HTTP": {answer: func(r *fixture.Request) string {
			a := fixture.PoliteReply(r, "")
			if strings.Contains(r.Text, "tools/list") {
				a += a
			}
			return a
		}, want: "!a second answer came to a request before"},
		"closes on a call": {answer: calls(always(fixture.HangUp)), want: "!a first call of the tool echo: the server closed the connection"},
		"page of HTML":     {answer: always(fixture.Reply("200 OK", "Content-Type: text/html\r\n", "<html>hello")), want: "!does not seem to speak MCP over http (initialize: bad bytes from the server: \"<html>hello\")"},
		"port of TLS":      {answer: always(fixture.Reply("400 Bad", "", "<title>400 The plain HTTP request was sent to HTTPS port</title>")), want: "!it speaks TLS"},
		"no tools":         {answer: list(""), want: ""},
		"tools that want":  {answer: list(`{"name":"a","inputSchema":{"required":["x"]}}`), want: "every tool of the server needs arguments, so ping was called; name one with --tool and --arguments (a)"},
		"a tool that wants": {answer: calls(func(r *fixture.Request) string {
			return fixture.Reply("200 OK", "", wire.MessagePrefix+fixture.ID(r.Text)+`,"error":{"code":-32602,"message":"no message"}}`)
		}), tool: "echo", want: "!the server answers -32602: no message"},
		"named, and wants": {answer: func(r *fixture.Request) string {
			if r.Calls() {
				return fixture.Reply("200 OK", "", wire.MessagePrefix+fixture.ID(r.Text)+`,"result":{"isError":true}}`)
			}
			return list(`{"name":"a","inputSchema":{"required":["x","y"]}}`)(r)
		}, tool: "a", want: "!it needs x, y: give them with --arguments"},
		"HTTP/1.0": {answer: func(r *fixture.Request) string {
			status, b := fixture.Polite(r)
			return "HTTP/1.0 " + status + "\r\nContent-Type: application/json\r\n\r\n" + b + fixture.HangUp
		}},
		"closes in silence": {answer: func(r *fixture.Request) string { return fixture.PoliteReply(r, "") + fixture.HangUp }},
		"closes each third": {answer: func(r *fixture.Request) string {
			if r.Nth == 3 {
				return fixture.HangUp
			}
			return fixture.PoliteReply(r, "")
		}},
		"says close": {answer: func(r *fixture.Request) string {
			return fixture.PoliteReply(r, "Connection: close\r\n") + fixture.HangUp
		}},
		"byte order mark": {answer: func(r *fixture.Request) string {
			status, b := fixture.Polite(r)
			if b != "" {
				b = "\xef\xbb\xbf" + b
			}
			return fixture.Reply(status, "", b)
		}},
		"endless stream": {answer: endless, want: "its event streams go on behind their answer"},
		"interim answers": {answer: func(r *fixture.Request) string {
			return "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + fixture.PoliteReply(r, "")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := fixture.HTTPServer(t, row.answer)
			p, _, err := examineURL(t, "http://"+address+"/mcp", Options{Era: "legacy", Tool: row.tool})
			said(t, p, err, strings.Replace(row.want, "HOST", address, 1))
		})
	}
}

// endless answers with event streams that do not end.
func endless(r *fixture.Request) string {
	status, body := fixture.Polite(r)
	if body == "" {
		return fixture.Reply(status, "", "")
	}
	return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nMcp-Session-Id: s\r\n\r\ndata: " + body + "\n\n: more\n"
}

// What does not speak HTTP at all says what it is, as far as it can be seen.
func TestOddPorts(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	secure.StartTLS()
	defer secure.Close()
	address := strings.TrimPrefix(secure.URL, "https://")
	for url, want := range map[string]string{
		"http://" + address + "/mcp": "speaks TLS, which is not spoken here",
		"tcp://" + address:           "speaks HTTP, not lines", // what Go says to a plain line is HTTP
	} {
		if _, _, err := examineURL(t, url, Options{}); err == nil || !strings.Contains(err.Error(), want) &&
			!strings.Contains(err.Error(), "TLS") {
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

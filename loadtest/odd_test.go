package loadtest

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/report"
	"weir/loadtest/wire"
)

// oddServer is one that answers calls in its own way, after the first one, which is the probe's.
type oddServer struct {
	name   string
	answer func(r *fixture.Request) string
	want   func(*report.Tally) bool
	words  string // in the report's text
}

const oddScenario = `
name: odd
question: What becomes of its calls?
phases: [{name: all, duration: 200ms, connections: 3, rate: 40}]
marks: {unexplained: 0}
`

// laterCalls answers the second call and the later ones in its own way.
func laterCalls(odd func(r *fixture.Request, body string) string) func(*fixture.Request) string {
	var calls atomic.Int64
	return fixture.OnCalls(func(r *fixture.Request, body string) string {
		if calls.Add(1) == 1 {
			return fixture.Reply("200 OK", "", body)
		}
		return odd(r, body)
	})
}

func laterCallsAre(text string) func(*fixture.Request) string {
	return laterCalls(func(*fixture.Request, string) string { return text })
}

// every says that all calls that were sent were answered with results. On a busy machine some never are.
func every(t *report.Tally) bool { return t.Results == t.Sent && t.Bad == 0 }

// reconnecting is every, from servers that end connections.
func reconnecting(t *report.Tally) bool { return every(t) && t.Reconnected > 0 && t.Opened == 3 }

// servedAsUsual are servers whose ways a client is used to: nothing is lost.
var servedAsUsual = []oddServer{
	{"says close", func(r *fixture.Request) string {
		return fixture.PoliteReply(r, "Connection: close\r\n") + fixture.HangUp
	}, reconnecting, "made again for their session"},
	{"closes in silence", func(r *fixture.Request) string { return fixture.PoliteReply(r, "") + fixture.HangUp },
		reconnecting, "made again for their session"},
	{"closes behind each third", func(r *fixture.Request) string {
		out := fixture.PoliteReply(r, "")
		if r.Nth%3 == 0 {
			out += fixture.HangUp
		}
		return out
	}, reconnecting, "made again for their session"},
	{"closes an idle connection with 408", fixture.OnCalls(func(_ *fixture.Request, body string) string {
		return fixture.Reply("200 OK", "", body) + fixture.Reply("408 Late", "Connection: close\r\n", "") + fixture.HangUp
	}), reconnecting, ""},
	{"HTTP/1.0", func(r *fixture.Request) string {
		status, body := fixture.Polite(r)
		return fmt.Sprintf("HTTP/1.0 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body) + fixture.HangUp
	}, reconnecting, ""},
	{"HTTP/1.0 without a length", func(r *fixture.Request) string {
		status, body := fixture.Polite(r)
		return "HTTP/1.0 " + status + "\r\n\r\n" + body + fixture.HangUp
	}, reconnecting, ""},
	{"HTTP/1.1 without a length", func(r *fixture.Request) string {
		status, body := fixture.Polite(r)
		return "HTTP/1.1 " + status + "\r\nMcp-Session-Id: s\r\n\r\n" + body + fixture.HangUp
	}, reconnecting, ""},
	{"streams without a length", func(r *fixture.Request) string {
		status, body := fixture.Polite(r)
		if body == "" {
			return fixture.Reply(status, "", "")
		}
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: " + body + "\n\n" + fixture.HangUp
	}, reconnecting, ""},
	{"streams that do not end", fixture.Endless, func(t *report.Tally) bool {
		return t.Results == t.Sent && t.Bad == 0 && t.Unended > 0
	}, "event streams went on behind their answer"},
	{"events before the answer", fixture.OnCalls(func(_ *fixture.Request, body string) string {
		return fixture.Events("id: 1\ndata:\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\r\n\r\n" +
			"event: message\r\ndata: " + body + "\r\n\r\n")
	}), every, ""},
	{"chunks with trailers", fixture.OnCalls(func(_ *fixture.Request, body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"+
			"%x\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n", len(body), body)
	}), every, ""},
	{"byte order mark", fixture.OnCalls(func(_ *fixture.Request, body string) string {
		return fixture.Reply("200 OK", "Keep-Alive: timeout=1\r\n", "\xef\xbb\xbf"+body)
	}), every, ""},
	{"slow heads", fixture.OnCalls(func(r *fixture.Request, body string) string {
		out := fixture.Reply("200 OK", "", body)
		for i := range 8 {
			_, _ = r.Conn.Write([]byte(out[i : i+1])) // who has hung up does not wait
			time.Sleep(time.Millisecond)
		}
		return out[8:]
	}), every, ""},
}

// namedForWhatTheyDo are servers whose calls fail, each with a name. They count their calls: each run has its own.
func namedForWhatTheyDo() []oddServer {
	return []oddServer{
		{"429", laterCallsAre(fixture.Reply("429 Slow", "Retry-After: 1\r\nContent-Type: text/plain\r\n", "slow down")),
			func(t *report.Tally) bool { return t.Refused == t.Sent && t.Reasons["http_429"] == t.Sent },
			"refusals and errors: http_429: "},
		{"307", laterCallsAre(fixture.Reply("307 Moved", "Location: /mcp/\r\n", "<html>")),
			func(t *report.Tally) bool { return t.Errors == t.Sent && t.Bad == 0 }, "http_307 (to /mcp/): "},
		{"gzip", laterCallsAre(fixture.Reply("200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b\x08")),
			func(t *report.Tally) bool { return t.Errors == t.Sent && t.Bad == 0 },
			"http_200 (in the coding gzip, and identity was asked for): "},
		{"204", laterCallsAre("HTTP/1.1 204 No\r\n\r\n"),
			func(t *report.Tally) bool { return t.Errors == t.Sent }, "http_204: "},
		{"202 with a body", laterCalls(func(_ *fixture.Request, body string) string {
			return fixture.Reply("202 Accepted", "", body)
		}), func(t *report.Tally) bool { return t.Errors == t.Sent }, "http_202: "},
		{"stream without the answer", laterCallsAre(fixture.Events(": nothing\n\n")),
			func(t *report.Tally) bool { return t.Errors == t.Sent }, "http_200 (an event stream without an event): "},
		{"cut short", laterCallsAre(fixture.Misreply("200 OK", "", "{}", 2) + fixture.HangUp),
			func(t *report.Tally) bool { return t.Lost == t.Sent },
			"lost: the server closed the connection in the middle of an answer, behind "},
		{"closed before the answer", laterCallsAre(fixture.HangUp), func(t *report.Tally) bool { return t.Lost == t.Sent },
			"lost: the server closed the connection before the answer: "},
		{"reset before the answer", laterCalls(func(r *fixture.Request, _ string) string {
			_ = r.Conn.(*net.TCPConn).SetLinger(0) // its connection is open
			return fixture.HangUp
		}), func(t *report.Tally) bool { return t.Lost == t.Sent },
			"lost: the server reset the connection before the answer: "},
		{"length too short", laterCalls(func(_ *fixture.Request, body string) string {
			return fixture.Misreply("200 OK", "", body, -3)
		}), func(t *report.Tally) bool { return t.Bad == t.Lost && t.Bad > 0 },
			"lost: a bad answer came before the answer: "},
		{"length too long", laterCallsAre(fixture.Misreply("200 OK", "", "{}", 2)),
			func(t *report.Tally) bool { return t.Unexplained == t.Sent && t.Sent == 3 && t.NeverSent > 0 },
			"unexplained 3\n"},
		{"id as text", laterCalls(func(r *fixture.Request, body string) string {
			return fixture.Reply("200 OK", "", strings.Replace(body, fixture.ID(r.Text), `"`+fixture.ID(r.Text)+`"`, 1))
		}), func(t *report.Tally) bool { return t.Bad == t.Sent }, `failures: id "1000000`},
		{"half in an event", laterCalls(func(_ *fixture.Request, body string) string {
			return fixture.Events("data: " + body[:40] + "\n\ndata: " + body[40:] + "\n\n")
		}), func(t *report.Tally) bool { return t.Bad == t.Sent }, "failures: "},
		{"twice in a stream", laterCalls(func(_ *fixture.Request, body string) string {
			return fixture.Events(strings.Repeat("data: "+body+"\n\n", 2))
		}), func(t *report.Tally) bool { return t.Results == t.Sent && t.Bad == t.Sent }, "failures: an answer to nothing: "},
		{"twice", laterCalls(func(_ *fixture.Request, body string) string {
			return strings.Repeat(fixture.Reply("200 OK", "", body), 2)
		}), func(t *report.Tally) bool { return t.Bad > 0 }, "failures: an answer to nothing: "},
	}
}

// TestOddServers: every call of a server with ways of its own is answered, or fails under a name. The books add up.
func TestOddServers(t *testing.T) {
	for _, s := range append(namedForWhatTheyDo(), servedAsUsual...) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			checkOdd(t, "http://"+fixture.HTTPServer(t, s.answer)+"/mcp", &s)
		})
	}
}

func checkOdd(t *testing.T, url string, s *oddServer) {
	t.Helper()
	scenario, err := ParseScenario("test", []byte(oddScenario))
	if err != nil {
		t.Fatal(err)
	}
	target, err := wire.ParseTarget(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	r := Run{Scenario: scenario, Target: target, Admin: "off", PID: 1, Grace: 10 * time.Second}
	if strings.HasPrefix(s.words, "unexplained") {
		r.Grace = 300 * time.Millisecond // there will be none
	}
	r.Probe.Era = "legacy"
	result, err := r.Do(fixture.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	result.Print(&text)
	total := &result.Total.Tally
	named := uint64(0)
	for _, n := range total.LostReasons {
		named += n
	}
	sum := total.Results + total.ToolErrors + total.Errors + total.Refused + total.Lost + total.Unexplained
	if total.Sent != sum || total.Planned != total.Sent+total.NeverSent || named != total.Lost {
		t.Errorf("the books do not add up: %+v", total)
	}
	if late := lateness(&r, result); late > tolerable {
		t.Skipf("the machine had no time for it: %v late", late)
	}
	if total.Sent == 0 || !s.want(total) || !strings.Contains(text.String(), s.words) {
		t.Errorf("%+v\n%s", total, &text)
	}
}

// A WebSocket that is closed says with which code, and its calls are lost to that.
func TestOddWebSocket(t *testing.T) {
	var calls atomic.Int64
	frame := func(f ws.Frame) string { return string(ws.MustCompileFrame(f)) }
	closing := frame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusInternalServerError, "tired")))
	address := fixture.HTTPServer(t, func(r *fixture.Request) string {
		if _, err := r.Conn.Write([]byte(fixture.Upgraded)); err != nil {
			return fixture.HangUp
		}
		for {
			//lint:ignore SA1019 the frames are ours, not a hostile peer's
			in, err := ws.ReadFrame(r.Conn)
			if err != nil {
				return fixture.HangUp
			}
			message := &fixture.Request{Request: r.Request, Text: string(ws.UnmaskFrame(in).Payload)}
			_, body := fixture.Polite(message)
			switch {
			case message.Calls() && calls.Add(1) > 1:
				if _, err := r.Conn.Write([]byte(closing)); err == nil {
					_, _ = io.Copy(io.Discard, r.Conn) // until the client ends: what is left unread would reset it
				}
				return fixture.HangUp
			case body == "":
				continue
			}
			if _, err := r.Conn.Write([]byte(frame(ws.NewTextFrame([]byte(body))))); err != nil {
				return fixture.HangUp
			}
		}
	})
	checkOdd(t, "ws://"+address+"/mcp", &oddServer{
		want:  func(t *report.Tally) bool { return t.Lost == t.Sent && t.Bad == 0 },
		words: "lost: the WebSocket was closed with 1011 tired: ",
	})
}

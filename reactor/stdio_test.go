package reactor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/cmd/demo"
	"weir/registry"
)

// streamed is a server over in-memory streams: the test has their other ends, and what ServeStdio returned.
type streamed struct {
	t        *testing.T
	registry *registry.Registry
	queue    *backpressure.Queue
	in       *io.PipeWriter
	out      *bufio.Reader
	outEnd   *io.PipeReader
	cancel   context.CancelFunc
	done     chan error
}

func serveStdio(t *testing.T, grace time.Duration, changes ...func(*stdioTimes)) *streamed {
	t.Helper()
	outEnd, out := io.Pipe()
	s := serveStdioOn(t, grace, out, changes...)
	s.out, s.outEnd = bufio.NewReader(outEnd), outEnd
	t.Cleanup(func() { outEnd.Close() })
	return s
}

// hastily gives up an output that takes nothing, and a client that is gone, for tests in which both is so.
func hastily(times *stdioTimes) {
	times.output, times.orderly = 50*time.Millisecond, 50*time.Millisecond
}

// serveStdioOn is the same with an output of the test's.
func serveStdioOn(t *testing.T, grace time.Duration, out io.Writer, changes ...func(*stdioTimes)) *streamed {
	t.Helper()
	reg, err := registry.New(namedOptions())
	must(t, err)
	demo.AddTools(reg)
	o := DefaultOptions()
	o.Loops, o.Messages.Line.MaxMessageBytes = 1, 1<<16
	server, err := New(reg, Config{Options: &o, Log: silent, ShutdownTimeout: grace})
	must(t, err)
	server.stdio.last = patience
	for _, change := range changes {
		change(&server.stdio)
	}
	in, inEnd := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	s := &streamed{t: t, registry: reg, queue: server.queue, in: inEnd, cancel: cancel, done: make(chan error, 1)}
	t.Cleanup(func() { cancel(); inEnd.Close() })
	go func() { s.done <- server.ServeStdio(ctx, in, out) }()
	return s
}

func (s *streamed) send(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *streamed) line() string {
	s.t.Helper()
	text, err := s.out.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func TestStdioMarksAndBlanks(t *testing.T) {
	s := serveStdio(t, time.Second)
	s.send("\ufeff" + hello + "\n  \n\t\r\n")
	contains(t, s.line(), `"serverInfo"`)
	s.send(`{"jsonrpc":"2.0","id":2,"method":"ping"}` + "\n ")
	contains(t, s.line(), `"id":2,"result"`)
	must(t, s.in.Close())
	s.returns("")
}

// returns waits for ServeStdio; "" is no error.
func (s *streamed) returns(want string) {
	s.t.Helper()
	select {
	case err := <-s.done:
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			s.t.Errorf("ServeStdio returned %v, want %q", err, want)
		}
	case <-time.After(patience):
		s.t.Errorf("ServeStdio did not return, want %q", want)
	}
}

const greetings = hello + "\n" + `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"

func TestStreamsEndOfInput(t *testing.T) {
	s := serveStdio(t, patience)
	s.send(greetings + toolCall("1", "sleep", `{"ms":50}`))
	s.in.Close()
	contains(t, s.line(), `"id":0`)
	contains(t, s.line(), `"slept"`)
	s.returns("")
}

func TestStreamsDrain(t *testing.T) {
	s := serveStdio(t, patience)
	begun, release := make(chan struct{}), make(chan struct{})
	registry.AddTool(s.registry, &mcp.Tool{Name: "last"},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			close(begun)
			<-release
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
		})
	s.send(greetings + toolCall("1", "last", `{}`))
	s.line()
	<-begun
	s.cancel()
	(&server{t: t}).eventually("it drains", s.queue.Draining)
	close(release)
	contains(t, s.line(), `"done"`)
	s.returns("")
}

func TestStreamsBreakOff(t *testing.T) {
	f := func(name, want string, grace time.Duration, do func(s *streamed), changes ...func(*stdioTimes)) {
		t.Run(name, func(t *testing.T) {
			s := serveStdio(t, grace, changes...)
			s.send(greetings)
			s.line()
			do(s)
			s.returns(want)
		})
	}
	f("the input fails", "read the input: broken", patience, func(s *streamed) { s.in.CloseWithError(errors.New("broken")) })
	socket := &net.OpError{Op: "read", Net: "tcp", Err: errors.New("gone")} // the streams may be sockets, as our pair is
	f("the input is a socket that fails", "read the input: read tcp: gone", patience,
		func(s *streamed) { s.in.CloseWithError(socket) })
	f("the output is a socket that fails", "write the output: read tcp: gone", patience, func(s *streamed) {
		s.outEnd.CloseWithError(socket)
		s.send(toolCall("1", "echo", `{"message":"x"}`))
	})
	f("the output fails", "write the output: broken", patience, func(s *streamed) {
		s.outEnd.CloseWithError(errors.New("broken"))
		s.send(toolCall("1", "sleep", `{"ms":600000}`) + toolCall("2", "echo", `{"message":"x"}`))
	})
	f("nobody reads", "the output was not read to its end", patience, func(s *streamed) {
		s.send(toolCall("1", "echo", `{"message":"x"}`))
		if _, err := s.outEnd.Read(make([]byte, 1)); err != nil { // the rest of it is being written
			s.t.Fatal(err)
		}
		s.in.Close()
	}, hastily)
	f("too large", "", patience, func(s *streamed) { // refused, and no reason to break off: see TestStdioLineTooLong
		s.send(strings.Repeat("x", 1<<17) + "\n")
		contains(s.t, s.line(), "max_message_bytes")
		s.in.Close()
	})
	f("the stop cuts a call", "", 50*time.Millisecond, func(s *streamed) {
		s.send(toolCall("1", "sleep", `{"ms":600000}`))
		s.in.Close()
	})
}

// TestStreamsReaderIsGone: the end of the output's reader ends the conversation at once, whatever kind of file it is,
// although nothing is written and the input stays open; and a handler that ignores its context does not hold it up.
func TestStreamsReaderIsGone(t *testing.T) {
	socket := func() (ours, theirs *os.File) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		return os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	}
	pipe := func() (ours, theirs *os.File) {
		ours, theirs, err := os.Pipe()
		must(t, err)
		return ours, theirs
	}
	for name, connect := range map[string]func() (ours, theirs *os.File){"pipe": pipe, "socket": socket} {
		t.Run(name, func(t *testing.T) {
			ours, out := connect()
			t.Cleanup(func() { ours.Close(); out.Close() })
			s := serveStdioOn(t, time.Hour, out, hastily)
			stubborn := make(chan struct{})
			t.Cleanup(func() { close(stubborn) })
			registry.AddTool(s.registry, &mcp.Tool{Name: "stubborn"},
				func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
					<-stubborn
					return nil, nil, nil
				})
			s.out = bufio.NewReader(ours)
			s.send(greetings + toolCall("1", "stubborn", `{}`))
			s.line()
			(&server{t: t}).eventually("the call runs", func() bool { return s.queue.Executing(backpressure.Blocking) == 1 })
			ours.Close()
			s.returns("its reader is gone")
		})
	}
}

// TestStreamsReaderIsGoneInPeace: a client that closes both ends when everything is said has ended the conversation in
// order, even if only the end of its reading is noticed.
func TestStreamsReaderIsGoneInPeace(t *testing.T) {
	for _, closesBoth := range []bool{true, false} {
		ours, out, err := os.Pipe()
		must(t, err)
		s := serveStdioOn(t, time.Hour, out, func(times *stdioTimes) { times.orderly = patience })
		s.out = bufio.NewReader(ours)
		s.send(greetings)
		s.line()
		ours.Close()
		if closesBoth {
			s.in.Close()
		}
		s.returns("")
		out.Close()
	}
}

// TestStreamsAreNotWatchedForEver: no descriptor stays behind when the conversation ends in order.
func TestStreamsAreNotWatchedForEver(t *testing.T) {
	ours, out, err := os.Pipe()
	must(t, err)
	defer ours.Close()
	s := serveStdioOn(t, patience, out)
	s.send(greetings)
	s.in.Close()
	s.returns("")
	out.Close()
	text, err := io.ReadAll(ours) // ends when nobody else can write
	must(t, err)
	contains(t, string(text), `"id":0`)
}

// TestStreamsStuck: a stop gives up an output that takes nothing, long before its own time is over.
func TestStreamsStuck(t *testing.T) {
	f := func(name string, stop func(s *streamed)) {
		t.Run(name, func(t *testing.T) {
			s := serveStdio(t, time.Hour, hastily)
			s.out = bufio.NewReaderSize(s.outEnd, 16)
			s.send(greetings)
			if _, err := s.out.Peek(1); err != nil { // the rest of it is being written
				t.Fatal(err)
			}
			stop(s)
			s.returns("the output was not read to its end")
		})
	}
	f("stopped", func(s *streamed) { s.cancel() })
	f("end of input", func(s *streamed) { s.in.Close() })
}

// TestStdioLineTooLong: one message that is too large is refused under its own id, wherever that stands, and the
// conversation goes on.
func TestStdioLineTooLong(t *testing.T) {
	const limit = 1 << 16
	pad := strings.Repeat("x", 3*limit)
	f := func(name, line, id string) {
		t.Run(name, func(t *testing.T) {
			s := serveStdio(t, patience)
			s.t = t
			go func() {
				if _, err := io.WriteString(s.in, line+`{"jsonrpc":"2.0","id":99,"method":"ping"}`+"\n"); err != nil {
					t.Error(err)
				}
			}()
			contains(t, s.line(), `"id":`+id+`,"error":{"code":-32600,`, "messages.line.max_message_bytes, which is 65536")
			contains(t, s.line(), `"id":99,"result"`)
			must(t, s.in.Close())
			s.returns("")
		})
	}
	f("id first", `{"jsonrpc":"2.0","id":7,"method":"ping","params":{"x":"`+pad+`"}}`+"\n", "7")
	f("id last", `{"jsonrpc":"2.0","method":"ping","params":{"x":"`+pad+`"},"id":"late"}`+"\r\n", `"late"`)
	f("id in the middle", `{"jsonrpc":"2.0","method":"`+pad+`","id":7,"params":{"x":"`+pad+`"}}`+"\n", "null")
	f("no JSON", pad+"\n", "null")
	f("one byte too long", strings.Repeat(" ", limit)+"x\n", "null")
	t.Run("no end", func(t *testing.T) {
		s := serveStdio(t, patience)
		s.t = t
		go func() {
			s.send(`{"jsonrpc":"2.0","method":"ping","params":{"x":"` + pad + `"},"id":5}`)
			s.in.Close()
		}()
		contains(t, s.line(), `"id":5,"error"`)
		s.returns("")
	})
}

// S2: a client that asks faster than it is served is read more slowly, and nothing of what it asked is refused, though
// it ends with its last call.
func TestStreamsAreReadAsTheyAreServed(t *testing.T) {
	calls := 10_000
	if raceEnabled {
		calls = 2_000
	}
	s := serveStdio(t, patience)
	pad := strings.Repeat("x", 3000)
	go func() {
		_, _ = io.WriteString(s.in, greetings) // the reads below tell when it failed
		for id := range calls {
			_, _ = io.WriteString(s.in, toolCall(fmt.Sprint(1+id), "echo", `{"message":"`+pad+`"}`))
		}
		s.in.Close()
	}()
	s.line()
	answered := map[string]bool{}
	for range calls {
		text := s.line()
		id, _, _ := strings.Cut(strings.TrimPrefix(text, `{"jsonrpc":"2.0","id":`), ",")
		if answered[id] || !strings.Contains(text, pad) {
			t.Fatalf("after %d answers: %.200s", len(answered), text)
		}
		answered[id] = true
	}
	s.returns("")
}

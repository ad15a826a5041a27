package reactor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/cmd/demo"
	"weir/registry"
)

// streamed is a server over in-memory streams: the test has their other ends, and what ServeStdio returned.
type streamed struct {
	t      *testing.T
	queue  *backpressure.Queue
	in     *io.PipeWriter
	out    *bufio.Reader
	outEnd *io.PipeReader
	cancel context.CancelFunc
	done   chan error
}

func serveStdio(t *testing.T, grace time.Duration) *streamed {
	t.Helper()
	reg, err := registry.New(registry.DefaultOptions())
	must(t, err)
	demo.AddTools(reg)
	o := DefaultOptions()
	o.Loops, o.Messages.Line.MaxMessageBytes = 1, 1<<16
	server, err := New(reg, Config{Options: &o, Log: silent, ShutdownTimeout: grace})
	must(t, err)
	in, inEnd := io.Pipe()
	outEnd, out := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	s := &streamed{t: t, queue: server.queue, in: inEnd, out: bufio.NewReader(outEnd), outEnd: outEnd, cancel: cancel,
		done: make(chan error, 1)}
	t.Cleanup(func() { cancel(); inEnd.Close(); outEnd.Close() })
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
	s.send(greetings + toolCall("1", "sleep", `{"ms":200}`))
	s.line()
	(&server{t: t}).eventually("the call runs", func() bool { return s.queue.Executing(backpressure.Blocking) == 1 })
	s.cancel()
	contains(t, s.line(), `"slept"`)
	s.returns("")
}

func TestStreamsBreakOff(t *testing.T) {
	f := func(name, want string, do func(s *streamed)) {
		t.Run(name, func(t *testing.T) {
			s := serveStdio(t, 50*time.Millisecond)
			s.send(greetings)
			s.line()
			do(s)
			s.returns(want)
		})
	}
	f("the input fails", "read the input: broken", func(s *streamed) { s.in.CloseWithError(errors.New("broken")) })
	socket := &net.OpError{Op: "read", Net: "tcp", Err: errors.New("gone")} // the streams may be sockets, as our pair is
	f("the input is a socket that fails", "read the input: read tcp: gone",
		func(s *streamed) { s.in.CloseWithError(socket) })
	f("the output is a socket that fails", "write the output: read tcp: gone", func(s *streamed) {
		s.outEnd.CloseWithError(socket)
		s.send(toolCall("1", "echo", `{"message":"x"}`))
	})
	f("the output fails", "write the output: broken", func(s *streamed) {
		s.outEnd.CloseWithError(errors.New("broken"))
		s.send(toolCall("1", "sleep", `{"ms":600000}`) + toolCall("2", "echo", `{"message":"x"}`))
	})
	f("nobody reads", "the output was not read to its end", func(s *streamed) {
		s.send(toolCall("1", "echo", `{"message":"x"}`))
		s.in.Close()
	})
	f("too large", "the server ended the conversation: message_too_large", func(s *streamed) {
		go s.in.Write([]byte(strings.Repeat("x", 1<<17))) // ends when the pipe is closed
		contains(s.t, s.line(), "max_message_bytes")
	})
	f("the stop cuts a call", "", func(s *streamed) {
		s.send(toolCall("1", "sleep", `{"ms":600000}`))
		s.in.Close()
	})
}

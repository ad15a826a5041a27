package reactor

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"weir/backpressure"
	"weir/cmd/demo"
	"weir/reactor/internal/wire"
	"weir/reactor/loop"
	"weir/registry"
)

func TestMain(m *testing.M) {
	if os.Getenv(descriptorChild) != "" {
		os.Exit(runDescriptorChild())
	}
	if how := os.Getenv(mountChild); how != "" {
		os.Exit(runMountChild(how))
	}
	// netpoll's pool lives as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// patience bounds every wait of the tests: long enough for a loaded machine under the race detector.
const patience = 20 * time.Second

// server is a running server with the demo tools and a tool, "stuck", that waits until the test releases it.
type server struct {
	*Server
	t        testing.TB
	set      *metrics.Set
	release  chan struct{}
	stuck    chan struct{} // receives one value per call of "stuck" that began
	stopped  bool
	registry *registry.Registry
}

// silent is the log of servers whose log no test reads.
var silent = func() *zerolog.Logger { nop := zerolog.Nop(); return &nop }()

type tune func(*Options, *backpressure.Options, *registry.Options)

func start(t testing.TB, tunes ...tune) *server {
	t.Helper()
	return startConfig(t, func(*Config) {}, tunes...)
}

// startLogged is start with a log that the test reads.
func startLogged(t testing.TB, log *zerolog.Logger, tunes ...tune) *server {
	t.Helper()
	return startConfig(t, func(c *Config) { c.Log = log }, tunes...)
}

// startConfig is start with a change to what New is given, made when everything else of it is set.
func startConfig(t testing.TB, change func(*Config), tunes ...tune) *server {
	t.Helper()
	o, b, r := DefaultOptions(), backpressure.DefaultOptions(), namedOptions()
	o.HTTP, o.TCP, o.Loops = "127.0.0.1:0", "127.0.0.1:0", 2
	b.MaxConnections = 4096
	if byCallTool {
		r.Search.Mode = "on"
	}
	o.DrainSpread = 0 // they have few streams, and do not wait
	// how busy the machine is with others is none of these tests' subject
	b.QueueTimeout, b.MaxExpectedWait, b.OverloadQueueTimeout = 0, 0, 0
	set := metrics.NewSet()
	r.Metrics = set
	for _, f := range tunes {
		f(&o, &b, &r)
	}
	s := &server{t: t, set: set, release: make(chan struct{}), stuck: make(chan struct{}, 1<<16)}
	reg, err := registry.New(r)
	must(t, err)
	s.registry = reg
	demo.AddTools(reg)
	s.addStuck(reg)
	c := Config{Options: &o, Queue: &b, Metrics: set, Log: silent}
	if o.Auth.TokensFile != "" {
		c.Tokens = tokensFor(t, "alice", "bob", "late")
	}
	change(&c)
	s.Server, err = New(reg, c)
	must(t, err)
	must(t, s.Listen())
	must(t, s.Start())
	t.Cleanup(func() { s.stop(100 * time.Millisecond) })
	return s
}

func (s *server) addStuck(reg *registry.Registry) {
	type none struct{}
	registry.AddTool(reg, &mcp.Tool{Name: "stuck", Description: "waits until the test goes on"},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			s.stuck <- struct{}{}
			select {
			case <-s.release:
			case <-ctx.Done():
			}
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "free"}}}, nil, nil
		})
}

// stop drains the server, giving it so long for what is under way.
func (s *server) stop(grace time.Duration) DrainReport {
	if s.stopped {
		return DrainReport{}
	}
	s.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	report := s.drain(ctx)
	s.free()
	last, done := context.WithTimeout(context.Background(), patience)
	defer done()
	if cut := s.queue.Stop(last); cut != 0 {
		s.t.Errorf("%d messages were still with workers at the end", cut)
	}
	return report
}

// awaitStuck waits until a call of "stuck" has begun.
func (s *server) awaitStuck() {
	s.t.Helper()
	select {
	case <-s.stuck:
	case <-time.After(patience):
		s.t.Fatal("no call of stuck began")
	}
}

// free lets every stuck call go on.
func (s *server) free() {
	select {
	case <-s.release:
	default:
		close(s.release)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// metric reads one series.
func (s *server) metric(name string) string {
	var text strings.Builder
	s.set.WritePrometheus(&text)
	for line := range strings.Lines(text.String()) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			return value
		}
	}
	return "no series " + name
}

// turns is how often the loops have turned.
func (s *server) turns() int {
	s.t.Helper()
	n, err := strconv.Atoi(s.metric("weir_loop_turns_total"))
	must(s.t, err)
	return n
}

// eventually waits for a condition that other goroutines bring about.
func (s *server) eventually(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			s.t.Fatalf("it never came about that %s", what)
		case <-tick.C:
		}
	}
}

// closedFor waits until n connections were closed for reason.
func (s *server) closedFor(reason loop.Reason, n string) {
	s.t.Helper()
	series := `weir_connections_closed_total{reason="` + reason.String() + `"}`
	s.eventually(series+" is "+n, func() bool { return s.metric(series) == n })
}

// peer is a client's end of a connection.
type peer struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (s *server) dial(listener string) *peer {
	s.t.Helper()
	network := "tcp"
	if listener == "unix" {
		network = "unix"
	}
	c, err := net.Dial(network, s.Addrs()[listener])
	must(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	return s.peerOf(c)
}

func (s *server) peerOf(c net.Conn) *peer {
	return &peer{Conn: c, t: s.t, r: bufio.NewReader(patientReader{c})}
}

// patientReader has each read wait for patience: a conversation may be as long as the machine is slow.
type patientReader struct{ net.Conn }

func (r patientReader) Read(b []byte) (int, error) {
	if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return r.Conn.Read(b)
}

func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, text); err != nil {
		p.t.Fatalf("send %.80q: %v", text, err)
	}
}

// line reads one line, without its end.
func (p *peer) line() string {
	p.t.Helper()
	text, err := p.r.ReadString('\n')
	if err != nil {
		p.t.Fatalf("read a line: %v (after %.200q)", err, text)
	}
	return strings.TrimSuffix(text, "\n")
}

// rest reads until the server closes, and closes too, or the server waits for that.
func (p *peer) rest() string {
	p.t.Helper()
	text, err := io.ReadAll(p.r)
	p.Close()
	if err != nil {
		p.t.Fatalf("read to the end: %v (after %.200q)", err, text)
	}
	return string(text)
}

// gone waits until the server has ended the connection, in whatever way, and ends it too.
func (p *peer) gone() {
	p.t.Helper()
	_, err := io.Copy(io.Discard, p.r)
	p.Close()
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		p.t.Fatal("the server never closed the connection")
	}
}

func (p *peer) closeWrite() {
	p.t.Helper()
	must(p.t, p.Conn.(interface{ CloseWrite() error }).CloseWrite())
}

const hello = wire.Hello

// greet holds the handshake of the older revisions on a line.
func (p *peer) greet() *peer {
	p.t.Helper()
	p.send(hello + "\n" + `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n")
	if answer := p.line(); !strings.Contains(answer, `"protocolVersion":"2025-11-25"`) {
		p.t.Fatalf("initialize was answered %s", answer)
	}
	return p
}

func contains(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

func toolCall(id, tool, arguments string) string { return aimed(wire.ToolCall(id, tool, arguments)) }

func clientFrame(text string) string { return wire.ClientFrame(text) }

// namedOptions are the defaults of a registry under a name.
func namedOptions() registry.Options {
	o := registry.DefaultOptions()
	o.Name, o.Version = "weir", "dev"
	return o
}

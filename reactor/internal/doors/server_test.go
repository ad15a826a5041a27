package doors

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"weir/backpressure"
	"weir/cmd/demo"
	"weir/reactor"
	"weir/reactor/auth"
	"weir/registry"
)

// TestMain lets all balancers be tried at once: their tests wait for time to pass.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	// netpoll's pool lives as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// patience bounds every wait: long enough for a loaded machine under the race detector.
const patience = 30 * time.Second

// server is a running server with the demo tools and those that the tests of doors call.
type server struct {
	*reactor.Server
	registry *registry.Registry
	log      *text
	// begun and cancelled get a value for each call of "stuck" that began, and that was cancelled.
	begun, cancelled chan struct{}
	release          chan struct{} // closed: calls of "stuck" end
	goOn             chan struct{} // a value: "told" says the next thing
}

// knobs are what a test sets of a server.
type knobs struct {
	reactor.Options
	Queue  backpressure.Options
	tokens string // principals, separated by spaces, whose token is their name 32 times
}

// tokenOf is the token of a principal.
func tokenOf(principal string) string { return strings.Repeat(principal, 32) }

// start runs a server until the test ends.
func start(t *testing.T, change func(*knobs)) *server {
	t.Helper()
	k := knobs{Options: reactor.DefaultOptions(), Queue: backpressure.DefaultOptions()}
	k.HTTP, k.TCP, k.Loops = "127.0.0.1:0", "127.0.0.1:0", 2
	k.Queue.MaxConnections = 2000
	// a machine that is busy with other tests is none of these tests' subject
	k.Queue.QueueTimeout, k.Queue.MaxExpectedWait, k.Queue.OverloadQueueTimeout = 0, 0, 0
	if change != nil {
		change(&k)
	}
	offered := registry.DefaultOptions()
	offered.Name, offered.Version, offered.MaxResultBytes = "doors", "1", 32<<20
	reg, err := registry.New(offered)
	must(t, err)
	s := &server{registry: reg, log: new(text), begun: make(chan struct{}, 1<<10), cancelled: make(chan struct{}, 1<<10),
		release: make(chan struct{}), goOn: make(chan struct{})}
	demo.AddTools(reg)
	s.addTools(reg)
	log := zerolog.New(s.log).Level(zerolog.WarnLevel)
	config := reactor.Config{Options: &k.Options, Queue: &k.Queue, Log: &log, ShutdownTimeout: patience}
	if k.tokens != "" {
		lines := ""
		for name := range strings.FieldsSeq(k.tokens) {
			lines += fmt.Sprintf("%s %x\n", name, sha256.Sum256([]byte(tokenOf(name))))
		}
		tokens, mistakes := auth.ParseTokens([]byte(lines))
		if mistakes != nil {
			t.Fatal(mistakes)
		}
		config.Tokens = tokens
	}
	s.Server, err = reactor.New(reg, config)
	must(t, err)
	must(t, s.Listen())
	must(t, s.Start())
	t.Cleanup(func() {
		s.free()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Shutdown(ctx)
	})
	return s
}

// http is where it speaks HTTP, host:port.
func (s *server) http() string { return s.Addrs()["http"] }

// free lets the calls of "stuck" end.
func (s *server) free() {
	select {
	case <-s.release:
	default:
		close(s.release)
	}
}

// largeText is what "large" answers the beginning of.
var largeText = strings.Repeat("0123456789abcdef", 20<<20/16)

func (s *server) addTools(reg *registry.Registry) {
	type none struct{}
	type regionIn struct {
		Region string `json:"region"`
	}
	region := &mcp.Tool{Name: "region", InputSchema: &jsonschema.Schema{Type: "object",
		Properties: map[string]*jsonschema.Schema{
			"region": {Type: "string", Extra: map[string]any{"x-mcp-header": "Region"}},
		}}}
	registry.AddTool(reg, region, func(_ context.Context, _ *mcp.CallToolRequest, in regionIn) (*mcp.CallToolResult, any,
		error) {
		return said("region " + in.Region), nil, nil
	})
	type countIn struct {
		Steps  int `json:"steps"`
		Millis int `json:"ms"`
	}
	registry.AddTool(reg, &mcp.Tool{Name: "count"}, func(ctx context.Context, _ *mcp.CallToolRequest, in countIn) (
		*mcp.CallToolResult, any, error) {
		told := 0
		for step := range in.Steps {
			if registry.Progress(ctx, float64(step+1), float64(in.Steps), "") {
				told++
			}
			select {
			case <-time.After(time.Duration(in.Millis) * time.Millisecond):
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			}
		}
		return said(fmt.Sprintf("told %d", told)), nil, nil
	})
	registry.AddTool(reg, &mcp.Tool{Name: "told"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (
		*mcp.CallToolResult, any, error) {
		for step := range 3 {
			registry.Progress(ctx, float64(step+1), 3, "")
			select {
			case <-s.goOn:
			case <-ctx.Done():
			}
		}
		return said("told"), nil, nil
	})
	type largeIn struct {
		Bytes int `json:"bytes"`
	}
	registry.AddTool(reg, &mcp.Tool{Name: "large"}, func(_ context.Context, _ *mcp.CallToolRequest, in largeIn) (
		*mcp.CallToolResult, any, error) {
		return said(largeText[:in.Bytes]), nil, nil
	})
	registry.AddTool(reg, &mcp.Tool{Name: "stuck"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ none) (
		*mcp.CallToolResult, any, error) {
		s.begun <- struct{}{}
		select {
		case <-s.release:
		case <-ctx.Done():
			s.cancelled <- struct{}{}
		}
		return said("free"), nil, nil
	})
	registry.AddTool(reg, &mcp.Tool{Name: "change"}, func(context.Context, *mcp.CallToolRequest, none) (
		*mcp.CallToolResult, any, error) {
		s.change()
		return said("changed"), nil, nil
	})
}

// change changes the list of tools.
func (s *server) change() {
	s.registry.RemoveTool("new")
	s.registry.AddTool(&mcp.Tool{Name: "new", InputSchema: &jsonschema.Schema{Type: "object"}},
		func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return said(""), nil })
}

func said(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// await waits for a value.
func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: it did not happen", what)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// text is what a log holds.
type text struct {
	sync.Mutex
	b strings.Builder
}

func (l *text) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.b.Write(p)
}

func (l *text) String() string {
	l.Lock()
	defer l.Unlock()
	return l.b.String()
}

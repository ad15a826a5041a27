package reactor

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

var update = flag.Bool("update", false, "rewrite what is heard in testdata/features.txt")

// TestFeatures plays testdata/features.txt over every transport, against one server: what a client hears may not depend
// on how it is connected. The script is prose (lines with #) around what a client does and hears:
//
//	client 2025-11-25    a new client, which has initialized; of 2026-07-28 there is nothing to initialize
//	-> {...}             it sends a message; $ASKED is the id of what it was asked last, $STATE the latest requestState, and
//	                     "_meta":{ gets what every request of 2026-07-28 must carry
//	<- {...}             what it hears next, with ids of the server's and states by those names
//	cancel 7             it cancels its request, as its transport and era do
//	begun, idle          a call of "stuck" has begun, and nothing runs any more
//	except http, all     what is between them is not done over HTTP
//	add x, remove x      a tool comes or goes; touch test://a: a resource was updated
//
// go test ./reactor -run Features -update writes what is heard over TCP; read the difference before you keep it.
func TestFeatures(t *testing.T) {
	const file = "testdata/features.txt"
	script, err := os.ReadFile(file)
	must(t, err)
	s := start(t, withSSE, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Unix = filepath.Join(t.TempDir(), "weir.sock")
	})
	s.addTell()
	s.addAsk()
	s.addOffers()
	for _, transport := range []string{"tcp", "unix", "websocket", "http", "sse"} {
		t.Run(transport, func(t *testing.T) {
			got := s.perform(t, transport, string(script))
			if *update && transport == "tcp" {
				must(t, os.WriteFile(file, []byte(got), 0o644))
				script = []byte(got)
			}
			gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(script), "\n")
			for i := range min(len(gotLines), len(wantLines)) {
				if gotLines[i] != wantLines[i] {
					t.Fatalf("%s:%d:\n got %s\nwant %s", file, i+1, gotLines[i], wantLines[i])
				}
			}
		})
	}
}

func (s *server) addOffers() {
	reg := s.registry
	reg.AddResource(&mcp.Resource{URI: "test://a", Name: "a"}, func(context.Context,
		*mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: "contents of a"}}}, nil
	})
	reg.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test://any/{name}", Name: "any"},
		func(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: "contents of " + r.Params.URI}}}, nil
		})
	reg.AddPrompt(&mcp.Prompt{Name: "greet", Arguments: []*mcp.PromptArgument{{Name: "who"}}},
		func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user",
				Content: &mcp.TextContent{Text: "Hello " + r.Params.Arguments["who"]}}}}, nil
		})
	reg.SetCompletion(func(_ context.Context, r *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
		return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{r.Params.Argument.Value +
			"bel"}}}, nil
	})
	registry.AddTool(reg, &mcp.Tool{Name: "rich"}, func(context.Context, *mcp.CallToolRequest,
		struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.AudioContent{Data: []byte{1}, MIMEType: "audio/wav"},
			&mcp.ResourceLink{URI: "test://a", Name: "a"}, &mcp.TextContent{Text: "t", Meta: mcp.Meta{"k": 1}}}}, nil, nil
	})
}

// voice is how a client speaks over a transport.
type voice interface {
	say(message string)
	hear() string
	cancel(id string)
}

var (
	askedID = regexp.MustCompile(`"weir-\d+"`)
	stateOf = regexp.MustCompile(`"requestState":"([^"]+)"`)
)

// perform plays the script and returns it with what was heard.
func (s *server) perform(t *testing.T, transport, script string) string {
	var out strings.Builder
	var v voice
	var asked, state string
	skips := false
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		if skips = word == "except" && rest == transport || skips && word != "all"; skips {
			out.WriteString(line + "\n")
			continue
		}
		if word != "<-" {
			out.WriteString(line + "\n")
		}
		switch word {
		case "client":
			v = s.newVoice(t, transport, rest)
		case "->":
			message := strings.NewReplacer("$ASKED", asked, "$STATE", state).Replace(rest)
			if _, modern := v.(modernVoice); modern {
				meta, capabilities, _ := strings.Cut(modernIs, ",")
				if !strings.Contains(message, "clientCapabilities") {
					meta += "," + capabilities
				}
				message = strings.Replace(strings.Replace(message, `"_meta":{`, `"_meta":{`+meta+`,`, 1), `,}`, `}`, 1)
			}
			v.say(aimed(message))
		case "<-":
			heard := v.hear()
			if id := askedID.FindString(heard); id != "" {
				asked = id
			}
			if found := stateOf.FindStringSubmatch(heard); found != nil {
				state = found[1]
				heard = strings.Replace(heard, state, "$STATE", 1)
			}
			out.WriteString("<- " + askedID.ReplaceAllString(heard, "$$ASKED") + "\n")
		case "cancel":
			v.cancel(rest)
		case "except", "all":
		case "begun":
			s.awaitStuck()
		case "idle":
			s.eventually("nothing runs", func() bool {
				return s.queue.Executing(backpressure.Blocking) == 0 &&
					s.queue.Waiting() == 0
			})
		case "add":
			s.change(rest)
		case "remove":
			s.registry.RemoveTool(rest)
		case "touch":
			s.registry.ResourceUpdated(rest)
		default:
			if line != "" && word != "#" {
				t.Fatalf("unknown line %q", line)
			}
		}
	}
	return out.String()
}

// modernVoice marks a client of 2026-07-28.
type modernVoice struct{ voice }

func (s *server) newVoice(t *testing.T, transport, version string) voice {
	t.Helper()
	var v voice
	modern := version == "2026-07-28"
	switch transport {
	case "tcp", "unix":
		p := s.dial(transport)
		p.t = t
		v = lineVoice{p}
	case "websocket":
		p := s.websocket()
		p.t = t
		v = wsVoice{p}
	case "sse":
		p, q := s.dial("http"), s.dial("http")
		p.t, q.t = t, t
		e, path := p.sse()
		v = sseVoice{e, q, path}
	case "http":
		h := &httpVoice{t: t, url: "http://" + s.Addrs()["http"] + "/mcp", modern: modern, heard: make(chan string, 64),
			open: map[string]func(){}}
		h.client.Transport = &h.transport
		t.Cleanup(h.close)
		v = h
	}
	if modern {
		return modernVoice{v}
	}
	v.say(strings.Replace(able, "2025-11-25", version, 1))
	contains(t, v.hear(), `"protocolVersion":"`+version)
	if h, ok := v.(*httpVoice); ok && version != "2024-11-05" {
		h.listen()
	}
	v.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return v
}

func cancelled(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`
}

type lineVoice struct{ *peer }

func (v lineVoice) say(message string) { v.send(message + "\n") }
func (v lineVoice) hear() string       { return v.line() }
func (v lineVoice) cancel(id string)   { v.say(cancelled(id)) }

type wsVoice struct{ *peer }

func (v wsVoice) say(message string) { v.text(message) }
func (v wsVoice) hear() string       { return string(v.received().Payload) }
func (v wsVoice) cancel(id string)   { v.say(cancelled(id)) }

type sseVoice struct {
	events *events
	poster *peer
	path   string
}

func (v sseVoice) say(message string) { v.poster.asked(v.path, message) }
func (v sseVoice) hear() string       { return v.events.message() }
func (v sseVoice) cancel(id string)   { v.say(cancelled(id)) }

// httpVoice has a connection for each request that is open, as clients have.
type httpVoice struct {
	t         *testing.T
	url       string
	modern    bool
	session   string
	transport http.Transport
	client    http.Client
	heard     chan string
	readers   sync.WaitGroup

	mu   sync.Mutex
	open map[string]func() // by request id
}

func (v *httpVoice) say(message string) {
	v.t.Helper()
	var m struct {
		ID     json.RawMessage
		Method string
		Params struct{ Name, URI string }
	}
	must(v.t, json.Unmarshal([]byte(message), &m))
	request := v.request("POST", strings.NewReader(message))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	if v.modern {
		request.Header.Set("MCP-Protocol-Version", "2026-07-28")
		request.Header.Set("Mcp-Method", m.Method)
		if name := m.Params.Name + m.Params.URI; name != "" {
			request.Header.Set("Mcp-Name", name)
		}
	}
	done := v.do(request, string(m.ID))
	if m.ID == nil || m.Method == "" || m.Method == "initialize" {
		<-done
	}
}

func (v *httpVoice) request(method string, body io.Reader) *http.Request {
	r, err := http.NewRequest(method, v.url, body)
	must(v.t, err)
	if v.session != "" {
		r.Header.Set("Mcp-Session-Id", v.session)
	}
	return r
}

// listen opens the session's stream, and returns when it is open.
func (v *httpVoice) listen() {
	r := v.request("GET", nil)
	r.Header.Set("Accept", "text/event-stream")
	began := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	v.keep("stream", stop)
	v.readers.Go(func() {
		if response, err := v.client.Do(r.WithContext(ctx)); err == nil {
			close(began)
			v.read(response)
		}
	})
	<-began
}

// do sends the request; done is closed when its response has been read.
func (v *httpVoice) do(r *http.Request, id string) (done chan struct{}) {
	done = make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	v.keep(id, stop)
	v.readers.Go(func() {
		defer close(done)
		response, err := v.client.Do(r.WithContext(ctx))
		if err != nil {
			return // cancelled
		}
		if id := response.Header.Get("Mcp-Session-Id"); id != "" {
			v.session = id // initialize is waited for
		}
		v.read(response)
	})
	return done
}

func (v *httpVoice) keep(id string, stop func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open[id] = stop
}

// read passes the messages of a response on.
func (v *httpVoice) read(response *http.Response) {
	defer response.Body.Close()
	if response.Header.Get("Content-Type") != "text/event-stream" {
		if body, _ := io.ReadAll(response.Body); len(bytes.TrimSpace(body)) > 0 {
			v.heard <- string(body)
		}
		return
	}
	e := newEvents(v.t, response.Body)
	for ev, err := e.read(); err == nil; ev, err = e.read() {
		if ev.data != "" {
			v.heard <- ev.data
		}
	}
}

func (v *httpVoice) hear() string {
	v.t.Helper()
	select {
	case message := <-v.heard:
		return message
	case <-time.After(patience):
		v.t.Fatal("nothing was heard")
		return ""
	}
}

func (v *httpVoice) cancel(id string) {
	if !v.modern {
		v.say(cancelled(id))
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open[id]()
}

func (v *httpVoice) close() {
	v.mu.Lock()
	for _, stop := range v.open {
		stop()
	}
	v.mu.Unlock()
	v.readers.Wait()
	v.transport.CloseIdleConnections()
}

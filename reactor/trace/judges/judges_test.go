package judges

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"weir/codec/option"
	"weir/reactor"
	"weir/reactor/trace"
	"weir/registry"
)

const (
	inMeta = "00-11111111111111111111111111111111-2222222222222222-01"
	inHead = "00-33333333333333333333333333333333-4444444444444444-01"
	accept = "application/json, text/event-stream"
)

func TestMain(m *testing.M) {
	// netpoll's pool lives as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// received are the requests of a Tracer, as OpenTelemetry's own code reads them.
type received chan *tracepb.TracesData

// next is the next span, with its resource.
func (r received) next(t *testing.T) (*tracepb.Span, *tracepb.ResourceSpans) {
	t.Helper()
	select {
	case data := <-r:
		if len(data.ResourceSpans) != 1 || len(data.ResourceSpans[0].ScopeSpans) != 1 {
			t.Fatalf("got %v", data)
		}
		spans := data.ResourceSpans[0].ScopeSpans[0].Spans
		if len(spans) != 1 {
			t.Fatalf("%d spans came together", len(spans))
		}
		return spans[0], data.ResourceSpans[0]
	case <-time.After(20 * time.Second):
		t.Fatal("no span came")
		return nil, nil
	}
}

// strict fails if m, or what is in it, has a field that its message does not know.
func strict(t *testing.T, m protoreflect.Message) {
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		t.Errorf("%s has unknown fields: %x", m.Descriptor().FullName(), unknown)
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Kind() != protoreflect.MessageKind:
		case f.IsList():
			for i := range v.List().Len() {
				strict(t, v.List().Get(i).Message())
			}
		default:
			strict(t, v.Message())
		}
		return true
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start serves a tool, work, whose handler makes a span of its own with OpenTelemetry's SDK.
func start(t *testing.T) (url string, spans received, own *tracetest.InMemoryExporter) {
	spans = make(received, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		data := new(tracepb.TracesData)
		if err == nil {
			err = proto.Unmarshal(body, data)
		}
		if err != nil {
			t.Error(err)
		}
		strict(t, data.ProtoReflect())
		spans <- data
	}))
	t.Cleanup(collector.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	own = tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(own))

	offered := registry.DefaultOptions()
	offered.Name, offered.Version, offered.Metrics = "judged", "1.2.3", metrics.NewSet()
	reg, err := registry.New(offered)
	must(t, err)
	registry.AddTool(reg, &mcp.Tool{Name: "work"}, func(ctx context.Context, _ *mcp.CallToolRequest, in struct {
		Fail bool `json:"fail,omitempty"`
	}) (*mcp.CallToolResult, any, error) {
		parent, state := registry.TraceContext(ctx)
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent, "tracestate": state})
		_, span := provider.Tracer("work").Start(ctx, "own")
		span.End()
		return &mcp.CallToolResult{IsError: in.Fail}, nil, nil
	})
	var o trace.Options
	option.SetDefaults(&o)
	o.Endpoint, o.MaxBatch = collector.URL, 1
	tracer := trace.New(o, nil, trace.Identity{Name: "judged", Version: "1.2.3", Host: "here"}, offered.Metrics,
		func(err error) { t.Error(err) })
	t.Cleanup(tracer.Stop)
	listen := reactor.DefaultOptions()
	listen.HTTP, listen.TCP = "127.0.0.1:0", ""
	s, err := reactor.New(reg, reactor.Config{Options: &listen, Metrics: offered.Metrics, Trace: tracer})
	must(t, err)
	must(t, s.Listen())
	must(t, s.Start())
	t.Cleanup(func() { s.Shutdown(context.Background()) })
	return "http://" + s.Addrs()["http"] + "/mcp", spans, own
}

// call posts a request of 2026-07-28.
func call(t *testing.T, url, method, name, params, meta string, fields ...string) {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":"one","method":"` + method + `","params":{` + params +
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}` +
		meta + `}}}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	request.Header.Set("MCP-Protocol-Version", "2026-07-28")
	request.Header.Set("Mcp-Method", method)
	if name != "" {
		request.Header.Set("Mcp-Name", name)
	}
	for i := 0; i < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	must(t, err)
	must(t, answer.Body.Close())
}

// attributes are those of a span, or of a resource, as text.
func attributes(span *tracepb.Span) map[string]string {
	found := map[string]string{}
	for _, a := range span.Attributes {
		found[a.Key] = a.Value.GetStringValue()
	}
	return found
}

// TestJudges: what is sent is OTLP, with the names of the conventions, and a handler's own span is below ours.
func TestJudges(t *testing.T) {
	url, spans, own := start(t)
	work := func(arguments string) string { return `"name":"work","arguments":{` + arguments + `},` }

	call(t, url, "tools/call", "work", work(""), `,"traceparent":"`+inMeta+`","tracestate":"a=b"`, "traceparent", inHead)
	span, resource := spans.next(t)
	if hex.EncodeToString(span.TraceId) != inMeta[3:35] || hex.EncodeToString(span.ParentSpanId) != inMeta[36:52] ||
		span.TraceState != "a=b" || span.Name != "tools/call work" || span.Kind != tracepb.Span_SPAN_KIND_SERVER ||
		span.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET || span.Flags != 0x301 ||
		span.EndTimeUnixNano <= span.StartTimeUnixNano ||
		time.Since(time.Unix(0, int64(span.StartTimeUnixNano))) > time.Minute {
		t.Errorf("the span is %v", span)
	}
	if len(span.Links) != 1 || hex.EncodeToString(span.Links[0].TraceId) != inHead[3:35] ||
		hex.EncodeToString(span.Links[0].SpanId) != inHead[36:52] {
		t.Errorf("the links are %v", span.Links)
	}
	has(t, span, map[string]string{
		"mcp.method.name": "tools/call", "gen_ai.tool.name": "work", "gen_ai.operation.name": "execute_tool",
		"jsonrpc.request.id": "one", "mcp.protocol.version": "2026-07-28", "network.transport": "tcp",
		"network.protocol.name": "http", "network.protocol.version": "1.1", "client.address": "127.0.0.1",
		"weir.outcome": "ok", "error.type": "",
	})
	of := map[string]string{}
	for _, a := range resource.Resource.Attributes {
		of[a.Key] = a.Value.GetStringValue()
	}
	if of["service.name"] != "judged" || of["service.version"] != "1.2.3" || of["service.instance.id"] == "" ||
		of["host.name"] != "here" || resource.ScopeSpans[0].Scope.Name != "weir" {
		t.Errorf("the resource is %v", resource.Resource)
	}
	child := own.GetSpans()[0]
	if child.Parent.SpanID().String() != hex.EncodeToString(span.SpanId) ||
		child.SpanContext.TraceID().String() != inMeta[3:35] || !child.Parent.IsRemote() ||
		child.SpanContext.TraceState().String() != "a=b" || !child.SpanContext.IsSampled() {
		t.Errorf("the handler's span is %+v below %x", child, span.SpanId)
	}

	call(t, url, "tools/call", "work", work(`"fail":true`), "", "traceparent", inHead)
	span, _ = spans.next(t)
	if hex.EncodeToString(span.ParentSpanId) != inHead[36:52] || len(span.Links) != 0 ||
		span.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("the span is %v", span)
	}
	has(t, span, map[string]string{"error.type": "tool_error", "rpc.response.status_code": ""})

	call(t, url, "tools/call", "nobody", `"name":"nobody",`, "")
	span, _ = spans.next(t)
	if span.Name != "tools/call" || span.Status.Message != "Unknown tool: nobody" || len(span.ParentSpanId) != 0 ||
		span.Flags != 0x101 {
		t.Errorf("the span is %v", span)
	}
	has(t, span, map[string]string{"error.type": "-32602", "rpc.response.status_code": "-32602",
		"gen_ai.tool.name": "nobody", "weir.outcome": "client_error"})

	call(t, url, "no/such", "", "", "")
	span, _ = spans.next(t)
	has(t, span, map[string]string{"mcp.method.name": "_OTHER", "error.type": "-32601"})

	call(t, url, "tools/list", "", "", "")
	span, _ = spans.next(t)
	has(t, span, map[string]string{"mcp.method.name": "tools/list", "gen_ai.operation.name": ""})

	// A client that does not trace this call: nothing is sent, and the handler passes that on.
	own.Reset()
	call(t, url, "tools/call", "work", work(""), `,"traceparent":"`+strings.TrimSuffix(inMeta, "1")+`0"`)
	if n := len(own.GetSpans()); n != 0 {
		t.Errorf("the handler has recorded %s spans of a trace that is not sampled", strconv.Itoa(n))
	}
	call(t, url, "tools/list", "", "", "")
	if span, _ = spans.next(t); span.Name != "tools/list" {
		t.Errorf("%s was sent, though its client does not trace it", span.Name)
	}
}

// has wants attributes to have these values; "" is that it is not there.
func has(t *testing.T, span *tracepb.Span, want map[string]string) {
	t.Helper()
	got := attributes(span)
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: %s is %q, want %q", span.Name, key, got[key], value)
		}
	}
}

package trace

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"weir/codec/option"
	"weir/codec/traceparent"
	"weir/registry/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	inMeta = "00-11111111111111111111111111111111-2222222222222222-01"
	inHead = "00-33333333333333333333333333333333-4444444444444444-00"
)

// fixed is a Tracer that is on and sends nothing.
func fixed(sample float64) *Tracer {
	o := defaults()
	o.Sample = sample
	return &Tracer{bound: uint64(sample * (1 << 63)), sender: sender{o: o, queue: make(chan *call.Span)}}
}

func defaults() Options {
	var o Options
	option.SetDefaults(&o)
	o.Endpoint = "http://127.0.0.1:4318"
	return o
}

// TestBegin: whose child a span is, and what is linked.
func TestBegin(t *testing.T) {
	f := func(meta, head, wantTrace, wantParent, wantState, wantLink string, sampled bool) {
		t.Helper()
		var s call.Span
		fixed(0).Begin(&s, []byte(meta), []byte(head))
		link := ""
		if s.Link.Valid() {
			link = string(s.Link.Append(nil))
		}
		own := string(s.Append(nil))
		if !s.Valid() || wantTrace != "" && own[3:35] != wantTrace || fmt.Sprintf("%x", s.Parent) != wantParent ||
			s.State != wantState || link != wantLink || s.Sampled != sampled {
			t.Errorf("%s %q: %s below %x, state %q, link %q", meta, head, own, s.Parent, s.State, link)
		}
	}
	const noParent = "0000000000000000"
	head := "Host: x\r\nTraceparent: " + inHead + "\r\nTRACESTATE:\ta=b \r\ntracestate: c=d\r\n\r\n"
	meta := `{"traceparent":"` + inMeta + `","tracestate":"x=y"}`
	f("", "", "", noParent, "", "", false)
	f(meta, "", inMeta[3:35], "2222222222222222", "x=y", "", true)
	f("", head, inHead[3:35], "4444444444444444", "a=b,c=d", "", false)
	f(meta, head, inMeta[3:35], "2222222222222222", "x=y", inHead, true)
	f(`{"traceparent":"nonsense"}`, head, inHead[3:35], "4444444444444444", "a=b,c=d", "", false)
	f(`{"traceparent":17}`, "", "", noParent, "", "", false)
	f(`{"tracestate":"x=y"}`, "", "", noParent, "", "", false)
	f("", "traceparent: "+inMeta+"\r\ntraceparent: "+inHead+"\r\n\r\n", "", noParent, "", "", false)
	f(`{"traceparent":"`+inMeta+`","tracestate":"`+strings.Repeat("x", 600)+`"}`, "", inMeta[3:35], "2222222222222222", "",
		"", true)
}

// TestSample: of those that bring no parent the part is traced that Sample says, and each has ids of its own.
func TestSample(t *testing.T) {
	f := func(sample float64, low, high int) {
		t.Helper()
		tracer, sampled, seen := fixed(sample), 0, map[traceparent.Context]bool{}
		for range 10000 {
			var s call.Span
			tracer.Begin(&s, nil, nil)
			if s.Sampled {
				sampled++
			}
			if seen[s.Context] {
				t.Fatal("an id came twice")
			}
			seen[s.Context] = true
		}
		if sampled < low || sampled > high {
			t.Errorf("sample %v: %d of 10000", sample, sampled)
		}
	}
	f(0, 0, 0)
	f(0.1, 800, 1200)
	f(1, 10000, 10000)
}

// TestOffCostsNothing: a Tracer that is off, or none, allocates nothing and leaves the span alone.
func TestOffCostsNothing(t *testing.T) {
	var none *Tracer
	off := New(Options{}, nil, Identity{}, metrics.NewSet(), nil)
	var s call.Span
	allocated := testing.AllocsPerRun(100, func() {
		for _, tracer := range []*Tracer{none, off} {
			tracer.Begin(&s, []byte(`{"traceparent":"`+inMeta+`"}`), nil)
			tracer.Ended(&s)
			tracer.Stop(time.Minute)
		}
	})
	if allocated != 0 || s.Valid() {
		t.Errorf("%v allocations, %v", allocated, s)
	}
}

// collector is what spans are sent to, through pipes: so it and its Tracer are in a bubble (testing/synctest), and nobody
// waits for a time.
type collector struct {
	http.Server
	URL     string
	dialled chan net.Conn
	mu      sync.Mutex
	spans   int
	headers http.Header
	answer  atomic.Pointer[func(w http.ResponseWriter)]
}

func startCollector(t *testing.T) *collector {
	c := &collector{URL: "http://collector", dialled: make(chan net.Conn)}
	c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if answer := c.answer.Load(); answer != nil {
			(*answer)(w)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.spans += countSpans(t, body)
		c.headers = r.Header
	})
	ours := http.DefaultTransport // of which a Tracer's is made
	http.DefaultTransport = &http.Transport{DialContext: c.dial}
	served := make(chan error)
	go func() { served <- c.Serve(c) }()
	t.Cleanup(func() {
		http.DefaultTransport = ours
		_ = c.Server.Close()
		<-served
	})
	return c
}

func (c *collector) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	c.dialled <- theirs
	return ours, nil
}

// Accept, Close and Addr implement net.Listener.
func (c *collector) Accept() (net.Conn, error) {
	if conn, open := <-c.dialled; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (c *collector) Close() error {
	close(c.dialled)
	return nil
}

func (c *collector) Addr() net.Addr { return &net.UnixAddr{} }

func (c *collector) answers(f func(w http.ResponseWriter)) {
	if f == nil {
		c.answer.Store(nil)
	} else {
		c.answer.Store(&f)
	}
}

func (c *collector) taken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans
}

// countSpans walks the message; what is in the spans the judges look at (reactor/trace/judges).
func countSpans(t *testing.T, body []byte) (spans int) {
	walk := func(b []byte, number int, see func([]byte)) {
		for len(b) > 0 {
			f, rest, ok := nextField(b)
			if !ok {
				t.Errorf("no protobuf: %x", b)
				return
			}
			if f.number == number {
				see(f.bytes)
			}
			b = rest
		}
	}
	walk(body, 1, func(resource []byte) {
		walk(resource, 2, func(scope []byte) { walk(scope, 2, func([]byte) { spans++ }) })
	})
	return spans
}

// rig is a Tracer with its metrics and what it complained of.
type rig struct {
	*Tracer
	t    *testing.T
	set  *metrics.Set
	said chan string
}

func startTracer(t *testing.T, url string, change func(*Options)) *rig {
	o := defaults()
	o.Endpoint, o.Interval = url, time.Millisecond
	if change != nil {
		change(&o)
	}
	if errs := o.Validate(); errs != nil {
		t.Fatal(errs)
	}
	r := &rig{t: t, set: metrics.NewSet(), said: make(chan string, 100)}
	r.Tracer = New(o, http.Header{"X-Key": {"secret"}}, Identity{"weir", "1", "here"}, r.set,
		func(err error) { r.said <- err.Error() })
	t.Cleanup(func() { r.Stop(time.Minute) })
	return r
}

func (r *rig) end(n int) {
	for range n {
		s := &call.Span{Began: time.Now(), Method: "tools/call", Outcome: "ok", Ended: time.Now()}
		r.Begin(s, nil, nil)
		r.Ended(s)
	}
}

// elapse lets the bubble's clock go on, which takes no time.
func elapse(d time.Duration) { time.Sleep(d) }

// is wants a series to have a value once nothing goes on that needs no time.
func (r *rig) is(series string, want int) {
	r.t.Helper()
	synctest.Wait()
	var text strings.Builder
	r.set.WritePrometheus(&text)
	_, after, _ := strings.Cut(text.String(), series+" ")
	if value, _, _ := strings.Cut(after, "\n"); value != fmt.Sprint(want) {
		r.t.Fatalf("%s is %s, want %d", series, value, want)
	}
}

func dropped(reason string) string { return `weir_trace_spans_dropped_total{reason="` + reason + `"}` }

// TestSend: every span arrives, once, with the fields of the headers file, at the path of OTLP.
func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCollector(t)
		r := startTracer(t, c.URL, func(o *Options) { o.MaxBatch = 7 })
		r.end(100)
		elapse(time.Second) // the last batch is not full
		r.is("weir_trace_spans_sent_total", 100)
		if c.taken() != 100 || c.headers.Get("X-Key") != "secret" ||
			c.headers.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%d spans, %v", c.taken(), c.headers)
		}
		r.Replace(http.Header{"X-Key": {"other"}})
		r.end(1)
		elapse(time.Second)
		r.is("weir_trace_spans_sent_total", 101)
		if c.headers.Get("X-Key") != "other" {
			t.Errorf("%v after the file was read again", c.headers)
		}
		r.is("weir_trace_spans_waiting", 0)
	})
}

// TestEndedNeverWaits: a collector that does not answer costs spans, which are counted, and neither a caller nor a stop
// beyond the timeout.
func TestEndedNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, hang := make(chan struct{}, 100), make(chan struct{})
		c := startCollector(t)
		t.Cleanup(func() { close(hang) })
		c.answers(func(http.ResponseWriter) { asked <- struct{}{}; <-hang })
		r := startTracer(t, c.URL, func(o *Options) { o.MaxQueue, o.MaxBatch, o.Timeout = 10, 5, time.Second })
		r.end(5)
		<-asked // a batch is on its way
		r.end(995)
		r.is("weir_trace_spans_waiting", 15)
		r.is("weir_trace_spans_waiting_limit", 15)
		r.Stop(time.Minute)
		full := r.sender.metrics.dropped[dropFull].Get()
		stopped := r.sender.metrics.dropped[dropStopped].Get() + r.sender.metrics.dropped[dropGaveUp].Get()
		if full < 1000-10-5 || full+stopped != 1000 || // a batch was on its way
			r.sender.waits() != 0 {
			t.Errorf("%d and %d of 1000 are counted, %d wait", full, stopped, r.sender.waits())
		}
		r.end(1)
		if n := r.sender.metrics.dropped[dropStopped].Get() + r.sender.metrics.dropped[dropGaveUp].Get(); n != stopped+1 {
			t.Errorf("a span after the stop is not counted")
		}
	})
}

// TestAgain: what OTLP says may be tried again is, what it does not is not, and what is said is what to do.
func TestAgain(t *testing.T) {
	f := func(name string, answer func(http.ResponseWriter), giveUp time.Duration, lost, says string) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := startCollector(t)
				c.answers(answer)
				r := startTracer(t, c.URL, func(o *Options) { o.GiveUpAfter = giveUp })
				r.end(3)
				select {
				case said := <-r.said:
					if !strings.Contains(said, says) || !strings.Contains(said, "trace.endpoint") {
						t.Errorf("it says %s", said)
					}
				case <-time.After(20 * time.Second):
					t.Fatal("nothing is said")
				}
				c.answers(nil)
				if lost == "" {
					elapse(2 * time.Second) // to the next try
					r.is("weir_trace_spans_sent_total", 3)
				} else {
					r.Stop(time.Minute)
					if lost := r.sender.metrics.dropped; lost[dropRejected].Get()+lost[dropGaveUp].Get()+r.sender.metrics.sent.Get() != 3 {
						t.Error("not every span is counted")
					}
				}
			})
		})
	}
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	f("503", status(503), time.Minute, "", "503")
	f("429", func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(429)
	}, time.Minute, "", "429")
	f("400", status(400), time.Minute, "trace_rejected", "400")
	f("401", status(401), time.Minute, "trace_rejected", "trace.headers_file")
	f("redirect", status(302), time.Minute, "trace_rejected", "302")
	f("away", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 0, "trace_gave_up", "give_up_after")
}

// TestPartialSuccess: spans that the collector would not have are lost, the others are not.
func TestPartialSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCollector(t)
		c.answers(func(w http.ResponseWriter) {
			_, _ = w.Write(appendMessage(nil, 1, func(dst []byte) []byte {
				return appendBytes(appendUint(dst, 1, 2), 2, "too old")
			}))
		})
		r := startTracer(t, c.URL, func(o *Options) { o.MaxBatch, o.Interval = 5, time.Minute })
		r.end(5)
		r.is(dropped("trace_rejected"), 2)
		r.is("weir_trace_spans_sent_total", 3)
		if said := <-r.said; !strings.Contains(said, "too old") {
			t.Errorf("it says %s", said)
		}
	})
}

// TestFlush: a stop sends what waits, though the interval is long.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCollector(t)
		r := startTracer(t, c.URL, func(o *Options) { o.Interval, o.MaxBatch = time.Minute, 4 })
		r.end(10)
		r.Stop(time.Minute)
		if c.taken() != 10 {
			t.Errorf("%d of 10 spans came", c.taken())
		}
		r.Stop(time.Minute) // again does nothing
	})
}

// TestHungStop: the collector that hangs when the server stops holds it for the timeout, or what the stop has left.
func TestHungStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang, end := context.WithCancel(t.Context())
		defer end()
		for _, of := range []struct{ timeout, stop time.Duration }{
			{50 * time.Millisecond, time.Minute},
			{time.Minute, 50 * time.Millisecond},
		} {
			c := startCollector(t)
			c.answers(func(http.ResponseWriter) { <-hang.Done() })
			r := startTracer(t, c.URL, func(o *Options) { o.Timeout = of.timeout })
			r.end(10)
			began := time.Now()
			r.Stop(of.stop)
			if took := time.Since(began); took != 50*time.Millisecond {
				t.Errorf("%+v: the stop took %v", of, took)
			}
		}
	})
}

func TestParseHeaders(t *testing.T) {
	got, err := ParseHeaders([]byte("# a comment\n\nauthorization: Bearer x y\r\nX-A:1\nX-A: 2\n"))
	if err != nil || got.Get("Authorization") != "Bearer x y" || len(got["X-A"]) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	f := func(text, want string) {
		t.Helper()
		if _, err := ParseHeaders([]byte(text)); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
	f("ok: 1\nsecret", "line 2")
	f(": secret", "line 1")
	f("a b: secret", "line 1")
	f("a: secret\x01", "line 1")
	f("content-type: secret", "Content-Type is not to be chosen")
}

func TestValidate(t *testing.T) {
	f := func(endpoint, want string) {
		t.Helper()
		o := defaults()
		o.Endpoint = endpoint
		text := fmt.Sprint(o.Validate())
		if (want == "") != (text == "[]") || !strings.Contains(text, want) {
			t.Errorf("%s: %s", endpoint, text)
		}
	}
	f("", "")
	f("http://127.0.0.1:4318", "")
	f("https://collector/v1/traces?x=y", "")
	f("127.0.0.1:4318", "is not the URL of a collector")
	f("ftp://x", "is not the URL of a collector")
	f("http://u:p@x", "a password")
	for endpoint, want := range map[string]string{
		"http://x": "http://x/v1/traces", "http://x/": "http://x/v1/traces", "http://x/own": "http://x/own",
	} {
		o := Options{Endpoint: endpoint}
		if got := o.url(); got != want {
			t.Errorf("%s asks %s", endpoint, got)
		}
	}
}

// FuzzRejectedSpans: no answer of a collector harms.
func FuzzRejectedSpans(f *testing.F) {
	f.Add(appendMessage(nil, 1, func(dst []byte) []byte { return appendBytes(appendUint(dst, 1, 2), 2, "x") }))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, why := rejectedSpans(b); n < 0 || len(why) > 200 {
			t.Error(n, why)
		}
	})
}

// BenchmarkSpan is what a traced request costs whoever serves it, and BenchmarkEncode its sender.
func BenchmarkSpan(b *testing.B) {
	tracer := fixed(1)
	tracer.sender.queue = make(chan *call.Span, 1)
	b.ReportAllocs()
	for b.Loop() {
		s := &call.Span{Began: time.Now()}
		tracer.Begin(s, nil, nil)
		tracer.Ended(s)
		<-tracer.sender.queue
	}
}

func BenchmarkEncode(b *testing.B) {
	s := &call.Span{Began: time.Now(), Ended: time.Now(), Method: "tools/call", Kind: call.TargetTool, Target: "echo",
		Known: true, Request: "1", Revision: "2026-07-28", Listener: "http", Outcome: "ok"}
	fixed(1).Begin(s, []byte(`{"traceparent":"`+inMeta+`"}`), nil)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = appendTraces(dst[:0], nil, []*call.Span{s})
	}
	b.SetBytes(int64(len(dst)))
}

package cmd

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/cmd/needs"
	"weir/loadtest/client"
	"weir/loadtest/hostile"
	"weir/loadtest/pacing"
	"weir/loadtest/table"
	"weir/loadtest/wire"
	"weir/registry"
)

// The chaos suite: faults of every kind befall a server, several at once, in an order that a seed says, while honest
// clients call on. Then both sides' books are compared, and everything that was taken has to be given back. What
// misbehaves is loadtest's; what is here is the order, the tools, and the books.

// asChaos is the program with the tools of chaos.
const asChaos = "chaos"

var chaotic = Program{Name: "chaos", Version: "dev", Offer: offerChaos,
	Defaults: func(c *Config) { c.Demo = true }}

func offerChaos(r *registry.Registry) error {
	type none struct{}
	type amount struct {
		Millis int `json:"ms"`
		MiB    int `json:"mib,omitempty"`
	}
	done := func() (*mcp.CallToolResult, any, error) { return &mcp.CallToolResult{}, nil, nil }
	type words struct {
		Message string `json:"message"`
		Millis  int    `json:"ms"`
	}
	// Its calls are taken back.
	registry.AddTool(r, &mcp.Tool{Name: "patient"}, func(ctx context.Context, _ *mcp.CallToolRequest, in words) (
		*mcp.CallToolResult, any, error) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(in.Millis) * time.Millisecond):
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Message}}}, nil, nil
	})
	registry.AddTool(r, &mcp.Tool{Name: "panic"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult,
		any, error) {
		panic("chaos")
	})
	registry.AddTool(r, &mcp.Tool{Name: "exit"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult,
		any, error) {
		runtime.Goexit()
		return nil, nil, nil
	})
	// It heeds nothing, so its calls are ended without it.
	registry.AddTool(r, &mcp.Tool{Name: "stuck"}, func(_ context.Context, _ *mcp.CallToolRequest, in amount) (
		*mcp.CallToolResult, any, error) {
		time.Sleep(time.Duration(in.Millis) * time.Millisecond)
		return done()
	}, registry.Timeout(100*time.Millisecond), registry.MaxConcurrent(6))
	registry.AddTool(r, &mcp.Tool{Name: "ballast"}, func(_ context.Context, _ *mcp.CallToolRequest, in amount) (
		*mcp.CallToolResult, any, error) {
		held := make([]byte, in.MiB<<20)
		for i := 0; i < len(held); i += 4096 {
			held[i] = 1
		}
		time.Sleep(time.Duration(in.Millis) * time.Millisecond)
		runtime.KeepAlive(held)
		return done()
	})
	registry.AddTool(r, &mcp.Tool{Name: "descriptors"}, func(_ context.Context, _ *mcp.CallToolRequest, in amount) (
		*mcp.CallToolResult, any, error) {
		var files []*os.File
		for {
			f, err := os.Open(os.DevNull)
			if err != nil {
				break
			}
			files = append(files, f)
		}
		time.Sleep(time.Duration(in.Millis) * time.Millisecond)
		for _, f := range files {
			f.Close()
		}
		return done()
	})
	return nil
}

// chaos is one run.
type chaos struct {
	t         *testing.T
	addresses map[string]string
	child     *child // nil: the server is in this process
	logGate   sync.Mutex

	mu    sync.Mutex
	books map[string]*client.Counters // by tool
}

// fault is one kind. It lasts about d, and when it returns nothing of it is left.
type fault struct {
	name string
	// ofChild: it would befall the clients, too, were they in its process.
	ofChild bool
	befall  func(c *chaos, r *rand.Rand, d time.Duration)
}

var faults = []fault{
	{"slow readers", false, func(c *chaos, _ *rand.Rand, d time.Duration) {
		unread := c.fleet(func(o *client.Options) { o.NeverRead, o.Window, o.Tool, o.Arguments = true, 500, "time", "{}" })
		unread.Launch(3)
		unread.Start()
		c.hostile(d, hostile.Clients{SlowRead: 4})
		unread.Close()
	}},
	{"half-open peers", false, func(c *chaos, _ *rand.Rand, d time.Duration) {
		c.hostile(d, hostile.Clients{HalfClose: 4, HalfRequest: 4, SlowDrip: 4})
	}},
	{"garbage", false, func(c *chaos, _ *rand.Rand, d time.Duration) {
		c.hostile(d, hostile.Clients{Garbage: 5, Oversize: 1, Duplicate: 3})
	}},
	{"reset storm", false, func(c *chaos, _ *rand.Rand, d time.Duration) {
		c.hostile(d, hostile.Clients{Reset: 20, Vanish: 20})
	}},
	{"reconnect storm", false, func(c *chaos, r *rand.Rand, d time.Duration) {
		f := c.fleet(func(o *client.Options) { o.Transport = wire.Transport(r.IntN(3)) })
		f.Start()
		for end := time.Now().Add(d); time.Now().Before(end); {
			f.Hold(40)
			c.rest(d / 10)
			f.Hold(0)
			c.rest(d / 20)
		}
		c.settle(f, "echo")
	}},
	{"cancellations", false, func(c *chaos, r *rand.Rand, d time.Duration) {
		f := c.fleet(func(o *client.Options) {
			// Not over HTTP: under pressure its connections end with an answer, and this client goes on sending.
			o.Transport = wire.Transport(r.IntN(2)) // lines or WebSocket
			o.Tool, o.Arguments = "patient", `{"message":"0000000000","ms":1}`
			o.OneID = &client.OneID{Calls: 1 << 20, CancelEvery: 2 + r.IntN(3), CancelAfter: 10 * time.Millisecond,
				Slow: "patient", SlowArguments: `{"message":"0000000000","ms":1000}`}
		})
		f.Hold(8)
		f.Start()
		c.rest(d)
		c.settle(f, "patient")
	}},
	{"event streams", false, func(c *chaos, r *rand.Rand, d time.Duration) {
		f := c.fleet(func(o *client.Options) { o.Transport, o.Era, o.Stream = wire.HTTP, wire.Era(r.IntN(2)), true })
		for end := time.Now().Add(d); time.Now().Before(end); {
			f.Hold(20)
			c.rest(d / 5)
			f.Hold(r.IntN(10))
		}
		c.settle(f, "streams")
	}},
	{"stuck tools", false, func(c *chaos, r *rand.Rand, d time.Duration) {
		c.calls(d, "stuck", fmt.Sprintf(`{"ms":%d}`, 50+r.IntN(400)), 4)
	}},
	{"panicking tools", false, func(c *chaos, r *rand.Rand, d time.Duration) {
		c.calls(d, []string{"panic", "exit"}[r.IntN(2)], `{}`, 2)
	}},
	{"ballast", true, func(c *chaos, r *rand.Rand, d time.Duration) {
		c.once("ballast", fmt.Sprintf(`{"mib":%d,"ms":%d}`, 60+r.IntN(30), d.Milliseconds()))
	}},
	{"no descriptors", true, func(c *chaos, _ *rand.Rand, d time.Duration) {
		c.once("descriptors", fmt.Sprintf(`{"ms":%d}`, d.Milliseconds()))
	}},
	{"blocked log", true, func(c *chaos, _ *rand.Rand, d time.Duration) {
		c.logGate.Lock()
		defer c.logGate.Unlock()
		c.calls(d, "panic", `{}`, 2) // which is a line each
	}},
	{"standstill", true, func(c *chaos, r *rand.Rand, d time.Duration) {
		c.signal(syscall.SIGSTOP)
		defer c.signal(syscall.SIGCONT)
		c.rest(min(d, time.Duration(50+r.IntN(300))*time.Millisecond))
	}},
}

func (c *chaos) signal(s syscall.Signal) {
	if err := c.child.Process.Signal(s); err != nil {
		c.t.Error(err)
	}
}

// rest lets a fault last.
func (c *chaos) rest(d time.Duration) { time.Sleep(d) }

func (c *chaos) options(change func(*client.Options)) client.Options {
	o := client.DefaultOptions()
	o.Reopen, o.ReopenAfter = true, 20*time.Millisecond
	change(&o)
	o.Address = c.addresses["http"]
	if o.Transport == wire.Line {
		o.Address = c.addresses["tcp"]
	}
	return o
}

func (c *chaos) fleet(change func(*client.Options)) *client.Fleet {
	f, err := client.NewFleet(c.options(change))
	if err != nil {
		c.t.Error(err)
		runtime.Goexit()
	}
	return f
}

// hostile lets clients loose on each transport.
func (c *chaos) hostile(d time.Duration, h hostile.Clients) {
	var groups []*hostile.Group
	for _, transport := range []wire.Transport{wire.Line, wire.HTTP, wire.WebSocket} {
		o := c.options(func(o *client.Options) { o.Transport, o.Tool, o.Arguments = transport, "time", "{}" })
		group, err := hostile.Start(&o.Options, h)
		if err != nil {
			c.t.Error(err)
			return
		}
		groups = append(groups, group)
	}
	c.rest(d)
	for _, group := range groups {
		group.Close()
	}
}

// calls has one tool called for a while.
func (c *chaos) calls(d time.Duration, tool, arguments string, connections int) {
	f := c.fleet(func(o *client.Options) { o.Tool, o.Arguments, o.Window = tool, arguments, 4 })
	f.Hold(connections)
	f.StartPlan(planOf(200), time.Now())
	c.rest(d)
	c.settle(f, tool)
}

// once has it called once.
func (c *chaos) once(tool, arguments string) {
	f := c.fleet(func(o *client.Options) { o.Tool, o.Arguments, o.CallsPerConnection = tool, arguments, 1 })
	f.Launch(1)
	f.Start()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.Done(ctx); err != nil {
		c.t.Errorf("%s: %v", tool, err)
	}
	c.settle(f, tool)
}

func planOf(perSecond float64) *pacing.Plan {
	return pacing.NewPlan(pacing.Segment{Length: time.Hour, From: perSecond, To: perSecond})
}

// settle ends a fleet as polite clients end, and enters what it has seen into the books.
func (c *chaos) settle(f *client.Fleet, tool string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.Stop(ctx); err != nil {
		c.t.Errorf("%s: calls have no end: %v", tool, err)
	}
	f.Hold(0)
	if err := f.Quiet(ctx); err != nil {
		c.t.Errorf("%s: %v", tool, err)
	}
	seen := f.Counters()
	f.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.books[tool] == nil {
		empty := client.NewCounters()
		c.books[tool] = &empty
	}
	table.Add(c.books[tool], &seen)
}

// series is one page of metrics: values by whole names.
type series map[string]float64

var seriesLine = regexp.MustCompile(`(?m)^(\w+(?:\{[^}]*\})?) (\S+)$`)

func (c *chaos) series() series {
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport, Timeout: patience}).Get("http://" + c.addresses["admin"] +
		"/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	page := series{}
	for _, match := range seriesLine.FindAllStringSubmatch(string(text), -1) {
		page[match[1]], _ = strconv.ParseFloat(match[2], 64)
	}
	return page
}

// sum adds up what begins so.
func (s series) sum(beginning string) (sum float64) {
	for name, value := range s {
		if strings.HasPrefix(name, beginning) {
			sum += value
		}
	}
	return sum
}

// given are series that are 0 when nobody is there any more.
var given = regexp.MustCompile(`^weir_(connections|queue_(waiting|executing)_messages(\{.*)?|queue_(waiting_)?bytes|` +
	`(outbox|input|subscription|event_store|client_request|task)_bytes|handlers_timed_out|client_requests|tasks|` +
	`subscriptions|session_streams|workers_busy\{.*|tool_concurrency\{.*)$`)

// unsettled says what the server has not given back, compared with what it had before.
func (s series) unsettled(before series) (found []string) {
	for name, value := range s {
		if given.MatchString(name) && value != 0 {
			found = append(found, fmt.Sprintf("%s is %v", name, value))
		}
	}
	for name, slack := range map[string]float64{"go_goroutines": 4, "process_open_fds": 0} {
		if s[name] > before[name]+slack {
			found = append(found, fmt.Sprintf("%s is %v, and was %v", name, s[name], before[name]))
		}
	}
	if opened, closed := s["weir_connections_accepted_total"], s.sum("weir_connections_closed_total"); opened != closed {
		found = append(found, fmt.Sprintf("%v connections were opened, and %v ended for a reason", opened, closed))
	}
	return found
}

var reasonName = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

// reconcile compares the books.
func (c *chaos) reconcile(after series) {
	refused := uint64(0)
	for tool, b := range c.books {
		bad := b.Bad
		for what, n := range b.Failures { // a refusal, too, is no stream for whoever asks for one
			if tool == "streams" && strings.Contains(what, "503") {
				bad -= n
			}
		}
		if bad+b.Crossed > 0 {
			c.t.Errorf("%s: %d bad answers, %d crossed: %s", tool, b.Bad, b.Crossed, b.Troubles())
		}
		if ended := b.Answered() + b.Cancelled + b.Lost; b.Sent != ended || b.InFlight != 0 {
			c.t.Errorf("%s: %d calls were sent, %d have ended", tool, b.Sent, ended)
		}
		if b.Lost > 0 {
			c.t.Errorf("%s: %d calls were lost: %s (%s)", tool, b.Lost, client.ListCounts(b.LostReasons), b.Troubles())
		}
		named := uint64(0)
		for reason, n := range b.Reasons {
			if reasonName.MatchString(reason) {
				named += n
			}
		}
		if named < b.Refused {
			c.t.Errorf("%s: %d calls were refused, with a name %d: %s", tool, b.Refused, named, client.ListCounts(b.Reasons))
		}
		ran, ours := after.sum(`weir_tool_calls_total{tool="`+tool+`"`), b.Results+b.ToolErrors+b.Errors
		if ran < float64(ours) || ran > float64(ours+b.Lost+b.Cancelled) {
			c.t.Errorf("%s: the server has run %v calls, its clients know of %d: %+v", tool, ran, ours, b.Outcomes)
		}
		if tool == "echo" || tool == "sleep" {
			if b.Errors+b.ToolErrors > 0 {
				c.t.Errorf("%s: honest calls had errors: %s", tool, client.ListCounts(b.Reasons))
			}
		}
		refused += b.Refused
	}
	if told := after.sum("weir_refusals_total"); told < float64(refused) {
		c.t.Errorf("clients heard %d refusals, the server knows of %v", refused, told)
	}
	if n := after["weir_worker_panics_total"]; n > 0 {
		c.t.Errorf("%v panics reached a worker", n)
	}
}

// honest is who goes on calling meanwhile: of each transport and era a few.
func (c *chaos) honest() (fleets map[*client.Fleet]string) {
	fleets = map[*client.Fleet]string{}
	for i, change := range []func(*client.Options){
		func(*client.Options) {},
		func(o *client.Options) { o.Transport = wire.HTTP },
		func(o *client.Options) { o.Transport, o.Era = wire.HTTP, wire.Modern },
		func(o *client.Options) { o.Transport = wire.WebSocket },
	} {
		tool := []string{"echo", "sleep"}[i%2]
		f := c.fleet(func(o *client.Options) {
			if change(o); tool == "sleep" {
				o.Tool, o.Arguments = tool, `{"ms":2}`
			}
		})
		f.Hold(3)
		f.StartPlan(planOf(100), time.Now())
		fleets[f] = tool
	}
	return fleets
}

// run lets all faults befall the server, some at a time, again and again for so long.
func (c *chaos) run(seed uint64, length time.Duration) {
	c.t.Logf("seed %d: WEIR_CHAOS_SEED=%d go test ./cmd -run '%s'", seed, seed, c.t.Name())
	r := rand.New(rand.NewPCG(seed, 0))
	c.books = map[string]*client.Counters{}
	c.calls(200*time.Millisecond, "sleep", `{"ms":20}`, 16) // workers that stay warm are there before we count
	var before series
	eventually(c.t, "it is as at the start", func() bool {
		before = c.series()
		return len(before.unsettled(before)) == 0
	})
	fleets := c.honest()
	deck := func() (dealt []fault) {
		for _, at := range r.Perm(len(faults)) {
			if f := faults[at]; c.child != nil || !f.ofChild {
				dealt = append(dealt, f)
			}
		}
		return dealt
	}
	var told []string
	left, end := deck(), time.Now().Add(length)
	for len(left) > 0 {
		var all sync.WaitGroup
		n := min(len(left), 2+r.IntN(3))
		for _, f := range left[:n] {
			own, wait := rand.New(rand.NewPCG(r.Uint64(), 0)), time.Duration(r.IntN(100))*time.Millisecond
			d := time.Duration(200+r.IntN(300)) * time.Millisecond
			told = append(told, f.name)
			all.Go(func() {
				c.rest(wait)
				f.befall(c, own, d)
			})
		}
		all.Wait()
		told = append(told, "|")
		if left = left[n:]; len(left) == 0 && time.Now().Before(end) {
			left = deck()
		}
	}
	c.t.Log(strings.Join(told, ", "))
	for f, tool := range fleets {
		then := f.Counters().Results
		eventually(c.t, "an honest client is served again: "+tool, func() bool { return f.Counters().Results >= then+5 })
		c.settle(f, tool)
	}
	var after series
	defer func() {
		if c.t.Failed() {
			c.t.Log(after.unsettled(before))
		}
	}()
	eventually(c.t, "everything is given back", func() bool {
		after = c.series()
		return len(after.unsettled(before)) == 0
	})
	c.reconcile(after)
	for name, value := range after {
		if reason, ok := strings.CutPrefix(name, "weir_refusals_total"); ok && value > 0 {
			c.t.Log("refused", reason, value)
		}
		if reason, ok := strings.CutPrefix(name, "weir_connections_closed_total"); ok && value > 0 {
			c.t.Log("closed", reason, value)
		}
	}
}

// chaosSeeds are the one that is asked for (WEIR_CHAOS_SEED), or so many from first on.
func chaosSeeds(t *testing.T, first uint64, n int) (seeds []uint64) {
	if asked := os.Getenv("WEIR_CHAOS_SEED"); asked != "" {
		seed, err := strconv.ParseUint(asked, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return []uint64{seed}
	}
	for i := range n {
		seeds = append(seeds, first+uint64(i))
	}
	return seeds
}

func chaosInside(t *testing.T, seed uint64, length time.Duration) {
	s := startTestLogging(t, io.Discard, func(c *Config) { c.MCP.AdaptiveConcurrency = true })
	if err := offerChaos(s.registry); err != nil {
		t.Fatal(err)
	}
	(&chaos{t: t, addresses: s.addresses}).run(seed, length)
}

func chaosOfAProcess(t *testing.T, seed uint64, length time.Duration) {
	config := filepath.Join(t.TempDir(), "weir.yaml")
	text := "memory_limit_bytes: 128 MiB\nmax_queue_bytes: 16 MiB\nmax_outbox_total_bytes: 16 MiB\n" +
		"max_input_total_bytes: 16 MiB\nmax_connections: 2000\nmcp: {adaptive_concurrency: true}\n" +
		"max_expected_wait: 0s\nqueue_timeout: 0s\noverload_queue_timeout: 0s\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	child := startChildAs(t, asChaos, nil, "--config", config)
	c := &chaos{t: t, addresses: child.addresses, child: child}
	read := make(chan struct{})
	go func() { // its log, but for when nobody reads it
		defer close(read)
		for child.log.Scan() {
			c.logGate.Lock()
			//lint:ignore SA2001 a gate
			c.logGate.Unlock()
		}
	}()
	c.run(seed, length)
	c.signal(syscall.SIGTERM)
	<-read
	if err := child.Wait(); err != nil {
		t.Errorf("it did not end well: %v", err)
	}
}

// TestChaos is the suite as a quick test has room for it.
func TestChaos(t *testing.T) {
	for _, seed := range chaosSeeds(t, 1, 1) {
		t.Run("inside", func(t *testing.T) { chaosInside(t, seed, time.Second) })
		t.Run("process", func(t *testing.T) { chaosOfAProcess(t, seed, time.Second) })
	}
}

// TestChaosInFull is the same for minutes, in as many orders.
func TestChaosInFull(t *testing.T) {
	needs.Slow(t)
	for _, seed := range chaosSeeds(t, uint64(time.Now().Unix()), 10) {
		t.Run(fmt.Sprint("inside ", seed), func(t *testing.T) { chaosInside(t, seed, 8*time.Second) })
		t.Run(fmt.Sprint("process ", seed), func(t *testing.T) { chaosOfAProcess(t, seed, 8*time.Second) })
	}
}

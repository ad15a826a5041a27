package reactor

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/registry"
)

// TestLaunchFails without leaving anything behind: goleak looks at the end of the package's tests.
func TestLaunchFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	f := func(want string, change func(*Options, *backpressure.Options)) {
		t.Helper()
		reg, err := registry.New(registry.DefaultOptions())
		must(t, err)
		o, b := DefaultOptions(), backpressure.DefaultOptions()
		o.HTTP, o.TCP = "127.0.0.1:0", ""
		change(&o, &b)
		if _, err := Launch(Assembly{Registry: reg, Options: &o, Bounds: &b}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("address already in use", func(o *Options, _ *backpressure.Options) { o.HTTP = taken.Addr().String() })
	f("backlog", func(o *Options, _ *backpressure.Options) { o.Backlog = -1 })
	f("max_waiting", func(_ *Options, b *backpressure.Options) { b.MaxWaiting = 0 })
}

// TestLaunchStops: Stop waits for the call that runs, and what it was given is what it goes by.
func TestLaunchStops(t *testing.T) {
	reg, err := registry.New(registry.DefaultOptions())
	must(t, err)
	registry.AddDemoTools(reg)
	o, b := DefaultOptions(), backpressure.DefaultOptions()
	o.HTTP, o.TCP, b.MaxConnections = "", "127.0.0.1:0", 1
	launched, err := Launch(Assembly{Registry: reg, Options: &o, Bounds: &b})
	must(t, err)
	s := &server{Server: launched.Server, t: t, queue: launched.queue}
	p := s.dial("tcp").greet()
	contains(t, s.dial("tcp").rest(), "connection_limit")
	p.send(toolCall("1", "sleep", `{"ms":100}`))
	s.eventually("it runs", func() bool { return s.queue.Executing(backpressure.Wait) == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	if report := launched.Stop(ctx); report.Messages != 0 || time.Since(began) > patience/2 {
		t.Errorf("%+v after %v", report, time.Since(began))
	}
	contains(t, p.rest(), `"slept"`)
}

package client

import (
	"strings"
	"testing"
)

func TestOptionsNameWhatIsWrong(t *testing.T) {
	f := func(change func(*Options), want string) {
		t.Helper()
		o := DefaultOptions()
		o.Address = "127.0.0.1:1"
		change(&o)
		if _, err := NewFleet(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(func(o *Options) { o.Address = "" }, "Address")
	f(func(o *Options) { o.Address = "localhost:1" }, "localhost")
	f(func(o *Options) { o.Network = "udp" }, "Network")
	f(func(o *Options) { o.Loops = 0 }, "Loops")
	f(func(o *Options) { o.Window = 0 }, "Window")
	f(func(o *Options) { o.RatePerSecond = -1 }, "RatePerSecond")
	f(func(o *Options) { o.Arguments = "{" }, "Arguments")
}

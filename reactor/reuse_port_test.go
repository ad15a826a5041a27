package reactor

import (
	"net"
	"testing"

	"weir/backpressure"
	"weir/registry"
)

func sharing(address string) tune {
	return func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.HTTP, o.TCP, o.ReusePort = "", address, true
	}
}

// Two servers share a port, and both get connections of it.
func TestReusePort(t *testing.T) {
	first := start(t, sharing("127.0.0.1:0"))
	second := start(t, sharing(first.Addrs()["tcp"]))
	const most = 200 // that all of them go to one of the two has a chance of 2 in 2^200
	for i := range most {
		if first.Connections() > 0 && second.Connections() > 0 {
			return
		}
		first.dial("tcp").greet()
		if i == most-1 {
			t.Errorf("of %d connections one has %d, the other %d", most, first.Connections(), second.Connections())
		}
	}
}

// Without reuse_port on both sides a port has one server.
func TestPortIsNotShared(t *testing.T) {
	first := start(t, sharing("127.0.0.1:0"))
	address := first.Addrs()["tcp"]
	if _, err := unstarted(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.HTTP, o.TCP = "",
			address
	}); err == nil {
		t.Error("a server that does not share the port got it too")
	}
	other, err := net.Listen("tcp", address)
	if err == nil {
		other.Close()
		t.Error("another listener got it too")
	}
}

package auth

import "testing"

func TestHostsAndOrigins(t *testing.T) {
	here, everywhere := Place{Loopback: true, IP: "127.0.0.1"}, Place{IP: "192.0.2.1"}
	open := NewRules(nil, nil)
	listed := NewRules([]string{"mcp.example.com"}, []string{"https://app.example.com"})
	host := func(r Rules, at Place, value string, want bool) {
		t.Helper()
		if got := r.HostAllowed(at, []byte(value)); got != want {
			t.Errorf("Host %q at %+v: %t", value, at, got)
		}
	}
	for _, value := range []string{"localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080"} {
		host(open, here, value, true)
	}
	for _, value := range []string{"", "evil.example", "localhost.evil.example", "192.0.2.1", "[::1", "1", "10.0.0.1"} {
		host(open, here, value, false)
		host(listed, here, value, false)
	}
	host(open, everywhere, "any.example", true)
	host(listed, everywhere, "any.example", false)
	host(listed, everywhere, "MCP.example.com:443", true)
	host(listed, everywhere, "192.0.2.1:8080", true)
	host(listed, everywhere, "localhost", false)
	origin := func(r Rules, at Place, value string, want bool) {
		t.Helper()
		if got := r.OriginAllowed(at, []byte(value)); got != want {
			t.Errorf("Origin %q at %+v: %t", value, at, got)
		}
	}
	origin(open, here, "http://localhost:3000", true)
	origin(open, here, "null", false)
	origin(open, here, "https://app.example.com", false)
	origin(open, everywhere, "http://localhost:3000", false)
	origin(listed, everywhere, "https://app.example.com", true)
	origin(listed, everywhere, "https://app.example.com:444", false)
	if listed.Origin([]byte("http://localhost")) != nil || listed.Origin([]byte("https://app.example.com")) == nil {
		t.Error("only listed origins may read answers")
	}
}

func TestLoopbackAddresses(t *testing.T) {
	f := func(address string, want bool) {
		t.Helper()
		if IsLoopbackAddress(address) != want {
			t.Errorf("%q: %t", address, !want)
		}
	}
	f("127.0.0.1:9090", true)
	f("localhost:9090", true)
	f("[::1]:9090", true)
	f("[0:0:0:0:0:0:0:1]:9090", true)
	f(":9090", false)
	f("0.0.0.0:9090", false)
	f("[::]:9090", false)
	f("", false)
	f("example.com:9090", false)
}

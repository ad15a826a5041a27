package auth

import (
	"strings"
	"testing"
)

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
		if got := r.Origin(at, []byte(value)) != nil; got != want {
			t.Errorf("Origin %q at %+v: %t", value, at, got)
		}
	}
	origin(open, here, "http://localhost:3000", true)
	origin(open, here, "null", false)
	origin(open, here, "https://app.example.com", false)
	origin(open, everywhere, "http://localhost:3000", false)
	origin(listed, everywhere, "https://app.example.com", true)
	origin(listed, everywhere, "https://app.example.com:444", false)
	for _, value := range []string{
		"http://localhost", "https://127.0.0.1:1", "http://[::1]", "http://[::1]:65535", "http://127.8.8.8:80",
	} {
		origin(open, here, value, true)
		origin(open, everywhere, value, false)
		if o := open.Origin(here, []byte(value)); o != nil && !strings.Contains(o.Answer, "Allow-Origin: "+value+"\r\n") {
			t.Errorf("%s may call and not read: %q", value, o.Answer)
		}
	}
	for _, value := range []string{
		"", "localhost", "//localhost", "chrome-extension://localhost", "tauri://localhost", "ws://localhost", "file://",
		"http://[::1].evil", "http://[::1", "http://[::1]:", "http://[::1]x", "http://[127.0.0.1]", "http://[::1%lo]",
		"http://::1", "http://localhost:", "http://localhost:0", "http://localhost:65536", "http://localhost:+1",
		"http://localhost:8x", "http://localhost/", "http://localhost:80/", "http://user@localhost", "http://localhost@evil",
		"http://localhost:80@evil", "http://localhost.evil", "http://localhost#.evil", "http://localhost?", "http://127.1",
		"http://0.0.0.0", "http://evil/://localhost", "http://localhost http://evil", "http://localhost, http://evil",
	} {
		origin(open, here, value, false)
		origin(listed, here, value, false)
	}
}

func TestPreflight(t *testing.T) {
	r := NewRules(nil, []string{"https://app.example.com"})
	o := r.Origin(Place{}, []byte("https://app.example.com"))
	got := o.Preflight("POST, OPTIONS", []byte("content-type,mcp-param-region, x-request_id ,bad name,bad:name,,=\"")).Answer
	for _, want := range []string{
		"Access-Control-Allow-Methods: POST, OPTIONS\r\n", ", content-type, mcp-param-region, x-request_id\r\n",
		"Mcp-Session-Id, ", "Retry-After",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Contains(o.Answer, "Access-Control-Allow-Headers") {
		t.Error("answers that are no preflight's say what may be sent")
	}
}

func TestCheckOrigin(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		if CheckOrigin(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
	f("https://app.example.com", true)
	f("http://[2001:db8::1]:8080", true)
	f("chrome-extension://abcdefghijklmnop", true)
	f("https://App.example.com", false)
	f("HTTPS://app.example.com", false)
	f("https://app.example.com/", false)
	f("https://app.example.com/x", false)
	f("https://app.example.com:", false)
	f("https://app.example.com:x", false)
	f("https://*.example.com", false) // no pattern: it would match nothing
	f("https://a\r\nX: y", false)
	f("://a", false)
	f("1a://a", false)
	f("app.example.com", false)
	f("null", false)
	f("", false)
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

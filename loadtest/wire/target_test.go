package wire

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := ParseTarget(t.Context(), text)
		s := fmt.Sprintf("%s %s %s %s", got.TransportName(), got.Address, got.Path, got.Host)
		if err != nil {
			s = err.Error()
		}
		if !strings.Contains(s, want) {
			t.Errorf("%s: got %s, want %s", text, s, want)
		}
	}
	f("http://127.0.0.1:8080/x?y=z", "http 127.0.0.1:8080 /x?y=z 127.0.0.1:8080")
	f("http://localhost", "http 127.0.0.1:80 /mcp localhost")
	f("ws://[::1]:9/mcp", "ws [::1]:9 /mcp [::1]:9")
	f("tcp://127.0.0.1:7", "tcp 127.0.0.1:7")
	f("unix:/a/b", "unix /a/b")
	f("unix:///a/b", "unix /a/b")
	f("unix:", "names no socket")
	f("tcp://127.0.0.1", "lacks a host or a port")
	f("https://a.example/", "TLS is not spoken here")
	f("127.0.0.1:7", "want http://HOST:PORT/mcp")
	f("ftp://x/", "want http://HOST:PORT/mcp")
}

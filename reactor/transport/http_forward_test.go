package transport

import "testing"

// TestReadBegin: a response begins with what follows the interim ones, and its body says nothing of what it is.
func TestReadBegin(t *testing.T) {
	const interim = "HTTP/1.1 100 Continue\r\n\r\n"
	const json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
	const events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	f := func(p string, begun, stream bool) {
		t.Helper()
		if b, s := readBegin([]byte(p)); b != begun || s != stream {
			t.Errorf("%q: %v %v", p, b, s)
		}
	}
	f(interim, false, false)
	f(interim+interim, false, false)
	f(interim+events, true, true)
	f(events+"data: 1\n\n", true, true)
	f(json+`"text/event-stream"`, true, false)
	f(interim+json+`"text/event-stream"`, true, false)
}

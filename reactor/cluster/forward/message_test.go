package forward

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestRequest(t *testing.T) {
	f := func(r Request) {
		t.Helper()
		r.window = 4096
		b := appendRequest(nil, &r)
		got, err := readRequest(b)
		if err != nil || got.Flags != r.Flags || got.Revision != r.Revision || got.Addr != r.Addr || got.Principal != r.Principal ||
			got.window != r.window || !bytes.Equal(got.HTTP, r.HTTP) {
			t.Errorf("%+v became %+v, %v", r, got, err)
		}
		for n := range len(b) - len(r.HTTP) {
			if _, err := readRequest(b[:n]); err == nil {
				t.Errorf("%d of %d bytes were read", n, len(b))
			}
		}
	}
	f(Request{})
	f(Request{Revision: 3, Flags: Closes | Loopback | Message})
	f(Request{Addr: netip.MustParseAddr("10.1.2.3"), Principal: "ada", HTTP: []byte("GET /")})
	f(Request{Addr: netip.MustParseAddr("2001:db8::1"), HTTP: []byte("x")})
}

func TestFates(t *testing.T) {
	for fate := range fates {
		if readFate([]byte{byte(fate)}) != fate || fate.String() == "" {
			t.Errorf("%d is %q", fate, fate)
		}
	}
	if readFate(nil) != Cut || readFate([]byte{200}) != Cut {
		t.Error("what is not known was taken for something else")
	}
}

// FuzzRequest: whatever another node sends is a request or an error, and what is read is written the same way.
func FuzzRequest(f *testing.F) {
	f.Add(appendRequest(nil, &Request{Addr: netip.MustParseAddr("::1"), Principal: "p", HTTP: []byte("GET"), window: 1}))
	f.Add([]byte("\x00\x00\x04\x01\x02\x03\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readRequest(b)
		if err != nil {
			return
		}
		if r.window < 1 || r.window > maxWindow {
			t.Errorf("a window of %d", r.window)
		}
		again, err := readRequest(appendRequest(nil, &r))
		if err != nil || again.Addr != r.Addr || again.Principal != r.Principal || !bytes.Equal(again.HTTP, r.HTTP) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

package clientreq

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/codec"
)

func newSealer(key string) *Sealer { return NewSealer([]string{key}, time.Minute, metrics.NewSet()) }

func TestKeys(t *testing.T) {
	f := func(key string, good bool) {
		t.Helper()
		if err := CheckKey(key); (err == nil) != good || err != nil && strings.Contains(err.Error(), "abab") {
			t.Errorf("%q: %v", key, err)
		}
	}
	f(strings.Repeat("ab", 32), true)
	f(strings.Repeat("AB", 32), true)
	f(strings.Repeat("ab", 31), false)
	f(strings.Repeat("ab", 33), false)
	f(strings.Repeat("xy", 32), false)
	f("", false)
}

func TestSealer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, binding := newSealer(""), Binding("ada", []byte(`"tools/call"`), nil)
		for _, state := range []string{"", "x", strings.Repeat("long", 1000)} {
			var elicited Elicited
			if state != "" {
				elicited = Elicited{"who": json.RawMessage(`{"type":"object"}`), "there": json.RawMessage(`null`)}
			}
			sealed := s.Seal([]byte("before "), state, elicited, binding)[len("before "):]
			f := func(name string, s *Sealer, sealed, binding []byte, want *codec.Error) {
				t.Helper()
				got, checks, e := s.Open(sealed, binding)
				if e != want || want == nil && (got != state || !reflect.DeepEqual(checks, elicited)) {
					t.Errorf("%s: %q %s %v", name, got, checks, e)
				}
			}
			f("as it is", s, sealed, binding, nil)
			f("again", s, sealed, binding, nil)
			f("another server", newSealer(""), sealed, binding, ErrState)
			f("another request", s, sealed, Binding("ada", []byte(`"prompts/get"`), nil), ErrState)
			f("another principal", s, sealed, Binding("bob", []byte(`"tools/call"`), nil), ErrState)
			f("nothing", s, nil, binding, ErrState)
			f("no base64", s, []byte("?"), binding, ErrState)
			f("cut", s, sealed[:len(sealed)-4], binding, ErrState)
			raw, err := base64.RawURLEncoding.DecodeString(string(sealed))
			if err != nil {
				t.Fatal(err)
			}
			for i := range raw[:min(len(raw), 64)] {
				raw[i] ^= 1
				f("changed", s, []byte(base64.RawURLEncoding.EncodeToString(raw)), binding, ErrState)
				raw[i] ^= 1
			}
			time.Sleep(time.Minute)
			f("in time", s, sealed, binding, nil)
			time.Sleep(2 * time.Second)
			f("late", s, sealed, binding, errStateExpired)
		}
	})
}

// A request that says the same in other words has the same binding, and tokens do not run into each other.
func TestBinding(t *testing.T) {
	f := func(a, b string, same bool) {
		t.Helper()
		if string(Binding("", []byte(a))) == string(Binding("", []byte(b))) != same {
			t.Errorf("%s and %s", a, b)
		}
	}
	f(`{"a":1.50,"b":["\u0041"]}`, `{ "b":["A"], "a":1.50 }`, true)
	f(`{"a":1.50}`, `{"a":1.5}`, false)
	f(`"a"`, `"b"`, false)
	if string(Binding("a", []byte(`1`), []byte(`2`))) == string(Binding("a", []byte(`12`), nil)) ||
		string(Binding("a1", nil)) == string(Binding("a", []byte(`1`))) {
		t.Error("tokens run into each other")
	}
}

// FuzzState: what was not sealed is not opened, whatever it looks like.
func FuzzState(f *testing.F) {
	s := newSealer(strings.Repeat("ab", 32))
	f.Add([]byte(""))
	f.Add(s.Seal(nil, "state", Elicited{"a": json.RawMessage(`{}`)}, Binding("another")))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if state, _, e := s.Open(sealed, Binding("one")); e == nil {
			t.Errorf("%q was opened as %q", sealed, state)
		}
	})
}

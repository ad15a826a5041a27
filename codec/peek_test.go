package codec

import (
	"strings"
	"testing"
)

func peeked(text string) string {
	var e Envelope
	Peek([]byte(text), &e)
	parts := []string{e.Kind.String()}
	for _, p := range []struct {
		name string
		at   Span
	}{{"id", e.ID}, {"method", e.Method}, {"name", e.Name}} {
		if p.at.Present() {
			parts = append(parts, p.name+" "+string(p.at.Of([]byte(text))))
		}
	}
	return strings.Join(parts, " ")
}

func TestPeek(t *testing.T) {
	big := strings.Repeat("x", 8000)
	for _, row := range []struct{ text, want string }{
		// Small messages are read whole.
		{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"n"}}`, `request id 1 method "m" name "n"`},
		{`{"jsonrpc":"2.0","method":"m"}`, `notification method "m"`},
		{`{"jsonrpc":"2.0","id":1,"result":{}}`, `response id 1`},
		{`{"jsonrpc":"2.0","id":1,"method":"m"`, `invalid id 1 method "m"`},
		{`garbage`, `invalid`},
		{``, `invalid`},
		// Big ones: what stands in front, and the id at the end.
		{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"n","arguments":{"a":"` + big + `"}}}`,
			`request id 1 method "m" name "n"`},
		{`{"method":"m","params":{"name":"n","arguments":{"a":"` + big + `"}},"jsonrpc":"2.0","id":12}`,
			`request id 12 method "m" name "n"`},
		{`{"method":"m","params":{"name":"n","arguments":{"a":"` + big + `"}},"jsonrpc":"2.0", "id" : "a-b" } ` + "\n",
			`request id "a-b" method "m" name "n"`},
		{`{"method":"m","params":{"arguments":{"a":"` + big + `"}},"jsonrpc":"2.0","id":""}`, `request id "" method "m"`},
		{`{"jsonrpc":"2.0","id":1,"result":{"a":"` + big + `"}}`, `response id 1`},
		{`{"result":{"a":"` + big + `"},"jsonrpc":"2.0","id":3}`, `response id 3`},
		// the id may be in the middle
		{`{"jsonrpc":"2.0","method":"m","params":{"a":"` + big + `"}}`, `invalid method "m"`},
		{`{"jsonrpc":"2.0","id":1,"method":"m","result":{"a":"` + big + `"}}`, `request id 1 method "m"`}, // Scan refuses it
		// Not the message's id.
		{`{"method":"m","params":{"a":"` + big + `","id":5}}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"x\"id":5}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"x":",\"id\":5"}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"x":",\"id\":\"5"}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"uid":5}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"id":1.5}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"id":-0}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"id":null}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"id":"a\"b"}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"id":"a` + "\n" + `b"}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"id":` + strings.Repeat("1", 2000) + `}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"id":1774232524389123456}`, `request id 1774232524389123456 method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"id":"` + strings.Repeat("i", 2000) + `"}`, `invalid method "m"`},
		{`{"method":"m","params":{"a":"` + big + `"},"id"}`, `invalid method "m"`},
		// The id of the front wins over one at the end: Scan will refuse the message, the answer carries the first.
		{`{"id":1,"method":"m","params":{"a":"` + big + `"},"id":2}`, `request id 1 method "m"`},
		{strings.Repeat(" ", 5000) + `{"id":1,"method":"m"}`, `invalid`},
	} {
		if got := peeked(row.text); got != row.want {
			t.Errorf("%.60s ... %.60s\n got %s\nwant %s", row.text, row.text[len(row.text)-min(60, len(row.text)):], got,
				row.want)
		}
	}
}

// TestPeekCutsNumbers: wherever the window ends, an id is found whole or not at all.
func TestPeekCutsNumbers(t *testing.T) {
	for pad := peekBytes - 60; pad < peekBytes+10; pad++ {
		text := `{"method":"m","x":"` + strings.Repeat("x", pad) + `","id":123456789,"params":{"a":"` +
			strings.Repeat("y", 100) + `"}}`
		if got := peeked(text); got != `request id 123456789 method "m"` && got != `invalid method "m"` {
			t.Errorf("pad %d: %s", pad, got)
		}
	}
}

// TestPeekAgreesWithScan: what Peek is certain about, Scan confirms, for every message of the benchmarks in both
// orders.
func TestPeekAgreesWithScan(t *testing.T) {
	lim := DefaultLimits().JSON
	for _, m := range benchMessages {
		var p, e Envelope
		Peek(m.raw, &p)
		if err := Scan(m.raw, &e, &lim); err != nil {
			t.Fatal(err)
		}
		if p.Kind != e.Kind || p.ID != e.ID || p.Method != e.Method || p.Name != e.Name {
			t.Errorf("%s: Peek found %+v, Scan %+v", m.name, p, e)
		}
	}
}

func TestPeekAllocatesNothing(t *testing.T) {
	for _, text := range []string{
		`{"method":"m","params":{"a":"` + strings.Repeat("x", 1<<20) + `"},"jsonrpc":"2.0","id":1}`,
		`{"method":"m","params":{` + manyMembers(5000) + `},"jsonrpc":"2.0","id":1}`,
		`{"METHOD":1}`, `{"a":1,"a":2}`,
		strings.Repeat("[", 10_000), "garbage", strings.Repeat("\xff", 5000),
	} {
		raw := []byte(text)
		var e Envelope
		if n := testing.AllocsPerRun(100, func() { Peek(raw, &e) }); n != 0 && !raceEnabled {
			t.Errorf("%.30q: %v allocations", text, n)
		}
	}
}

package codec

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestDuplicateKeys: at every level, in few and many keys, however the key is spelled.
func TestDuplicateKeys(t *testing.T) {
	lim := DefaultLimits().JSON
	args := func(inside string) string {
		return `{"jsonrpc":"2.0","method":"m","params":{"arguments":{` + inside + `}}}`
	}
	pad := strings.Repeat("p", 40)
	many := manyMembers(50) + ","
	for _, row := range []struct{ text, want string }{
		{`{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}`, `-32600 duplicate key "id" at byte 24`},
		{`{"jsonrpc":"2.0","id":1,"i\u0064":2,"method":"m"}`, `-32600 duplicate key "id" at byte 24`},
		{`{"jsonrpc":"2.0","id":1,"method":"m","method":"n"}`, `-32600 duplicate key "method" at byte 37 | id 1`},
		{`{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"m"}`, `-32600 duplicate key "jsonrpc" at byte 17 | id 1`},
		{`{"jsonrpc":"2.0","id":1,"result":{},"result":{}}`, `-32600 duplicate key "result" at byte 36 | id 1`},
		{`{"jsonrpc":"2.0","id":1,"x":1,"x":1,"method":"m"}`, `-32600 duplicate key "x" at byte 30 | id 1`},
		{`{"jsonrpc":"2.0","method":"m","params":{"name":"a","name":"b"}}`, `-32600 duplicate key "name" at byte 51`},
		{`{"jsonrpc":"2.0","method":"m","params":{"_meta":{"progressToken":1,"progressToken":1}}}`,
			`-32600 duplicate key "progressToken" at byte 67`},
		{`{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}`, `-32600 duplicate key "a" at byte 40 | id 1`},
		{args(`"a":1,"a":2`), `-32600 duplicate key "a" at byte 59`},
		{args(`"":1,"":2`), `-32600 duplicate key "" at byte 58`},
		{args(`"a":1,"\u0061":2`), `-32600 duplicate key "a" at byte 59`},
		{args(`"\u0061":1,"a":2`), `-32600 duplicate key "a" at byte 64`},
		{args(`"\/":1,"/":2`), `-32600 duplicate key "/" at byte 60`},
		{args(`"😀":1,"\ud83d\ude00":2`), `-32600 duplicate key "\U0001f600" at byte 62`},
		{args(`"` + pad + `":1,"` + pad + `":2`), `-32600 duplicate key "` + pad[:32] + `"... at byte 98`},
		{args(`"x":[0,{"y":{"z":1,"z":2}}]`), `-32600 duplicate key "z" at byte 72`},
		{args(many + `"49":1`), `-32600 duplicate key "49" at byte 393`},
		{args(many + `"0":1`), `-32600 duplicate key "0" at byte 393`},
		{args(many + `"\u0030":1`), `-32600 duplicate key "0" at byte 393`},
		{args(`"o":{` + many + `"x":{` + many + `"49":{}}}`), `-32600 duplicate key "49" at byte 743`},
		{args(`"a":1,"A":2,"aa":3,"b":{"a":4},"c":[{"a":5},{"a":6}]`), ``},
		{args(`"12345678":1,"123456789":2,"1234567":3,"012345678":4`), ``},
		{args(`"éééé":1,"<V<V<V<V":2`), ``}, // every bit differs
		{args(`"éééé":1,"<V<V<V<V":2,"éééé":3`), `-32600 duplicate key "\u00e9\u00e9\u00e9\u00e9" at byte 79`},
		{args(`"abcdefgh_12345678":1,"abcdefgh-12345678":2`), ``}, // same first and last eight bytes
		{args(`"x":{` + many + `"y":{` + many + `"z":{}}},"w":{` + manyMembers(50) + `}`), ``},
		{args(`"a\u0000":1`), `-32600 U+0000 in a key at byte 53`},
		{`{"jsonrpc":"2.0","method":"m","id\u0000":1}`, `-32600 U+0000 in a key at byte 30`},
	} {
		got := scanned(row.text, &lim)
		if row.want == "" && strings.HasPrefix(got, "notification") {
			continue
		}
		if got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.text, got, row.want)
		}
	}
}

// TestDuplicateKeysAtEveryCount: with 1 to 40 keys, so on both sides of the move from the stack to the set, each key
// once more is found, and the same object without it is accepted.
func TestDuplicateKeysAtEveryCount(t *testing.T) {
	lim := DefaultLimits().JSON
	for n := 1; n <= 40; n++ {
		good := `{"jsonrpc":"2.0","method":"m","params":{"arguments":{` + manyMembers(n)
		if got := scanned(good+`}}}`, &lim); !strings.HasPrefix(got, "notification") {
			t.Fatalf("%d keys: %s", n, got)
		}
		for k := range n {
			want := fmt.Sprintf(`-32600 duplicate key "%d" at byte %d`, k, len(good)+1)
			if got := scanned(good+`,"`+strconv.Itoa(k)+`":0}}}`, &lim); got != want {
				t.Errorf("%d keys, %d twice: got %s, want %s", n, k, got, want)
			}
		}
	}
}

// TestDuplicateKeysAgainstModel: random objects of random spellings, judged by a map. The seed is printed on failure.
func TestDuplicateKeysAgainstModel(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	lim := DefaultLimits().JSON
	for range 3000 {
		var b strings.Builder
		twice := writeObject(&b, r, 3)
		text := `{"jsonrpc":"2.0","method":"m","params":{"arguments":` + b.String() + `}}`
		got := scanned(text, &lim)
		if strings.HasPrefix(got, "-32600 duplicate key") != twice || !twice && !strings.HasPrefix(got, "notification") {
			t.Fatalf("seed %d: a duplicate: %v\n%s\n%s", seed, twice, text, got)
		}
	}
}

// writeObject writes a random object and says whether some object in it has a key twice.
func writeObject(b *strings.Builder, r *rand.Rand, depth int) (twice bool) {
	seen := map[string]bool{}
	b.WriteByte('{')
	for i := range r.IntN(14) {
		if i > 0 {
			b.WriteByte(',')
		}
		key := strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(12)) + strconv.Itoa(r.IntN(40))
		twice = twice || seen[key]
		seen[key] = true
		b.WriteByte('"')
		for _, c := range []byte(key) {
			if r.IntN(20) == 0 {
				fmt.Fprintf(b, `\u%04x`, c)
			} else {
				b.WriteByte(c)
			}
		}
		b.WriteString(`":`)
		if depth > 0 && r.IntN(4) == 0 {
			twice = writeObject(b, r, depth-1) || twice
		} else {
			b.WriteByte('0')
		}
	}
	b.WriteByte('}')
	return twice
}

// TestKeySetSurvivesNumbering: a set whose object numbers run out starts again without seeing old keys.
func TestKeySetSurvivesNumbering(t *testing.T) {
	k := takeKeySet()
	raw := []byte("abcdef")
	k.object = maxObjects
	object := k.newObject()
	for i := range raw {
		if !k.add(raw, object, i, 1, raw[i:i+1]) {
			t.Fatal("new key taken for an old one")
		}
	}
	if k.add(raw, object, 0, 1, raw[:1]) {
		t.Fatal("duplicate not found")
	}
	// The pool may hand out another set: run the renumbering on this one.
	k.renew()
	if k.object > 10 {
		t.Fatalf("object %d: not renumbered", k.object)
	}
	for i := range k.slots {
		if k.slots[i].object >= k.first {
			t.Fatalf("slot %d is still taken", i) // or the table would fill up and probing never end
		}
	}
	if object = k.newObject(); !k.add(raw, object, 0, 1, raw[:1]) {
		t.Fatal("a key of an earlier message was found")
	}
}

// TestScanConcurrently: scanners share the pool of sets and nothing else.
func TestScanConcurrently(t *testing.T) {
	lim := DefaultLimits().JSON
	good := wideMessage(300)
	bad := []byte(`{"jsonrpc":"2.0","method":"m","params":{"arguments":{` + manyMembers(200) + `,"7":0}}}`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var e Envelope
			for range 200 {
				if err := Scan(good, &e, &lim); err != nil {
					t.Error(err)
				}
				if err := Scan(bad, &e, &lim); err == nil {
					t.Error("duplicate not found")
				}
			}
		})
	}
	wg.Wait()
}

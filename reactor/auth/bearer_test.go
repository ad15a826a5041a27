package auth

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

// tokenOf is the token of a principal of the tests.
func tokenOf(principal string) string {
	return "token-of-" + principal + "-0123456789abcdefghijklmnopq"
}

// tokensFor lets principals in; the token of late has expired.
func tokensFor(t testing.TB, principals ...string) *Tokens {
	t.Helper()
	text := ""
	for _, name := range principals {
		text += fmt.Sprintf("%s %x", name, sha256.Sum256([]byte(tokenOf(name))))
		if name == "late" {
			text += " 2020-01-01T00:00:00Z"
		}
		text += "\n"
	}
	tokens, mistakes := ParseTokens([]byte(text))
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	return tokens
}

// FuzzAuthorization: no value of the field but the scheme and a token that is in the file lets anybody in, and none
// makes the server fail or allocate.
func FuzzAuthorization(f *testing.F) {
	for _, value := range []string{"", "Bearer", "Bearer ", "Bearer " + tokenOf("alice"),
		"bearer   " + tokenOf("alice") + " ", "Basic YTpi",
		"Bearer " + tokenOf("late"), "Bearer " + tokenOf("alice") + "," + tokenOf("bob"), "Bearer\t" +
			tokenOf("alice"), "Bearer a=b==",
		"Bearer " + strings.Repeat("a", maxTokenBytes+1), "\xff\x00"} {
		f.Add([]byte(value))
	}
	tokens, now := tokensFor(f, "alice", "late"), time.Now().Unix()
	f.Fuzz(func(t *testing.T, value []byte) {
		c, refusal := tokens.Identify(value, now)
		scheme, token, _ := strings.Cut(string(value), " ")
		token = strings.Trim(token, " ")
		bears := strings.EqualFold(scheme, "bearer") && token != ""
		want := Unknown
		switch {
		case !bears:
			want = Missing
		case token == tokenOf("alice"):
			want = Good
		case token == tokenOf("late"):
			want = Expired
		}
		if refusal != want || (c != nil) != (want == Good) || c != nil && c.Principal != "alice" {
			t.Errorf("%q: %v, want %v", value, refusal, want)
		}
	})
}

func TestIdentifyDoesNotAllocate(t *testing.T) {
	tokens := tokensFor(t, "alice")
	good, bad := []byte("Bearer "+tokenOf("alice")), []byte("Bearer "+tokenOf("mallory"))
	if n := testing.AllocsPerRun(100, func() {
		tokens.Identify(good, 0)
		tokens.Identify(bad, 0)
		tokens.Identify(nil, 0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkIdentify is what a token costs a request: known, unknown, and among how many.
func BenchmarkIdentify(b *testing.B) {
	for _, n := range []int{1, maxTokens} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("p%d", i)
		}
		tokens := tokensFor(b, names...)
		for _, who := range []string{"p0", "mallory"} {
			value := []byte("Bearer " + tokenOf(who))
			b.Run(fmt.Sprintf("%s/of-%d", who, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					tokens.Identify(value, 0)
				}
			})
		}
	}
}

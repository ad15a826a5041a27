package invoke

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestValues: the types of key=value.
func TestValues(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("from\na file"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &schema{Additional: false, Required: []string{"text"}, Properties: map[string]*schema{
		"text": {Type: "string"}, "n": {Type: "integer"}, "m": {Type: "number"}, "on": {Type: "boolean"},
		"maybe": {Type: []any{"number", "null"}}, "list": {Type: "array", Items: &schema{Type: "integer"}},
		"object": {Type: "object"}, "any": {}, "chars": {Type: "array"}, "either": {Type: []any{"integer", "string"}},
	}}
	f := func(want string, arguments ...string) {
		t.Helper()
		got, err := (&Flags{Tool: "tool", Arguments: append([]string{"text=t"}, arguments...)}).values(s)
		said := strings.TrimSpace(string(got))
		if err != nil {
			said = err.Error()
		} else {
			said = strings.Replace(said, `,"text":"t"`, "", 1)
		}
		if said != want {
			t.Errorf("%q: %s, want %s", arguments, said, want)
		}
	}
	f(`{"n":12345678901234567890}`, "n=12345678901234567890")
	f(`{"m":1.50}`, "m=1.50")
	f(`{"on":true}`, "on=true")
	f(`{"maybe":null}`, "maybe=null")
	f(`{"list":[1,2]}`, "list=1", "list=2")
	f(`{"list":[1]}`, "list=1")
	f(`{"list":[1,2]}`, "list=[1, 2]")
	f(`{"chars":["a"]}`, "chars=a")
	f(`{"object":{"a":1}}`, `object={"a":1}`)
	f(`{"any":{"a":1}}`, `any={"a":1}`)
	f(`{"any":"words"}`, "any=words")
	f(`{"either":1}`, "either=1")
	f(`{"either":"1x"}`, "either=1x")
	f(`{"any":"from\na file"}`, "any=@"+file)
	f(`{"any":"@x"}`, "any=@@x")
	f(`{"any":"a=<b>"}`, "any=a=<b>")
	f(`{"any":""}`, "any=")
	f(`n: "x" is not allowed: allowed is integer`, "n=x")
	f(`n: "" is not allowed: allowed is integer`, "n=")
	f(`on: "yes" is not allowed: allowed is boolean`, "on=yes")
	f(`object: "[]" is not allowed: allowed is object`, "object=[]")
	f(`list: "x" is not allowed: allowed is integer`, "list=1", "list=x")
	f(`text is given 2 times: allowed is once`, "text=2")
	f(`tool has no argument "lst"; did you mean "list"?`, "lst=1")
	f(`"n" is no argument: allowed is key=value`, "n")
	f("any: open /nope/x: no such file or directory (any=@@... is a text that begins with @)", "any=@/nope/x")
	if _, err := (&Flags{Tool: "tool"}).values(s); err == nil || err.Error() != "tool needs the argument text" {
		t.Error(err)
	}
	if got, err := (&Flags{Arguments: []string{"a=1"}}).values(&schema{}); err != nil || string(got) != `{"a":1}`+"\n" {
		t.Errorf("without a schema: %s, %v", got, err)
	}
}

type answering func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (a answering) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

// TestRefusalIsRead: the client reads the reason of a refusal, which it looks for in no answer of status 503.
func TestRefusalIsRead(t *testing.T) {
	f := func(status int, kind string, want int) {
		t.Helper()
		b := bearing{over: answering(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}}, nil
		})}
		answer, err := b.RoundTrip(&http.Request{})
		if err != nil || answer.StatusCode != want {
			t.Errorf("%d with %s: %v, %v, want %d", status, kind, answer, err, want)
		}
	}
	f(503, "application/json", 200)
	f(503, "text/html", 503)
	f(404, "application/json", 404)
}

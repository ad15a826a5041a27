package search

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func stemsOf(text string) (all []string) {
	var c cutter
	c.cut(text, func(stem []byte) bool {
		all = append(all, string(stem))
		return true
	})
	return all
}

func TestWords(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := strings.Join(stemsOf(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	f("createIssue", "createissu creat issu")
	f("HTTPServer", "httpserver http server")
	f("get_user_by-id", "get user by id")
	f("sha256 base64", "sha256 sha 256 base64 bas 64")
	f("creates creating created creation", "creat creat creat creat")
	f("queries query, copied: copy", "query query copy copy")
	f("running calling adding string bus", "run call add string bus")
	f("a I 7", "7")
	f("日本語", "日本 本語")
	f("é naïve ÉTÉ", "é naïv été")
	f("", "")
	f(strings.Repeat("x", 1000)+" end", strings.Repeat("x", maxWordBytes-3)+" end")
	f("\xff\xfe ok", "ok")
}

func TestShapes(t *testing.T) {
	f := func(question, want string) {
		t.Helper()
		got := ""
		shapes(question, func(stem []byte) { got += string(stem) + " " })
		if strings.TrimSpace(got) != want {
			t.Errorf("%q: %q, want %q", question, got, want)
		}
	}
	f("open a.txt, b.go and notes.md.", "fil")
	f("is 10.1.2.3 in 10.0.0.0/8?", "ip")
	f("what is at https://example.org/a.html", "url")
	f("#ff8800 and U+1F600", "color unicod")
	f("version 2.4.1 costs 3.50", "")
	f("the end. No. 4", "")
}

func TestReadTool(t *testing.T) {
	got := ReadTool([]byte(`{"name":"a\u0062","title":7,"annotations":{"title":"T"},"description":"D","inputSchema":{
		"type":"object","properties":{"one":{"description":"first","enum":["x",1]},
		"two":{"items":{"anyOf":[{"properties":{"deep":{}}}]}},"three":{"properties":{"in":{"type":"string"}}}}}}`))
	want := Document{Name: "ab", Title: "T", Description: "D",
		Parameters: []string{"one", "first", "x", "two", "deep", "three", "in"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := ReadTool([]byte(`{"name":1,"inputSchema":[{}]}`)); !reflect.DeepEqual(got, Document{}) {
		t.Errorf("%+v", got)
	}
	many := ""
	for i := range 1000 {
		many += fmt.Sprintf(`"p%d":{"description":"d"},`, i)
	}
	d := ReadTool([]byte(`{"inputSchema":{"properties":{` + strings.TrimSuffix(many, ",") + `}}}`))
	if len(d.Parameters) != maxParameters {
		t.Errorf("%d names and descriptions", len(d.Parameters))
	}
}

func TestFind(t *testing.T) {
	ix := New([]Document{
		{Mount: "git", Name: "create_issue", Description: "Opens a new issue. Use labels."},
		{Mount: "git", Name: "list_issues", Description: "Lists issues of a repository."},
		{Mount: "files", Name: "readFile", Description: "Reads a file.", Parameters: []string{"path", "where it is"}},
		{Name: "日本語検索", Description: "検索"},
	}, plenty)
	f := func(question string, limit int, want ...int) {
		t.Helper()
		if got := ix.Find(question, limit); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", question, got, want)
		}
	}
	f("create an issue", 5, 0, 1)
	f("create an issue", 1, 0)
	f("listing issues", 1, 1)
	f("rea", 5, 2)   // the beginning of a word
	f("pat", 5, 2)   // of a parameter
	f("x.txt", 5, 2) // what it looks like
	f("where", 5, 2) // a common word, alone
	f("検索", 5, 3)
	f("", 5)
	f("nothing-of-this", 5)
	f("create", 0)
	f(strings.Repeat("label ", 10_000), 5, 0)
	if got := New(nil, plenty).Find("x", 5); got != nil {
		t.Errorf("found %v in nothing", got)
	}
	if ix.Len() != 4 || ix.Bytes() == 0 {
		t.Error(ix.Len(), ix.Bytes())
	}
}

// Whatever a tool says of itself, and however much, an index has room for it.
func TestBounds(t *testing.T) {
	var long strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&long, "word%d ", i)
	}
	ix := New([]Document{{Name: "n", Description: long.String()}, {Name: "m", Description: long.String()}}, plenty)
	if most := 40 * maxWords; ix.Bytes() > 2*most {
		t.Errorf("%d bytes of two documents, at most %d", ix.Bytes(), 2*most)
	}
	if got := ix.Find("n m word3", 5); len(got) != 2 {
		t.Errorf("%v", got)
	}
	ix = New([]Document{{Name: "first", Description: "a1 b2 c3 d4 e5 f6 ninth"}, {Name: "second",
		Description: long.String()}}, 0)
	if got := ix.Bytes(); got > 2*leastWords*wordBytes {
		t.Errorf("%d bytes, at most %d", got, 2*leastWords*wordBytes)
	}
	for _, name := range []string{"first", "second"} { // there is always room for it
		if got := ix.Find(name, 5); len(got) != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := ix.Find("ninth", 5); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestNear(t *testing.T) {
	names := []string{"create_issue", "close_issue", "list_issues", "list_issue"}
	f := func(name string, limit int, want ...string) {
		t.Helper()
		if got := Near(names, name, limit); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("create_isue", 3, "create_issue")
	f("list_isues", 3, "list_issues", "list_issue")
	f("list_isues", 1, "list_issues")
	f("list_issue", 0)
	f("issue", 3)
	f("x", 3)
	f("", 3)
	f(strings.Repeat("x", 200), 3)
}

func FuzzFind(f *testing.F) {
	f.Add(`{"name":"createIssue","description":"Opens one.","inputSchema":{"properties":{"a":{"items":{}}}}}`, "new issue a.txt", 3)
	f.Add(`{"name":"日本","title":"\ud800"}`, "日 U+1 #fff 1.2.3.4", 0)
	f.Fuzz(func(t *testing.T, definition, question string, limit int) {
		d := ReadTool([]byte(definition))
		ix := New([]Document{d, {Name: question, Description: question, Parameters: []string{question}}, d}, plenty)
		limit %= 10
		found := ix.Find(question, limit)
		if len(found) > max(limit, 0) || len(found) > 3 {
			t.Fatalf("%d found of %d", len(found), limit)
		}
		for i, at := range found {
			if at < 0 || at > 2 || slices.Contains(found[:i], at) {
				t.Fatalf("found %v", found)
			}
		}
		if again := ix.Find(question, limit); !slices.Equal(found, again) {
			t.Fatalf("%v, and then %v", found, again)
		}
	})
}

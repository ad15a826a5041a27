package finder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"weir/codec"
	"weir/codec/option"
	"weir/registry/call"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/protocol"
)

// ofMount is a tool's way to its mount.
type ofMount struct {
	call.Forwarder
	mount, name string
}

func (o ofMount) Origin() (mount, name string) { return o.mount, o.name }

var defaults = handler.Defaults{MaxBytes: 512 << 10}

// newView is a view, its set of tools and its finder.
func newView(change func(*Options)) (*Finder, *View, *feature.Set[*handler.Tool]) {
	var o Options
	option.SetDefaults(&o)
	change(&o)
	f := New(&o, defaults, func(*call.Handler) *call.Series { return new(call.Series) }, metrics.NewSet())
	return f, f.View(), feature.NewSet(feature.Rules[*handler.Tool]{Partitions: 4, Limit: "max_tools", Most: 100_000,
		Changed: func() {}})
}

func add(t testing.TB, set *feature.Set[*handler.Tool], mount, definition string) {
	t.Helper()
	name, _ := codec.StringOf(codec.Member([]byte(definition), "name"))
	tool, err := handler.NewForwardedTool(mount+"_"+string(name), "", []byte(definition), ofMount{mount: mount,
		name: string(name)}, defaults)
	if err == nil {
		err = set.Add(tool)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// addReal adds the tools of real servers.
func addReal(t testing.TB, set *feature.Set[*handler.Tool]) {
	t.Helper()
	files, err := filepath.Glob("../search/testdata/tools/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no lists", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.TrimSpace(text)
		for off := 0; ; {
			one, next, err := codec.NextElement(text, off)
			if err != nil {
				t.Fatal(err)
			}
			if next < 0 {
				break
			}
			off = next
			add(t, set, strings.TrimSuffix(filepath.Base(file), ".json"), string(one))
		}
	}
}

// listBytes is how long a list is in the revision at a place of the table.
func listBytes(t *testing.T, listed []*handler.Tool, revision int) int {
	t.Helper()
	page, e := feature.AppendPage(nil, feature.Tools, listed, feature.Page{Revision: revision, MaxEntries: 1000,
		MaxBytes: 1 << 20})
	if e != nil {
		t.Fatal(e)
	}
	return len(page)
}

// The mark: what stands for a list takes 4 KB at most, however many tools and mounts there are.
func TestListBytes(t *testing.T) {
	_, v, set := newView(func(*Options) {})
	addReal(t, set)
	whole := listBytes(t, set.All(), protocol.LatestRevision)
	two := func() []*handler.Tool {
		return slices.DeleteFunc(slices.Clone(v.Listed(set)), func(tool *handler.Tool) bool { return tool.HasUI })
	}
	t.Log(len(set.All()), "tools,", whole, "bytes; instead", listBytes(t, two(), protocol.LatestRevision))
	for i := range 1000 {
		add(t, set, fmt.Sprintf("a-mount-with-some-long-name-%d", i), `{"name":"x","inputSchema":{"type":"object"}}`)
	}
	for revision := range protocol.RevisionCount {
		if n := listBytes(t, two(), revision); n > 4<<10 {
			t.Errorf("%s: %d bytes, at most 4 KiB", protocol.RevisionAt(revision).Version, n)
		}
	}
	said := string(two()[1].Encoded(protocol.LatestRevision))
	for _, part := range []string{"There are 1175: of grafana (81), conformance (28), calc (21)", " more."} {
		if !strings.Contains(said, part) {
			t.Errorf("%s\nlacks %s", said, part)
		}
	}
}

// An answer is bounded, and says what it left out; of one tool alone it leaves nothing out.
func TestAnswerBytes(t *testing.T) {
	_, v, set := newView(func(o *Options) { o.Mode, o.MaxFoundBytes = "on", 2000 })
	long := strings.Repeat("ä", 600)
	for i := range 10 {
		add(t, set, "m", fmt.Sprintf(`{"name":"zebra%d","description":"%s","inputSchema":{"type":"object"}}`, i, long))
	}
	v.Listed(set)
	a := v.answer(question{Query: "zebra", Limit: 10})
	text, err := json.Marshal(a)
	if err != nil || len(a.Tools) != 10 || a.Note != noteShort || len(text) > 2000+10*(shortBytes+100) {
		t.Fatalf("%v: %d tools in %d bytes: %s", err, len(a.Tools), len(text), a.Note)
	}
	for i, one := range a.Tools {
		if cut := len(one.Description) < len(long); cut != (i > 0) || cut != (one.InputSchema == nil) {
			t.Errorf("%d has %d bytes of description, and schema %s", i, len(one.Description), one.InputSchema)
		}
		if !strings.HasPrefix(long, strings.TrimSuffix(one.Description, "...")) {
			t.Errorf("%q is cut within a character", one.Description)
		}
	}
	if a := v.answer(question{Query: "m_zebra7", Limit: 1}); a.Note != "" || a.Tools[0].Name != "m_zebra7" ||
		a.Tools[0].Description != long {
		t.Errorf("%+v", a)
	}
	// One that no answer could hold twice is told in short, alone too.
	add(t, set, "m", `{"name":"whale","description":"`+strings.Repeat("x", 300<<10)+`","inputSchema":{"type":"object"}}`)
	v.Listed(set)
	if a := v.answer(question{Query: "whale", Limit: 1}); a.Note != noteShort || len(a.Tools[0].Description) > 300 {
		t.Errorf("%d bytes, %s", len(a.Tools[0].Description), a.Note)
	}
}

// An index is made once for a list, with the first question, and its memory is given back.
func TestIndexIsMadeOnce(t *testing.T) {
	f, v, set := newView(func(*Options) {})
	addReal(t, set)
	v.Listed(set)
	if n := f.bytes.Load(); n != 0 {
		t.Errorf("%d bytes before there was a question", n)
	}
	v.answer(question{Query: "x"})
	first, n := v.index.Load(), f.bytes.Load()
	v.answer(question{Query: "y"})
	v.Listed(set)
	if v.index.Load() != first || n != int64(first.words.Bytes()) || f.bytes.Load() != n {
		t.Errorf("it was made again; %d bytes, then %d", n, f.bytes.Load())
	}
	add(t, set, "m", `{"name":"x","inputSchema":{"type":"object"}}`)
	v.answer(question{Query: "x"}) // nobody has looked at the new list: it is as good as before
	v.Listed(set)
	v.answer(question{Query: "x"})
	if now := v.index.Load(); now == first || f.bytes.Load() != int64(now.words.Bytes()) {
		t.Errorf("%d bytes, the index has %d", f.bytes.Load(), now.words.Bytes())
	}
}

// Views share the memory of indexes; who comes when it is used up finds by names still.
func TestIndexBytes(t *testing.T) {
	f, first, set := newView(func(o *Options) { o.MaxIndexBytes = 400 << 10 })
	addReal(t, set)
	second := f.View()
	for _, v := range []*View{first, second} {
		v.Listed(set)
		if a := v.answer(question{Query: "grafana_list_datasources", Limit: 1}); len(a.Tools) != 1 ||
			a.Tools[0].Name != "grafana_list_datasources" {
			t.Errorf("%+v", a)
		}
	}
	one, two := first.index.Load().words.Bytes(), second.index.Load().words.Bytes()
	if one > 400<<10 || two >= one || f.bytes.Load() != int64(one+two) {
		t.Errorf("%d and %d bytes, together %d", one, two, f.bytes.Load())
	}
}

// Questions, calls and lists go on while tools come and go.
func TestViewConcurrently(t *testing.T) {
	_, v, set := newView(func(o *Options) { o.Mode = "on" })
	add(t, set, "m", `{"name":"stays","description":"zebra","inputSchema":{"type":"object"}}`)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				listed := v.Listed(set)
				if len(listed) != 2 || listed[0].Tool.Name != CallTool || listed[1].Tool.Name != FindTools {
					t.Errorf("%d are listed", len(listed))
				}
				if a := v.answer(question{Query: "zebra"}); !slices.ContainsFunc(a.Tools, func(one found) bool {
					return one.Name == "m_stays"
				}) {
					t.Errorf("%+v", a)
				}
			}
		})
	}
	for i := range 200 {
		add(t, set, "m", fmt.Sprintf(`{"name":"t%d","inputSchema":{"type":"object"}}`, i))
		if i%2 == 0 {
			set.Remove([]string{fmt.Sprintf("m_t%d", i)})
		}
	}
	close(stop)
	all.Wait()
}

// BenchmarkAnswer is a question whole, but for decoding and encoding.
func BenchmarkAnswer(b *testing.B) {
	_, v, set := newView(func(*Options) {})
	addReal(b, set)
	v.Listed(set)
	b.ReportAllocs()
	for b.Loop() {
		v.answer(question{Query: "error logs of a service"})
	}
}

// BenchmarkListed is the list of 175 tools when one has come.
func BenchmarkListed(b *testing.B) {
	_, v, set := newView(func(*Options) {})
	addReal(b, set)
	all := [2][]*handler.Tool{set.All(), slices.Clone(set.All())[:174]}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		v.show(all[i%2])
	}
}

package yaml

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"weir/codec/option"
)

// scene has a field of each kind, and sections in each way.
type scene struct {
	Name     string         `yaml:"name" required:"true" min:"1" max:"64"`
	Level    string         `yaml:"level" default:"info" oneof:"debug,info"`
	Window   int            `yaml:"window" was:"span" default:"7" min:"1" max:"100" unit:"calls"`
	Pad      int            `yaml:"pad_bytes" min:"0" max:"4 MiB" unit:"bytes"`
	Closed   bool           `yaml:"closed"`
	Hosts    []string       `yaml:"hosts"`
	Capacity *calibration   `yaml:"capacity"`
	Marks    marks          `yaml:"marks"`
	Phases   []phase        `yaml:"phases" required:"true" min:"1" max:"3"`
	Grace    *time.Duration `yaml:"grace"`
}

type calibration struct {
	Connections int           `yaml:"connections" default:"20" min:"1"`
	Duration    time.Duration `yaml:"duration" default:"10s"`
}

type marks struct {
	P99  *time.Duration `yaml:"p99"`
	Rate *float64       `yaml:"error_rate" min:"0" max:"1"`
}

type phase struct {
	Duration time.Duration `yaml:"duration" required:"true" min:"100ms"`
	Rate     ramp          `yaml:"rate" min:"0" max:"50"`
	Judged   bool          `yaml:"judged" default:"true"`
}

type ramp struct {
	From float64 `yaml:"from" required:"true"`
	To   float64 `yaml:"to" required:"true"`
}

func (r *ramp) Numbers() []*float64 { return []*float64{&r.From, &r.To} }

func read(text string) (*scene, option.Mistakes) {
	s := &scene{}
	option.SetDefaults(s)
	places, mistakes := Read("s.yaml", []byte(text), s)
	if places != nil {
		mistakes.AddNew(places.Locate(option.Check(s).Errors()))
	}
	return s, mistakes
}

func TestRead(t *testing.T) {
	got, mistakes := read(`
name: a "b"   # quoted as it stands
level: debug
window: 1_0
pad_bytes: 64 KiB
closed: true
hosts: [a, "b"]
capacity: {connections: 5}
grace: 1m30s
marks:
  p99: 50ms
  error_rate: 0
phases:
  - duration: 1s
    rate: 5
  - {duration: 2s, rate: {from: 1, to: 2.5}, judged: false}
`)
	grace, p99, rate := 90*time.Second, 50*time.Millisecond, 0.0
	want := &scene{
		Name: `a "b"`, Level: "debug", Window: 10, Pad: 64 << 10, Closed: true, Hosts: []string{"a", "b"}, Grace: &grace,
		Capacity: &calibration{5, 10 * time.Second}, Marks: marks{&p99, &rate},
		Phases: []phase{{time.Second, ramp{5, 5}, true}, {2 * time.Second, ramp{1, 2.5}, false}},
	}
	if mistakes != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("mistakes:\n%v\ngot  %+v\nwant %+v", mistakes, got, want)
	}
	got, mistakes = read("name: x\nphases: [{duration: 1s}]\nmarks:\n")
	if mistakes != nil || got.Window != 7 || got.Capacity != nil || got.Marks != (marks{}) {
		t.Error(mistakes, got)
	}
}

// TestByteOrderMark: the one of UTF-8 is no part of the file, and moves no column; those of UTF-16 are named.
func TestByteOrderMark(t *testing.T) {
	for _, text := range []string{"\ufeffname: x\nphases: [{duration: 1s}]\n",
		"\ufeff# x\r\nname: x\r\nphases: [{duration: 1s}]\r\n", "\ufeff---\nname: x\nphases: [{duration: 1s}]\n"} {
		if got, mistakes := read(text); mistakes != nil || got.Name != "x" {
			t.Errorf("%q: %v, %+v", text, mistakes, got)
		}
	}
	_, mistakes := read("\ufeffnmae: x\nname: y\nphases: [{duration: 1s}]\n")
	if len(mistakes) != 1 || mistakes[0].Line != 1 ||
		mistakes[0].Column != 1 || !strings.HasPrefix(mistakes[0].Text, `unknown key "nmae"`) {
		t.Error(mistakes)
	}
	for _, text := range []string{"\xff\xfen\x00a\x00", "\xfe\xff\x00n\x00a"} {
		if _, mistakes := read(text); len(mistakes) != 1 || mistakes[0].Text != "the file is UTF-16: allowed is UTF-8" {
			t.Errorf("%q: %v", text, mistakes)
		}
	}
}

func TestMistakes(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "s.yaml:" + want[i]
		}
		if _, got := read(text); got.Error() != strings.Join(want, "\n") {
			t.Errorf("file:\n%s\ngot:\n%v\nwant:\n%s", text, got, strings.Join(want, "\n"))
		}
	}
	const rest = "\nname: n\nphases: [{duration: 1s}]\n"
	f(rest)
	f("",
		" name: missing: allowed is text in quotes of 1 to 64 bytes",
		" phases: missing: allowed is a list of sections of 1 to 3 entries")
	f("# nothing\n",
		" name: missing: allowed is text in quotes of 1 to 64 bytes",
		" phases: missing: allowed is a list of sections of 1 to 3 entries")
	f("window: 1\n",
		"1:1: name: missing: allowed is text in quotes of 1 to 64 bytes",
		"1:1: phases: missing: allowed is a list of sections of 1 to 3 entries")

	// Keys.
	f("windwo: 1"+rest, `1:1: unknown key "windwo"; did you mean "window"?`)
	f("span: 1"+rest, `1:1: unknown key "span"; it is called "window" now`)
	f("name: n\nphases: [{duration: 1s, durration: 2s}]",
		`2:25: unknown key "phases[0].durration"; did you mean "phases[0].duration"?`)
	f("name: n\nphases: [{duration: 1s, qqqqqq: 2s}]",
		`2:25: unknown key "phases[0].qqqqqq": allowed here are duration, rate, judged`)
	f("marks: {p99: 1s, p99: 2s}"+rest, "1:18: marks.p99: set twice: allowed is once, and the first is in line 1")
	f("1: 2"+rest, "1:1: 1 is not a key: allowed is the plain name of a key")
	f("marks.p99: 1s"+rest,
		`1:1: unknown key "marks.p99"; the dots stand for sections, so write "p99:" indented below "marks:"`)

	f("- a\n", "1:1: the file: a list is not a section: allowed is a section of keys")
	f("name", `1:1: the file: "name" is not a section: allowed is a section of keys`)

	// Values.
	f("level: loud"+rest, `1:8: level: "loud" is unknown: allowed is debug or info`)
	f("level: 3"+rest, `1:8: level: 3 is unknown: allowed is debug or info`)
	f("window: 101"+rest, "1:9: window: 101 is above 100: allowed is 1 to 100 calls")
	f("pad_bytes: 5 MiB"+rest, "1:12: pad_bytes: 5 MiB is above 4 MiB: allowed is 0 to 4 MiB")
	f("hosts: a"+rest, `1:8: hosts: "a" is not a list: allowed is a list, such as [a, b]`)
	f("hosts: [a, 1]"+rest, `1:12: hosts: 1 is not text: allowed is text in quotes`)
	f("capacity: {connections: 0}"+rest, "1:25: capacity.connections: 0 is below 1: allowed is 1 or more")
	f("capacity: 5"+rest, "1:11: capacity: 5 is not a section: allowed is a section of keys")
	f("capacity: {duration: 5}"+rest,
		"1:22: capacity.duration: 5 is not a time with its unit: allowed is a time with its unit, such as 500ms, 5s or 1m30s")
	f("marks: {error_rate: 2}"+rest, "1:21: marks.error_rate: 2 is above 1: allowed is 0 to 1")
	f("marks: {error_rate: high}"+rest, `1:21: marks.error_rate: "high" is not a number: allowed is 0 to 1`)
	f("grace: .inf"+rest,
		"1:8: grace: a value of another kind is not a time with its unit: allowed is a time with its unit,"+
			" such as 500ms, 5s or 1m30s")
	f("name: n\nphases: []", "2:9: phases: its length 0 is below 1: allowed is a list of sections of 1 to 3 entries")
	f("name: n\nphases: x", `2:9: phases: "x" is not a list: allowed is a list of sections of 1 to 3 entries`)
	f("name: n\nphases: [x, {duration: 1ms}, {}]",
		`2:10: phases[0]: "x" is not a section: allowed is a section of keys`,
		`2:24: phases[1].duration: 1ms is below 100ms: allowed is 100ms or more`,
		`2:30: phases[2].duration: missing: allowed is 100ms or more`)
	f("name: n\nphases: [{duration: 1s, rate: 51}, {duration: 1s, rate: {from: 1, to: 51}}, {duration: 1s, rate: x}]",
		"2:31: phases[0].rate: 51 is above 50: allowed is 0 to 50",
		"2:51: phases[1].rate: 51 is above 50: allowed is 0 to 50",
		`2:98: phases[2].rate: "x" is neither a number nor a section: allowed is 0 to 50`)
	f("name: n\nphases: [{duration: 1s, rate: {from: 1}}]", "2:32: phases[0].rate.to: missing: allowed is a number")
	f("window: "+strings.Repeat("ä", 50)+rest,
		`1:9: window: "`+strings.Repeat("ä", 30)+`..." is not a whole number: allowed is 1 to 100 calls`)

	// What is no YAML stops at the first place.
	f("hosts: [a\nname: n\n", `2:1: ',' or ']' must be specified`)
}

func TestWrite(t *testing.T) {
	before, _ := read("name: x\nphases: [{duration: 1s, rate: {from: 1, to: 2}}]\ncapacity: {}\n")
	text, err := Write(before)
	if err != nil {
		t.Fatal(err)
	}
	const want = `name: x
level: info
`
	if !strings.HasPrefix(string(text), want) || !strings.Contains(string(text), "\n  duration: 10s\n") {
		t.Errorf("%s", text)
	}
}

// FuzzRead: no text makes the reader panic, every mistake names the file, and what is accepted is YAML to the library
// too.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"name: x\nphases: [{duration: 1s}]\n", "log: {level: [a]}\n", "a: &b c\nd: *b\n", "<<: *x\n", "? a\n: b\n",
		"--- |\n x\n",
		"phases:\n  - rate: {from: 1, to: 2}\n    duration: 1s\nname: >\n x\n", "marks: {p99: 1ms}\n---\nname: y\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, mistakes := read(text)
		for _, one := range mistakes {
			if one.File != "s.yaml" || one.Line < 0 || one.Text == "" {
				t.Errorf("%q: %+v", text, one)
			}
		}
		if mistakes != nil {
			return
		}
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Errorf("accepted %q, the library says %v", text, err)
		}
	})
}

package option

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// sample has an option of each kind.
type sample struct {
	Name    string        `yaml:"name" default:"weir" min:"1" max:"8"`
	Path    string        `yaml:"path" max:"4" zero:"off"`
	Level   string        `yaml:"level" default:"info" oneof:"debug,info,warn"`
	Workers int           `yaml:"workers" min:"0" max:"64" zero:"two per core" unit:"workers"`
	Most    int64         `yaml:"most" default:"10" min:"1" max:"100" unit:"connections"`
	Bytes   int64         `yaml:"bytes" default:"64 KiB" min:"4 KiB" max:"1 MiB" unit:"bytes"`
	Memory  int           `yaml:"memory" default:"448 MiB" min:"32 MiB" zero:"none" unit:"bytes"`
	Age     time.Duration `yaml:"age" default:"1m30s" min:"0s" max:"1h" zero:"never"`
	MaxAge  time.Duration `yaml:"max_age" min:"1m" max:"24h" zero:"no limit"`
	After   time.Duration `yaml:"after" default:"1s" above:"0s"`
	Fill    float64       `yaml:"fill" default:"0.8" above:"0" max:"1"`
	Open    bool          `yaml:"open" default:"true"`
	Hosts   []string      `yaml:"hosts" max:"2"`
	P99     *float64      `yaml:"p99" min:"0" max:"1"`
	Ramp    ramp          `yaml:"ramp" min:"0" max:"50" unit:"calls/s"`
	Inner   inner         `yaml:"inner"`
	Judged  judged        `yaml:"judged"`
	Maybe   *inner        `yaml:"maybe"`
	List    []inner       `yaml:"list" max:"2"`
	Inlined `yaml:",inline"`
	Loops   int `default:"1" min:"1" max:"4"`
	Free    int
	Hidden  int `yaml:"-" min:"7"`
}

type inner struct {
	Depth int `yaml:"depth" default:"3" min:"2" max:"9" required:"true"`
}

type ramp struct {
	From float64 `yaml:"from"`
	To   float64 `yaml:"to"`
}

func (r *ramp) Numbers() []*float64 { return []*float64{&r.From, &r.To} }

type judged struct {
	A int `yaml:"a" default:"1" min:"1"`
	B int `yaml:"b" default:"2"`
}

func (j *judged) Validate() []error {
	found := Check(j)
	if j.B < j.A {
		found.Add("b", "%d is below a: allowed is %d or more", j.B, j.A)
	}
	return found.Errors()
}

type Inlined struct {
	Last int `yaml:"last" default:"5" min:"5" max:"5"`
}

func (i Inlined) Validate() []error { return Check(&i).Errors() }

func newSample() *sample {
	s := &sample{}
	SetDefaults(s)
	return s
}

func TestDefaults(t *testing.T) {
	want := &sample{
		Name: "weir", Level: "info", Most: 10, Bytes: 64 << 10, Memory: 448 << 20, Age: 90 * time.Second,
		After: time.Second, Fill: 0.8, Open: true, Inner: inner{3}, Judged: judged{1, 2}, Inlined: Inlined{5}, Loops: 1,
	}
	if got := newSample(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if found := Check(newSample()); found != nil {
		t.Error(found)
	}
}

func TestCheck(t *testing.T) {
	f := func(change func(*sample), want ...string) {
		t.Helper()
		s := newSample()
		change(s)
		if got := Check(s).Error(); got != strings.Join(want, "\n") {
			t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
	}
	f(func(s *sample) { s.Name = "" }, "name: its length 0 is below 1: allowed is text in quotes of 1 to 8 bytes")
	f(func(s *sample) { s.Name = "weirweirw" }, "name: its length 9 is above 8: allowed is text in quotes of 1 to 8 bytes")
	f(func(s *sample) { s.Path = "/long" },
		`path: its length 5 is above 4: allowed is text in quotes of at most 4 bytes, "" is off`)
	f(func(s *sample) { s.Level = "loud" }, `level: "loud" is unknown: allowed is debug, info or warn`)
	f(func(s *sample) { s.Workers = -1 }, "workers: -1 is below 0: allowed is 0 (two per core) to 64 workers")
	f(func(s *sample) { s.Most = 0 }, "most: 0 is below 1: allowed is 1 to 100 connections")
	f(func(s *sample) { s.Most = math.MaxInt64 },
		"most: 9223372036854775807 is above 100: allowed is 1 to 100 connections")
	f(func(s *sample) { s.Bytes = 1 << 10 }, "bytes: 1 KiB is below 4 KiB: allowed is 4 KiB to 1 MiB")
	f(func(s *sample) { s.Bytes = 1<<20 + 1 }, "bytes: 1048577 is above 1 MiB: allowed is 4 KiB to 1 MiB")
	f(func(s *sample) { s.Memory = 0 })
	f(func(s *sample) { s.Memory = 1 }, "memory: 1 is below 32 MiB: allowed is 0 (none), or 32 MiB or more")
	f(func(s *sample) { s.Age = -1 }, "age: -1ns is below 0s: allowed is 0s (never) to 1h")
	f(func(s *sample) { s.Age = 61 * time.Minute }, "age: 1h1m is above 1h: allowed is 0s (never) to 1h")
	f(func(s *sample) { s.MaxAge = 1 }, "max_age: 1ns is below 1m: allowed is 0s (no limit), or 1m to 24h")
	f(func(s *sample) { s.After = 0 }, "after: 0s is not above 0s: allowed is above 0s")
	f(func(s *sample) { s.Fill = 0 }, "fill: 0 is not above 0: allowed is above 0, at most 1")
	f(func(s *sample) { s.Fill = 1.5 }, "fill: 1.5 is above 1: allowed is above 0, at most 1")
	f(func(s *sample) { s.Fill = math.NaN() }, "fill: NaN is not above 0: allowed is above 0, at most 1")
	f(func(s *sample) { s.Hosts = make([]string, 3) },
		"hosts: its length 3 is above 2: allowed is a list of at most 2 entries, such as [a, b]")
	f(func(s *sample) { s.P99 = new(float64) })
	f(func(s *sample) { s.P99 = new(float64); *s.P99 = 2 }, "p99: 2 is above 1: allowed is 0 to 1")
	f(func(s *sample) { s.Ramp = ramp{51, 52} }, "ramp: 51 is above 50: allowed is 0 to 50 calls/s")
	f(func(s *sample) { s.Ramp = ramp{0, -1} }, "ramp: -1 is below 0: allowed is 0 to 50 calls/s")
	f(func(s *sample) { s.Inner.Depth = 1 }, "inner.depth: 1 is below 2: allowed is 2 to 9")
	f(func(s *sample) { s.Maybe = &inner{1} }, "maybe.depth: 1 is below 2: allowed is 2 to 9")
	f(func(s *sample) { s.List = []inner{{2}, {1}} }, "list[1].depth: 1 is below 2: allowed is 2 to 9")
	f(func(s *sample) {
		s.List = make([]inner, 3)
		s.List[0], s.List[1], s.List[2] = inner{2}, inner{2}, inner{2}
	},
		"list: its length 3 is above 2: allowed is a list of sections of at most 2 entries")
	f(func(s *sample) { s.Judged = judged{0, -1} },
		"judged.a: 0 is below 1: allowed is 1 or more", "judged.b: -1 is below a: allowed is 0 or more")
	f(func(s *sample) { s.Last = 6 }, "last: 6 is above 5: allowed is 5 to 5")
	f(func(s *sample) { s.Loops = 0 }, "Loops: 0 is below 1: allowed is 1 to 4")
	f(func(s *sample) { s.Free, s.Hidden = -1, -1 })
	f(func(s *sample) { s.Most, s.Loops = 0, 5 },
		"most: 0 is below 1: allowed is 1 to 100 connections", "Loops: 5 is above 4: allowed is 1 to 4")
}

func TestTagsThatContradictPanic(t *testing.T) {
	f := func(options any, want string) {
		t.Helper()
		defer func() {
			if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		}()
		SetDefaults(options)
		Check(options)
	}
	f(&struct {
		A int `yaml:"a" default:"x"`
	}{}, `option a: its tag "x": not a whole number`)
	f(&struct {
		A time.Duration `yaml:"a" min:"5"`
	}{}, `option a: its tag "5": not a time with its unit`)
	f(&struct {
		A chan int `yaml:"a"`
	}{}, "option a has type chan int")
	f(&struct {
		A int `yaml:"a"`
		B int `yaml:"a"`
	}{}, "have the key a")
}

func TestSizesAndTimes(t *testing.T) {
	size := func(text string, want int64) {
		t.Helper()
		if got, err := ParseSize(text); got != want || (err != nil) != (want == 0 && text != "0") {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	size("0", 0)
	size("65536", 65536)
	size("64KiB", 64<<10)
	size("64 KiB", 64<<10)
	size("1 B", 1)
	size("3MiB", 3<<20)
	size("8191 GiB", 8191<<30)
	size("8388607TiB", 8388607<<40)
	size("8388608TiB", 0)
	size("9999999999GiB", 0)
	size("-1KiB", 0)
	size("64KB", 0)
	size("64K", 0)
	size("64kib", 0)
	size("1.5KiB", 0)
	size("KiB", 0)
	size("", 0)
	for _, n := range []int64{0, 1, 1000, 1024, 1025, 1 << 20, 3 << 30, 1 << 40, 1<<40 + 1, math.MaxInt64} {
		if got, err := ParseSize(FormatSize(n)); got != n || err != nil {
			t.Errorf("%d is written %s and read %d, %v", n, FormatSize(n), got, err)
		}
	}
	span := func(text, want string) {
		t.Helper()
		d, err := time.ParseDuration(text)
		if got := FormatTime(d); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	span("0s", "0s")
	span("60s", "1m")
	span("90s", "1m30s")
	span("24h", "24h")
	span("61m", "1h1m")
	span("20m", "20m")
	span("10h0m10s", "10h0m10s")
	span("100ms", "100ms")
}

func TestMistakes(t *testing.T) {
	var all Mistakes
	if all.Err() != nil || all.Errors() != nil || all.Error() != "" {
		t.Error("none is one")
	}
	all.Add("nobody", "wrote this")
	all = append(all,
		&Mistake{Place: Place{Flag: "workers"}, Key: "workers", Text: "is wrong"},
		&Mistake{Place: Place{File: "b", Line: 1, Column: 1}, Key: "x", Text: "is wrong"},
		&Mistake{Place: Place{File: "a", Line: 10, Column: 1}, Text: "unknown key"},
		&Mistake{Place: Place{File: "a", Line: 2, Column: 3}, Key: "y", Text: "is wrong"},
		&Mistake{Place: Place{File: "a"}, Key: "z", Text: "is missing"},
	)
	const want = "a:2:3: y: is wrong\na:10:1: unknown key\nb:1:1: x: is wrong\n--workers: is wrong\n" +
		"nobody: wrote this\na: z: is missing"
	if got := all.Error(); got != want {
		t.Errorf("got:\n%s", got)
	}
	var one *Mistake
	if !errors.As(errors.Join(all.Errors()...), &one) || one.Key != "nobody" {
		t.Error(one)
	}
	var few Mistakes
	few.Add("a", "1")
	few.Add("list[1]", "2")
	var more Mistakes
	for _, key := range []string{"a", "a.b", "ab", "list[1].x", "list[2].x", "list", "", "c", "c"} {
		more.Add(key, "more")
	}
	few.AddNew(more)
	var keys []string
	for _, one := range few {
		keys = append(keys, one.Key)
	}
	if !slices.Equal(keys, []string{"a", "list[1]", "ab", "list[2].x", "list", "", "c", "c"}) {
		t.Error(keys)
	}
}

func TestPlaces(t *testing.T) {
	places := Places{
		"": {File: "f"}, "log": {File: "f", Line: 1}, "log.level": {File: "f", Line: 2}, "list[0]": {File: "f", Line: 3},
	}
	f := func(key string, line int) {
		t.Helper()
		if got := places.Of(key); got != (Place{File: "f", Line: line}) {
			t.Errorf("%s: %+v", key, got)
		}
	}
	f("log.level", 2)
	f("log.format", 1)
	f("list[0].rate.from", 3)
	f("list[1].rate", 0)
	f("other", 0)
	if got := (Places(nil)).Of("x"); got != (Place{}) {
		t.Error(got)
	}
	located := places.Locate([]error{errors.New("of nobody"), &Mistake{Key: "log.format", Text: "is wrong"}})
	if got := located.Error(); got != "f:1:0: log.format: is wrong\nf: of nobody" {
		t.Error(got)
	}
}

func TestNearest(t *testing.T) {
	known := Keys(reflect.TypeFor[sample]())
	for _, want := range []string{"workers", "ramp.from", "maybe.depth", "list[].depth", "last", "Loops"} {
		if !slices.Contains(known, want) {
			t.Errorf("no %s in %v", want, known)
		}
	}
	f := func(key, want string) {
		t.Helper()
		if got := Nearest(key, known); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	f("wrokers", "workers")
	f("list[7].dept", "list[].depth")
	f("maybe.detph", "maybe.depth")
	f("max_aeg", "max_age")
	f("zzzzzz", "")
	f("x", "")
	f("", "")
	f(strings.Repeat("workers", 100), "")
}

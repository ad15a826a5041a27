package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/codec/option"
)

// TestBoundsStay holds every key's default and range against testdata/bounds.txt. The ranges are found by trying
// values, so the table says what the checks do and not what the tags say. A change of a line there is a change of
// behaviour.
func TestBoundsStay(t *testing.T) {
	const table = "testdata/bounds.txt"
	var b strings.Builder
	config := withMount("word")
	option.Walk(&config, func(f option.Field) {
		if f.Kind != option.Section && f.Kind != option.Named {
			fmt.Fprintf(&b, "%s: %s default %s accepts %s\n",
				f.Key, f.Value.Type(), show(f.Value), accepts(&config, f.Key, f.Value))
		}
	})
	if *update {
		if err := os.WriteFile(table, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	was := strings.Split(string(want), "\n")
	is := strings.Split(b.String(), "\n")
	for i := range max(len(was), len(is)) {
		if i >= len(was) || i >= len(is) || was[i] != is[i] {
			t.Fatalf("line %d: %d lines\n%s\nwant %d lines\n%s", i+1, len(is), strings.Join(is[min(i, len(is)):], "\n"),
				len(was), strings.Join(was[min(i, len(was)):], "\n"))
		}
	}
}

func show(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

// accepts says which values of one key are accepted while all the others have their defaults.
func accepts(config *Config, path string, v reflect.Value) string {
	before := reflect.ValueOf(v.Interface())
	defer func() { v.Set(before) }()
	ok := func() bool { return !complainsOf(config, path) }
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		try := func(n int64) bool { v.SetInt(n); return ok() }
		inside := cmp.Or(before.Int(), 1)
		low, high := -last(-inside, math.MaxInt64, func(n int64) bool { return try(-n) }), last(inside, math.MaxInt64, try)
		text := fmt.Sprintf("%d to %d", low, high)
		if v.Type() == reflect.TypeFor[time.Duration]() {
			text = fmt.Sprintf("%v to %v", time.Duration(low), time.Duration(high))
		}
		if low > 0 && try(0) {
			text += ", and 0"
		}
		return text
	case reflect.Float64:
		try := func(bits int64) bool { v.SetFloat(math.Float64frombits(uint64(bits))); return ok() }
		inside := int64(math.Float64bits(before.Float()))
		low := -last(-inside, -1, func(n int64) bool { return try(-n) })
		high := last(inside, int64(math.Float64bits(math.MaxFloat64)), try)
		text := fmt.Sprintf("%v to %v", math.Float64frombits(uint64(low)), math.Float64frombits(uint64(high)))
		for _, special := range []float64{0, -1, math.NaN(), math.Inf(1)} {
			if v.SetFloat(special); ok() {
				text += fmt.Sprintf(", and %v", special)
			}
		}
		return text
	case reflect.String:
		return acceptsText(v, ok)
	}
	return "its type"
}

func acceptsText(v reflect.Value, ok func() bool) string {
	var accepted []string
	for _, word := range []string{
		"", "refuse", "pause", "drop", "debug", "info", "warn", "error", "fatal", "auto", "console", "json", "xml", "word",
		"/path", "127.0.0.1:80", "0.0.0.0:80", "localhost", "localhost:65536",
	} {
		if v.SetString(word); ok() {
			accepted = append(accepted, fmt.Sprintf("%q", word))
		}
	}
	text := strings.Join(accepted, " ")
	repeated := func(n int64) bool { v.SetString("/" + strings.Repeat("a", int(n)-1)); return ok() }
	if !repeated(1) {
		return text
	}
	return fmt.Sprintf("%s, %d bytes", text, last(1, 1<<20, repeated))
}

// last is the last value from there to the end that ok accepts, when it accepts the first and none behind one it
// refuses.
func last(from, end int64, ok func(int64) bool) int64 {
	for from < end {
		middle := end - int64(uint64(end-from)/2)
		if ok(middle) {
			from = middle
		} else {
			end = middle - 1
		}
	}
	return from
}

func complainsOf(config *Config, key string) bool {
	return slices.ContainsFunc(config.validate(math.MaxInt64), func(err error) bool {
		var mistake *option.Mistake
		return !errors.As(err, &mistake) || mistake.Key == key
	})
}

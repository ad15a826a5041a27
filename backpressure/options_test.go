package backpressure

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/VictoriaMetrics/metrics"
)

func TestDefaultsAreValid(t *testing.T) {
	if errs := DefaultOptions().Validate(); errs != nil {
		t.Error(errs)
	}
	if errs := DefaultOptions().Resolve(1024).Validate(); errs != nil {
		t.Error(errs)
	}
}

func TestValidate(t *testing.T) {
	f := func(want string, change func(o *Options)) {
		t.Helper()
		o := DefaultOptions().Resolve(20_000)
		change(&o)
		got := ""
		if err := errors.Join(o.Validate()...); err != nil {
			got = err.Error()
		}
		expect(t, "errors", got, want)
	}
	f("max_waiting: 0 is below 1: allowed is 1 to 1073741824 messages", func(o *Options) { o.MaxWaiting = 0 })
	f("worker_batch: -1 is below 1: allowed is 1 to 65535 messages", func(o *Options) { o.WorkerBatch = -1 })
	f("max_executing_per_connection: 70000 is above 65535: allowed is 1 to 65535 messages", func(o *Options) {
		o.MaxExecutingPerConnection = 70_000
	})
	f("queue_timeout: -1ns is below 0s: allowed is 0s (off) or more", func(o *Options) { o.QueueTimeout = -1 })
	f("max_retry_after: 1ns is below three times min_retry_after: allowed is 1.5s or more",
		func(o *Options) { o.MaxRetryAfter = 1 })
	f("refuse_above: 1.5 is above 1: allowed is above 0, at most 1", func(o *Options) { o.RefuseAbove = 1.5 })
	f("reopen_below: 0.9 is above refuse_above: allowed is above 0, at most 0.8", func(o *Options) { o.ReopenBelow = 0.9 })
	f("soft_connections: 101 is above max_connections: allowed is at most 100", func(o *Options) {
		o.MaxConnections, o.SoftConnections = 100, 101
	})

	// All errors at once.
	nothing := errors.Join(Options{RefuseAbove: math.NaN()}.Validate()...).Error()
	for _, key := range []string{"max_waiting:", "max_queue_bytes:", "max_blocking_workers:", "min_retry_after:",
		"refuse_above: NaN", "reopen_below:"} {
		if !strings.Contains(nothing, key) {
			t.Errorf("no word of %s in:\n%s", key, nothing)
		}
	}
}

// Every bound can be set from the file, under the field's name in snake case.
func TestKeys(t *testing.T) {
	for field := range reflect.TypeFor[Options]().Fields() {
		var snake strings.Builder
		for i, r := range field.Name {
			if unicode.IsUpper(r) && i > 0 {
				snake.WriteByte('_')
			}
			snake.WriteRune(unicode.ToLower(r))
		}
		expect(t, "key of "+field.Name, field.Tag.Get("yaml"), snake.String())
	}
}

func TestResolve(t *testing.T) {
	f := func(descriptors uint64, connections, soft int) {
		t.Helper()
		o := DefaultOptions().Resolve(descriptors)
		expect(t, "max_connections", o.MaxConnections, connections)
		expect(t, "soft_connections", o.SoftConnections, soft)
	}
	f(0, 1, 1)
	f(1024, 665, 498)
	f(20_000, 17_744, 13_308)
	f(262_144, 235_673, 176_754)
	f(math.MaxUint64, 1<<20, 786_432)
	o := Options{MaxConnections: 200, SoftConnections: 150, Workers: 3}.Resolve(1024)
	expect(t, "what is set stays", [3]int{o.MaxConnections, o.SoftConnections, o.Workers}, [3]int{200, 150, 3})
}

func TestUnresolvedOptionsAreRefused(t *testing.T) {
	if _, err := NewQueue(DefaultOptions(), metrics.NewSet()); err == nil {
		t.Error("a queue for 0 connections")
	}
	small, large := testOptions(), testOptions()
	small.MaxConnections, small.SoftConnections = 10, 10
	large.MaxConnections = 1000
	large.SoftConnections = 1000
	q, set := newQueue(t, small)
	if _, err := NewLimits(large, q, nil, set); err == nil {
		t.Error("limits above what the rings hold")
	}
}

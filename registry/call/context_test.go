package call

import (
	"context"
	"testing"
	"time"
)

// A call's context is what context.Context promises, also under contexts derived from it.
func TestCallContext(t *testing.T) {
	c := new(Context)
	if c.Err() != nil || c.Value("k") != nil {
		t.Error("a new context has ended, or has values")
	}
	if _, ok := c.Deadline(); ok {
		t.Error("a deadline nobody set")
	}
	child, stop := context.WithTimeout(c, time.Hour)
	defer stop()
	early, stopEarly := context.WithCancel(c)
	stopEarly()
	c.cancel(canceled)
	c.cancel(canceled)
	<-c.Done()
	<-child.Done()
	if c.Err() != context.Canceled || context.Cause(c) != context.Canceled || child.Err() != context.Canceled || early.Err() == nil {
		t.Error("ended contexts:", c.Err(), child.Err(), early.Err())
	}
	late, stopLate := context.WithCancel(c)
	defer stopLate()
	<-late.Done()
	if stop := c.AfterFunc(func() {}); stop() {
		t.Error("stopped what had run")
	}
}

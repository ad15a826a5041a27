package reactor

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// An open listen keeps its id and its filter, not the message that asked for it.
func TestListensKeepNoMessages(t *testing.T) {
	s := start(t)
	p := s.dial("tcp")
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	listen := func(id int, size int) {
		p.send(modernTask(fmt.Sprint(id), "subscriptions/listen", `"notifications":{"toolsListChanged":true},"pad":"`+
			strings.Repeat("x", size)+`"`) + "\n")
		contains(t, p.line(), "acknowledged")
	}
	listen(0, 900<<10)
	before := heap()
	for id := 1; id <= 32; id++ {
		listen(id, 900<<10)
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("32 open listens hold %d MiB", grown>>20)
	}
	listen2 := modernTask("7", "subscriptions/listen", `"notifications":{"toolsListChanged":true}`)
	p.send(listen2 + "\n")
	contains(t, p.line(), "duplicate id")
}

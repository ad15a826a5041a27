package scoreboard

import (
	"fmt"
	"time"

	"weir/loadtest/bench/cases"
	"weir/loadtest/wire"
)

// All is every benchmark of overload. They are run by name only: they take minutes.
var All = []cases.Case{
	{Name: "overload-goodput", Question: "What is left at 2 and 10 times what the server can do, and how soon is no said?",
		Run: goodput},
	{Name: "overload-retries", Question: "What is left when who is refused comes again at once, three times?",
		Run: retries},
	{Name: "overload-greedy", Question: "Do ten connections that ask without end harm a thousand that call once a second?",
		Run: greedy},
}

const (
	// fullSeconds is the window from which every cell is measured; below it, only those of the short form.
	fullSeconds = 5
	defaultKey  = 100 * time.Millisecond
	calmTime    = time.Second // half of what the server can do, before a step
	firstTime   = time.Second // the first of a step, which is told apart
	afterFirst  = time.Second // after a step, in which refusals may go on
	afterTime   = 2 * time.Second
	sources     = 4 // addresses that 2,000 connections come from
)

// tool is what a cell calls.
type tool struct {
	name string
	each []share
	// own is its own time, the longest of its calls.
	own time.Duration
	// told is how soon its refusals must be.
	told time.Duration
}

// share is a part of the calls.
type share struct {
	micros int
	part   float64
}

var (
	short  = tool{"0.2 ms", []share{{200, 1}}, 200 * time.Microsecond, 10 * time.Millisecond}
	milli  = tool{"1 ms", []share{{1000, 1}}, time.Millisecond, 10 * time.Millisecond}
	longer = tool{"5 ms", []share{{5000, 1}}, 5 * time.Millisecond, 25 * time.Millisecond}
	mixed  = tool{"90/10", []share{{200, 0.9}, {10_000, 0.1}}, 10 * time.Millisecond, 25 * time.Millisecond}
)

// cell is one server under one kind of load.
type cell struct {
	transport   wire.Transport
	connections int
	tool        tool
	key         time.Duration
	short       bool // it is of the short form, too
}

func (c cell) String() string {
	name := "tcp"
	if c.transport == wire.HTTP {
		name = "http"
	}
	return fmt.Sprintf("%s %d, %s, key %v", name, c.connections, c.tool.name, c.key)
}

// cells are all of them, in the order of the table.
func cells() (all []cell) {
	for _, t := range []tool{short, milli, longer, mixed} {
		for _, n := range []int{20, 200, 2000} {
			brief := n == 200 || n == 2000 && t.name == milli.name
			all = append(all, cell{wire.Line, n, t, defaultKey, brief})
			if n > 20 {
				all = append(all, cell{wire.HTTP, n, t, defaultKey, n == 200 && t.name == milli.name})
			}
		}
	}
	return append(all, cell{wire.Line, 200, milli, 20 * time.Millisecond, true},
		cell{wire.Line, 200, longer, 20 * time.Millisecond, false})
}

package pipeline

import (
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/reactor/audit"
	"weir/reactor/loop"
	"weir/reactor/trace"
	"weir/registry/engine"
)

// Pipeline is what the messages of all connections go through. Its fields are set before Init, and not changed.
type Pipeline struct {
	Options Options
	Engine  *engine.Engine
	Queue   *backpressure.Queue
	Limits  *backpressure.Limits
	Log     zerolog.Logger
	Trace   *trace.Tracer // nil, as one that is off: no request is traced
	Audit   *audit.Log    // likewise

	tasks     *backpressure.Detached // of the queue
	metrics   pipelineMetrics
	intakes   []*Intake           // of the loops, by number
	slots     []engine.WorkerSlot // of the workers, by number
	runs      []run               // likewise; only those of class Compute take batches
	detached  detachedCalls
	watched   bool // requests have spans
	draining  atomic.Bool
	suspended atomic.Int64 // calls that wait for somebody, or are on their way back into a queue
	leaving   atomic.Bool
	parting   atomic.Int32        // of PartSteps: which connections' streams end now
	second    atomic.Int64        // Unix time, for what ends at one
	kinds     [kinds]atomic.Int64 // connections, by what they speak
}

// Init makes the pipeline ready for the connections of loops, which have not started.
func (p *Pipeline) Init(loops *loop.Loops, set *metrics.Set) {
	p.tasks = p.Queue.Detach(taskRunner{})
	p.slots, p.runs = make([]engine.WorkerSlot, p.Queue.MaxWorkers()), make([]run, p.Queue.MaxWorkers())
	p.detached.init()
	p.watched = p.Trace.On() || p.Audit.On()
	p.second.Store(time.Now().Unix())
	for id := range loops.Len() {
		p.intakes = append(p.intakes, &Intake{Loop: loops.Loop(id), p: p})
	}
	p.registerMetrics(set)
}

// Drain refuses all new work from now on, and ends streams where they are fed.
func (p *Pipeline) Drain() { p.draining.Store(true) }

// Draining reports whether Drain was called.
func (p *Pipeline) Draining() bool { return p.draining.Load() }

// Leave has clients go elsewhere where a transport has words for that, while everything is served on. A listen that
// ends with its result, and an HTTP connection that ends with its answer, are such words.
func (p *Pipeline) Leave() { p.leaving.Store(true) }

// Leaving reports whether Leave was called.
func (p *Pipeline) Leaving() bool { return p.leaving.Load() }

// PartSteps is how many parts of all connections there are.
const PartSteps = 1024

// Part has the streams of so many of PartSteps connections end, once these are looked at, if the server drains; if it
// leaves, the listens over HTTP.
func (p *Pipeline) Part(steps int) { p.parting.Store(int32(steps)) }

// Parts says whether the streams of c are to end now. Descriptors are neighbours, and go far apart.
func (p *Pipeline) Parts(c *Conn) bool {
	const golden = 2654435769 // 2^32 divided by the golden ratio (Knuth, 6.4)
	return int32(uint32(c.Fd())*golden/(1<<32/PartSteps)) < p.parting.Load()
}

// Second is the time in Unix seconds, as Tick was told it last.
func (p *Pipeline) Second() int64 { return p.second.Load() }

// Tick ends the calls whose handlers' deadlines have passed at now. It wants to be called every quarter of a second.
// Any goroutine.
func (p *Pipeline) Tick(now time.Time) {
	p.second.Store(now.Unix())
	p.endTimedOut(now)
}

// Intake is that of a loop.
func (p *Pipeline) Intake(l *loop.Loop) *Intake { return p.intakes[l.ID()] }

// BeginSweep comes before each part of a loop's sweep.
func (p *Pipeline) BeginSweep(l *loop.Loop) {
	in := p.Intake(l)
	in.refused = 0
	if l.ID() == 0 {
		p.detached.refuseAged(in, refusalsPerTurn)
	}
}

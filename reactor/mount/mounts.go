package mount

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/codec"
	"weir/reactor/loop"
	"weir/registry/engine"
	"weir/registry/protocol"
)

// Config is what mounts need of their server.
type Config struct {
	Mounts  map[string]*Options // by their names; checked
	Loops   *loop.Loops
	Engine  *engine.Engine
	JSON    codec.JSONLimits // of a line
	Metrics *metrics.Set
	Log     zerolog.Logger
	// Name and Version are how mounts are told who calls.
	Name, Version string
}

// Mounts are all mounts of a server. Their life: New, Start, Drain, Stop; each once, in order, and any left out but
// Stop after Start. Status is for any goroutine.
type Mounts struct {
	all     []*Mount // in the order of their names
	loops   *loop.Loops
	engine  *engine.Engine
	json    codec.JSONLimits
	starter *starter

	clientInfo string // an object
	modernMeta string // the members of _meta in every request of the modern era

	running sync.WaitGroup
	stop    context.CancelFunc // ends the lives
	hurry   context.CancelFunc // and leaves them no time

	mu     sync.Mutex // held while the offer changes
	owners map[string]*Mount
}

// Mount is one server that answers for this one.
type Mount struct {
	name   string
	opt    *Options
	of     *Mounts
	log    zerolog.Logger
	series series

	answerBytes atomic.Int64
	tools       atomic.Int32
	offers      offering

	mu       sync.Mutex
	talking  *upstream // the one that there is
	up       *upstream // the same, once it takes calls
	why      Ending    // why there is none
	stopping bool
	table    table
}

// New makes mounts that do nothing yet.
func New(c Config) *Mounts {
	s := &Mounts{loops: c.Loops, engine: c.Engine, json: c.JSON, owners: map[string]*Mount{}}
	info := codec.AppendQuoted([]byte(`{"name":`), c.Name)
	s.clientInfo = string(append(codec.AppendQuoted(append(info, `,"version":`...), c.Version), '}'))
	s.modernMeta = `"` + protocol.KeyPrefix + `protocolVersion":"` +
		protocol.RevisionAt(protocol.LatestRevision).Version + `","` + protocol.KeyPrefix + `clientInfo":` + s.clientInfo +
		`,"` + protocol.KeyPrefix + `clientCapabilities":{}`
	for _, name := range slices.Sorted(maps.Keys(c.Mounts)) {
		opt := c.Mounts[name]
		log := c.Log.With().Str("mount", name)
		if opt.At != "" {
			log = log.Str("at", opt.At)
		}
		m := &Mount{name: name, opt: opt, of: s, log: log.Logger()}
		m.table.init()
		m.register(c.Metrics)
		s.all = append(s.all, m)
	}
	return s
}

// Start begins every mount and waits for none. The loops turn.
func (s *Mounts) Start() {
	ctx, stop := context.WithCancel(context.Background())
	hurried, hurry := context.WithCancel(context.Background())
	s.stop, s.hurry, s.starter = stop, hurry, newStarter()
	for _, m := range s.all {
		s.running.Go(func() { m.run(ctx, hurried) })
	}
}

// Drain takes no more calls and waits until those under way are answered, or three quarters of ctx's time are over:
// then they are told that this server stops, and the rest is theirs to leave.
func (s *Mounts) Drain(ctx context.Context) {
	if end, has := ctx.Deadline(); has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/4*3)
		defer cancel()
	}
	for _, m := range s.all {
		m.mu.Lock()
		m.stopping = true
		m.mu.Unlock()
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, m := range s.all {
		for s := m.Status(); s.InFlight+s.Waiting > 0 && ctx.Err() == nil; s = m.Status() {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		m.loseLast()
	}
}

// Stop ends every mount, and returns when nothing of them is left: each child is given up to 5 seconds to end by
// itself, or what is left of ctx. The loops still turn. Without Start it does nothing.
func (s *Mounts) Stop(ctx context.Context) {
	if s.starter == nil {
		return
	}
	s.stop()
	over := make(chan struct{})
	go func() {
		s.running.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-ctx.Done():
		s.hurry()
		<-over
	}
	s.hurry()
	s.starter.stop()
}

// loseLast answers what still waits for an upstream that is about to be ended.
func (m *Mount) loseLast() {
	m.mu.Lock()
	u := m.talking
	m.mu.Unlock()
	if u != nil {
		m.lose(u, failStopped)
	}
}

// setUp lets calls come.
func (m *Mount) setUp(u *upstream) {
	m.mu.Lock()
	if m.talking == u {
		m.up = u
	}
	m.mu.Unlock()
	m.log.Info().Str("revision", protocol.RevisionAt(int(u.revision)).Version).Int32("tools", m.tools.Load()).
		Msg("a mount is there")
}

// setDown says why no calls may come.
func (m *Mount) setDown(why Ending) {
	m.mu.Lock()
	u := m.talking
	m.why = why
	m.mu.Unlock()
	if u != nil {
		m.lose(u, failLost)
	}
}

// failed counts a call's failure and makes the error of it. detail, if any, says more.
func (m *Mount) failed(f Failure, detail string) *codec.Error {
	m.series.failed[f].Inc()
	text := fmt.Sprintf(failureTexts[f], m.name)
	data := codec.AppendQuoted([]byte(`{"reason":`), f.String())
	data = codec.AppendQuoted(append(data, `,"mount":`...), m.name)
	if detail != "" {
		text += ": " + protocol.Clip(detail)
	}
	if f.executed() {
		data = append(data, `,"executed":true}`...)
	} else {
		data = append(data, `,"retryAfterMs":1000,"executed":false}`...)
	}
	return &codec.Error{Code: codec.CodeInternal, Message: text, Data: data}
}

// Status is a mount at one moment.
type Status struct {
	Name              string
	Up                bool
	Why               string // why not; "" if it is
	Tools             int    // that are offered, also while it is not there
	InFlight, Waiting int
	// RequestBytes are of calls that were not answered, AnswerBytes of answers that were not passed on.
	RequestBytes, AnswerBytes int
}

// Status says how the mount does.
func (m *Mount) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{Name: m.name, Up: m.up != nil, Tools: int(m.tools.Load()), InFlight: m.table.queues[sent].n,
		Waiting: m.table.queues[waiting].n, RequestBytes: m.table.bytes, AnswerBytes: int(m.answerBytes.Load())}
	if !s.Up {
		s.Why = m.why.String()
	}
	return s
}

// Status is that of every mount, in the order of their names.
func (s *Mounts) Status() []Status {
	all := make([]Status, 0, len(s.all))
	for _, m := range s.all {
		all = append(all, m.Status())
	}
	return all
}

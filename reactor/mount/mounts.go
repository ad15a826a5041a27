package mount

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"weir/codec"
	"weir/reactor/logwriter"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/child"
	"weir/reactor/mount/hop"
	"weir/reactor/mount/reason"
	"weir/reactor/mount/remote"
	"weir/reactor/mount/shelf"
	"weir/registry/call"
	"weir/registry/protocol"
)

// New makes mounts that do nothing yet.
func New(c Config) *Mounts {
	s := &Mounts{config: c, loops: c.Loops, engine: c.Engine, json: c.JSON, leaving: map[*Mount]bool{},
		shelf: shelf.New(c.Engine)}
	s.noted.some = make(chan struct{}, 1)
	info := codec.AppendQuoted([]byte(`{"name":`), c.Name)
	s.clientInfo = string(append(codec.AppendQuoted(append(info, `,"version":`...), c.Version), '}'))
	s.modernMeta = `"` + hop.Prefix + `protocolVersion":"` +
		protocol.RevisionAt(protocol.LatestRevision).Version + `","` + hop.Prefix + `clientInfo":` + s.clientInfo +
		`,"` + hop.Prefix + `clientCapabilities":{}`
	for _, name := range slices.Sorted(maps.Keys(c.Mounts)) {
		s.all = append(s.all, s.newMount(name, c.Mounts[name]))
	}
	return s
}

func (s *Mounts) newMount(name string, opt *Options) *Mount {
	log := s.config.Log.With().Str("mount", name)
	if opt.At != "" {
		log = log.Str("at", opt.At)
	}
	m := &Mount{name: name, opt: opt, of: s, log: log.Logger(), nonce: rand.Text() + ".", answerBytes: new(atomic.Int64),
		arriving: &remote.Account{Most: opt.MaxBytes}, met: new(logwriter.Gate)}
	m.children.byOwner = map[any]*Mount{}
	m.part = s.shelf.NewPart(opt.Naming(name), m.log, func(name string) call.Forwarder { return &entry{m, name} })
	m.init(opt.bounds())
	m.register(s.config.Metrics)
	return m
}

func (m *Mount) init(bounds calls.Bounds) {
	m.table = calls.New(bounds)
	m.breaker.Failures, m.breaker.Pause = m.opt.BreakerFailures, m.opt.BreakerPause
}

// Start begins every mount and waits for none. The loops turn.
func (s *Mounts) Start() {
	s.listing.Lock()
	defer s.listing.Unlock()
	s.life, s.stop = context.WithCancel(context.Background())
	s.hurried, s.hurry = context.WithCancel(context.Background())
	s.starter = child.NewStarter()
	for _, m := range s.all {
		s.begin(m, s.life)
	}
}

// begin begins a mount's life, within another. The list is locked, or the children are that it is one of.
func (s *Mounts) begin(m *Mount, within context.Context) {
	s.watch.Do(func() {
		s.engine.Topics().Watch(func(uri string) { s.note(uri) })
		s.running.Go(func() { s.assign(s.life) })
	})
	m.life, m.end = context.WithCancel(within)
	s.running.Go(func() { m.run(m.life, s.hurried) })
}

// close has nothing be replaced any more, and returns every mount, also those that leave.
func (s *Mounts) close() []*Mount {
	s.listing.Lock()
	s.closed = true
	all := slices.Clone(s.all)
	s.listing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for m := range s.leaving {
		all = append(all, m)
	}
	for _, m := range slices.Clone(all) {
		all = append(all, m.children.close()...)
	}
	return all
}

// Drain takes no more calls and waits until those under way are answered, or three quarters of ctx's time are over:
// then they are told that this server stops, and the rest is theirs to leave.
func (s *Mounts) Drain(ctx context.Context) {
	if end, has := ctx.Deadline(); has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/4*3)
		defer cancel()
	}
	all := s.close()
	for _, m := range all {
		m.mu.Lock()
		m.stopping = true
		m.mu.Unlock()
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, m := range all {
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
	s.engine.Topics().Watch(nil)
	s.close()
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
	s.starter.Stop()
}

// loseLast answers what still waits for an upstream that is about to be ended.
func (m *Mount) loseLast() {
	m.mu.Lock()
	u := m.talking
	m.mu.Unlock()
	if u != nil {
		m.lose(u, reason.FailStopped)
	}
}

// letCome lets calls come.
func (m *Mount) letCome(u *upstream) {
	m.mu.Lock()
	if m.talking == u {
		m.up = u
		m.breaker.Answered()
	}
	m.mu.Unlock()
	if m.base != nil {
		u.Post() // its first calls wait for it
	}
}

// setUp lets calls come, and says so.
func (m *Mount) setUp(u *upstream) {
	m.letCome(u)
	if m.base != nil {
		return
	}
	m.log.Info().Str("revision", protocol.RevisionAt(int(u.revision)).Version).Int("tools", m.part.Count(shelf.Tool)).
		Msg("a mount is there")
}

// setDown says why no calls may come.
func (m *Mount) setDown(why reason.Ending) {
	m.mu.Lock()
	u := m.talking
	m.why = why
	m.mu.Unlock()
	m.lose(u, reason.FailLost)
}

// Status is that of every mount, in the order of their names.
func (s *Mounts) Status() []Status {
	list := s.list()
	all := make([]Status, 0, len(list))
	for _, m := range list {
		all = append(all, m.Status())
	}
	return all
}

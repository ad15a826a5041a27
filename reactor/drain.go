package reactor

import (
	"context"
	"time"

	"weir/reactor/logwriter"
	"weir/reactor/pipeline"
)

// lastWords is how long a stop waits for the readers of standard error.
const lastWords = time.Second

// Shutdown stops the server in steps, each with what the one before left of ctx: wait for drain_delay, stop accepting,
// end the streams, over drain_spread, and the tasks, refuse new messages, let the mounts answer and finish what was
// accepted, write out the answers, end the mounts, close every connection, stop the loops, end the workers. It returns
// when nothing of the server runs any more, but handlers that ignore their context; a context that is over shortens the
// waiting, never the steps. Any goroutine; a second call waits for the first one's report.
func (s *Server) Shutdown(ctx context.Context) DrainReport {
	l := &s.life
	l.stop.Do(func() {
		defer close(l.ended)
		l.endSteps()
		s.announce(ctx)
		l.report = s.drain(ctx)
		s.queue.Stop(ctx)
		if l.started.IsZero() {
			return
		}
		s.log.Info().Int("messages_cut", l.report.Messages).Int64("answer_bytes_cut", l.report.OutboxBytes).
			Int64("connections_closed", l.report.Connections).
			Stringer("uptime", time.Since(l.started).Round(time.Millisecond)).Msg("stopped")
		logwriter.StandardError.Flush(lastWords) // of a server without a log of its own: its process may end now
	})
	return l.report
}

// drain does the steps up to the loops' end.
func (s *Server) drain(ctx context.Context) DrainReport {
	s.work.Drain(ctx) // before anything is refused
	s.pipeline.Drain()
	var report DrainReport
	s.loops.StopAccepting()
	s.endStreams(ctx)
	s.engine.StopTasks()
	s.engine.StopAsking()
	s.mounts.Drain(ctx)
	if s.forwarder != nil {
		s.forwarder.Drain(ctx)
	}
	s.front.Drain(ctx)
	s.pipeline.AwaitSuspended(ctx)
	report.Messages = s.queue.Drain(ctx)
	report.OutboxBytes = s.awaitOutboxes(ctx)
	report.Connections = s.Connections()
	s.mounts.Stop(ctx)
	s.stopCalls()
	s.awaitPeers(ctx)

	if err := s.loops.Stop(); err != nil {
		s.log.Error().Err(err).Msg("a loop did not leave netpoll cleanly")
	}
	report.OutboxBytes += s.loops.CutBytes()
	close(s.clockStop)
	s.clock.Wait()
	s.release()
	return report
}

// announce waits for those who send clients here to send them elsewhere. After a handover nobody does.
func (s *Server) announce(ctx context.Context) {
	if s.opts.DrainDelay == 0 || s.life.started.IsZero() || s.pipeline.Leaving() {
		return
	}
	s.pipeline.Leave()
	timer := time.NewTimer(s.opts.DrainDelay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// partEvery is how often the next streams end.
const partEvery = 50 * time.Millisecond

// endStreams ends event streams and listens, a part of the connections after the other, until there are none, or all
// were told.
func (s *Server) endStreams(ctx context.Context) {
	spread := s.opts.DrainSpread
	if until, ok := ctx.Deadline(); ok {
		spread = min(spread, time.Until(until)/2)
	}
	s.part(ctx, spread)
}

// part has the pipeline part with all connections' streams over so long, sooner if there are none.
func (s *Server) part(ctx context.Context, spread time.Duration) {
	tick := time.NewTicker(partEvery)
	defer tick.Stop()
	for begin := time.Now(); ; {
		part := pipeline.PartSteps
		if since := time.Since(begin); since < spread && s.engine.Streams() > 0 && ctx.Err() == nil {
			part = int(float64(since) / float64(spread) * pipeline.PartSteps)
		}
		s.pipeline.Part(part)
		s.loops.VisitAll()
		if part == pipeline.PartSteps {
			return
		}
		<-tick.C
	}
}

// awaitOutboxes waits until every answer is with the kernel, or ctx is over, and returns the bytes that are not.
func (s *Server) awaitOutboxes(ctx context.Context) int64 {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.loops.OutboxBytes() > 0 {
		select {
		case <-ctx.Done():
			return s.loops.OutboxBytes()
		case <-tick.C:
		}
	}
	return 0
}

// awaitPeers ends every connection and waits until the peers have taken what is theirs, or ctx is over. A
// connection that were closed while its peer still sends would be reset, and its last answers with it.
func (s *Server) awaitPeers(ctx context.Context) {
	s.loops.End()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !s.loops.Ended() && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

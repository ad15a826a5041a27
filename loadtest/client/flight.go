package client

import (
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/socket"
	"weir/loadtest/wire"
)

// With Options.Exact the times of each planned call are kept while it is in flight. So what a call waited for the
// generator, before its write and behind the arrival of its answer, is told from what it waited for the server.

// flight is a call in flight.
type flight struct {
	due, written time.Duration // on the loop's clock
	tries        int           // before this one
	over         bool
}

// flights are a connection's calls in flight, by their ids, and those that are to be sent again.
type flights struct {
	first uint64   // the id of all[0]
	all   []flight // those that are over are dropped from the front
	sent  uint64   // calls of the plan that were sent
	again []flight
}

// departed notes that n calls were written, from id first on: those that are sent again, then those of the plan.
func (l *loop) departed(c *connection, first uint64, n int) {
	f, now := &c.flights, time.Since(l.base)
	if len(f.all) == 0 {
		f.first, f.all = first, f.all[:0]
	}
	for range n {
		call := flight{written: now}
		if len(f.again) > 0 {
			call.due, call.tries = f.again[0].due, f.again[0].tries+1
			f.again = f.again[1:]
		} else {
			call.due = l.when(c, f.sent)
			f.sent++
		}
		f.all = append(f.all, call)
	}
}

// landed notes how a call ended; id is 0 where the answer did not say which: over HTTP one is in flight at a time.
func (l *loop) landed(c *connection, id uint64, how wire.Outcome) {
	f := &c.flights
	if id == 0 {
		id = f.first
	}
	if at := id - f.first; at < uint64(len(f.all)) && !f.all[at].over {
		call := &f.all[at]
		call.over = true
		whole, servers := l.stats.Latency, l.stats.Service
		if how == wire.OutcomeRefused {
			whole, servers = l.stats.Refusal, l.stats.Told
			if call.tries < l.opts.Retries {
				f.again = append(f.again, *call)
				c.backlog++
			}
		}
		Record(whole, l.now-call.due)
		Record(servers, min(l.now, l.arrival)-call.written)
	}
	for len(f.all) > 0 && f.all[0].over {
		f.all = f.all[1:]
		f.first++
	}
}

// forget drops what is in flight: its connection has lost it.
func (f *flights) forget() { f.all = nil }

// controlBytes holds what the kernel says beside a message: one time, and its head.
const controlBytes = 64

// receive reads, and notes when the latest byte arrived in the kernel: an answer that is read with a later one counts
// as late as that.
func (l *loop) receive(c *connection, b []byte) (int, unix.Errno) {
	if !l.opts.Exact {
		return socket.Read(c.fd, b)
	}
	n, at, errno := socket.ReadStamped(c.fd, b, l.control[:])
	l.arrival = l.now
	if at != 0 {
		l.arrival = time.Duration(at - l.base.UnixNano())
	}
	return n, errno
}

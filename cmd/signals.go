package cmd

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// secondOrderAfter is how long after the first wish to stop a signal is a second one. Whoever stops a process often
// says so twice within milliseconds: a terminal and a supervisor, SIGINT and SIGTERM, an end of input and a signal.
const secondOrderAfter = time.Second

// orders are the signals that the process obeys.
type orders struct {
	stops    chan os.Signal // SIGTERM and SIGINT
	upgrades chan os.Signal // SIGUSR2
	hangups  chan os.Signal // SIGHUP; apart, so that many of them leave room for one that stops
	pipes    chan os.Signal // SIGPIPE, which nobody reads: an output whose reader is gone is an error of the write
}

// obey begins to catch signals. It is called before the first listener is bound: a signal that comes meanwhile must not
// be lost. done gives them back.
func obey() (o *orders, done func()) {
	o = &orders{stops: make(chan os.Signal, 2), hangups: make(chan os.Signal, 1),
		upgrades: make(chan os.Signal, 1), pipes: make(chan os.Signal, 1)}
	signal.Notify(o.stops, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(o.hangups, syscall.SIGHUP)
	signal.Notify(o.upgrades, syscall.SIGUSR2)
	signal.Notify(o.pipes, syscall.SIGPIPE)
	return o, func() {
		for _, c := range []chan os.Signal{o.stops, o.hangups, o.upgrades, o.pipes} {
			signal.Stop(c)
		}
	}
}

// running is what the signals are about.
type running struct {
	log         *journal
	timeout     time.Duration   // how long the stop may take, for the log
	stop        func()          // begins the stop and returns; called at most once
	reload      func()          // reads again what can be read again; not called once the stop has begun
	ended       <-chan int      // has the exit code when the stop is over
	upgrade     func()          // starts a new process, or says why not, and returns
	begun       <-chan struct{} // closed when the stop has begun by itself; nil: it never does
	connections func() int64    // how many are open, for the log
}

// lateAfter is how long after its time a stop is given up: what is left then waits for somebody who does not come.
const lateAfter = 3 * time.Second

// attend obeys until the stop is over or given up, or a second order ends the process, and returns the exit code.
func (o *orders) attend(r running) int {
	var since time.Time // when somebody first wished the process to stop
	var late <-chan time.Time
	begin := func() {
		if since.IsZero() {
			since, late = time.Now(), time.After(r.timeout+lateAfter)
		}
	}
	warned := false
	for {
		select {
		case code := <-r.ended:
			return code
		case <-late:
			r.log.Error().Stringer("shutdown_timeout", r.timeout).Int64("connections", r.connections()).
				Msg("the stop did not end in time, and is given up")
			return exitRuntime
		case <-r.begun:
			r.begun = nil
			begin()
		case <-o.upgrades:
			if since.IsZero() {
				r.upgrade()
			} else {
				r.log.Info().Msg("SIGUSR2: nothing is upgraded, the server stops")
			}
		case <-o.hangups:
			if since.IsZero() {
				r.reload()
			} else {
				r.log.Info().Msg("SIGHUP: nothing is reloaded, the server stops")
			}
		case cause := <-o.stops:
			switch {
			case since.IsZero():
				begin()
				r.log.Info().Stringer("signal", cause).Stringer("shutdown_timeout", r.timeout).Msg("draining")
				r.stop()
			case time.Since(since) >= secondOrderAfter:
				r.log.Error().Stringer("signal", cause).Int64("connections", r.connections()).
					Msg("stopped at once, the drain was not finished")
				return exitRuntime
			case !warned:
				warned = true
				r.log.Warn().Stringer("signal", cause).Stringer("after", secondOrderAfter).
					Msg("the drain goes on: a signal so soon after the first is taken for the same; " +
						"a later one ends the process at once")
			}
		}
	}
}

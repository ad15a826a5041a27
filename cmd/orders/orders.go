package orders

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// secondOrderAfter is how long after the first wish to stop a signal is a second one. Whoever stops a process often
// says so twice within milliseconds: a terminal and a supervisor, SIGINT and SIGTERM, an end of input and a signal.
const secondOrderAfter = time.Second

// Orders are the signals that the process obeys.
type Orders struct {
	stops    chan os.Signal // SIGTERM and SIGINT
	upgrades chan os.Signal // SIGUSR2
	hangups  chan os.Signal // SIGHUP; apart, so that many of them leave room for one that stops
	pipes    chan os.Signal // SIGPIPE, which nobody reads: an output whose reader is gone is an error of the write
}

// Obey begins to catch signals. It is called before the first listener is bound: a signal that comes meanwhile must not
// be lost. done gives them back.
func Obey() (o *Orders, done func()) {
	o = &Orders{stops: make(chan os.Signal, 2), hangups: make(chan os.Signal, 1),
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

// Running is what the signals are about.
type Running struct {
	Log         *zerolog.Logger
	Timeout     time.Duration   // how long the stop may take
	Stop        func()          // begins the stop and returns; called at most once
	Reload      func()          // reads again what can be read again; not called once the stop has begun
	Ended       <-chan int      // has the exit code when the stop is over
	Upgrade     func()          // starts a new process, or says why not, and returns; not called once the stop has begun
	Begun       <-chan struct{} // closed when the stop has begun by itself; nil: it never does
	Connections func() int64    // how many are open, for the log
}

// CutShort is the exit code of a stop that was not finished.
const CutShort = 1

// LateAfter is how long after its time a stop is given up: what is left then waits for somebody who does not come.
const LateAfter = 3 * time.Second

// Attend obeys until the stop is over or given up, or a second order ends the process, and returns the exit code.
func (o *Orders) Attend(r Running) int {
	var since time.Time // when somebody first wished the process to stop
	var late <-chan time.Time
	begin := func() {
		if since.IsZero() {
			since, late = time.Now(), time.After(r.Timeout+LateAfter)
		}
	}
	warned := false
	for {
		select {
		case code := <-r.Ended:
			return code
		case <-late:
			r.Log.Error().Stringer("shutdown_timeout", r.Timeout).Int64("connections", r.Connections()).
				Msg("the stop did not end in time, and is given up")
			return CutShort
		case <-r.Begun:
			r.Begun = nil
			begin()
		case <-o.upgrades:
			if since.IsZero() {
				r.Upgrade()
			} else {
				r.Log.Info().Msg("SIGUSR2: nothing is upgraded, the server stops")
			}
		case <-o.hangups:
			if since.IsZero() {
				r.Reload()
			} else {
				r.Log.Info().Msg("SIGHUP: nothing is reloaded, the server stops")
			}
		case cause := <-o.stops:
			switch {
			case since.IsZero():
				begin()
				r.Log.Info().Stringer("signal", cause).Stringer("shutdown_timeout", r.Timeout).Msg("draining")
				r.Stop()
			case time.Since(since) >= secondOrderAfter:
				r.Log.Error().Stringer("signal", cause).Int64("connections", r.Connections()).
					Msg("stopped at once, the drain was not finished")
				return CutShort
			case !warned:
				warned = true
				r.Log.Warn().Stringer("signal", cause).Stringer("after", secondOrderAfter).
					Msg("the drain goes on: a signal so soon after the first is taken for the same; " +
						"a later one ends the process at once")
			}
		}
	}
}

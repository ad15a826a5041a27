package orders

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// TestOrders: what each signal does, by when it comes. A step is a signal, or "input" for the end of the input, or
// "ended" for the end of the stop.
func TestOrders(t *testing.T) {
	type step struct {
		after time.Duration // the step before
		what  string
	}
	signals := map[string]os.Signal{"USR2": syscall.SIGUSR2, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT,
		"HUP": syscall.SIGHUP}
	const drains, soon, atOnce, upgrades = "draining", "the drain goes on: ", "stopped at once, ", "upgrading"
	f := func(code, stops, reloads int, lines []string, steps ...step) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			var said strings.Builder
			o := &Orders{stops: make(chan os.Signal, 2), hangups: make(chan os.Signal, 1),
				upgrades: make(chan os.Signal, 1)}
			ended, input := make(chan int, 1), make(chan struct{})
			stopped, reloaded := 0, 0
			log := zerolog.New(&said)
			go func() {
				for _, s := range steps {
					time.Sleep(s.after)
					switch s.what {
					case "input":
						close(input)
					case "ended":
						ended <- 0
					case "HUP":
						o.hangups <- signals[s.what]
					case "USR2":
						o.upgrades <- signals[s.what]
					default:
						o.stops <- signals[s.what]
					}
					synctest.Wait()
				}
			}()
			got := o.Attend(Running{Log: &log, Ended: ended, Timeout: 2 * time.Hour, Begun: input, Stop: func() { stopped++ },
				Reload: func() { reloaded++ }, Upgrade: func() { log.Info().Msg(upgrades) },
				Connections: func() int64 { return 0 }})
			if got != code || stopped != stops || reloaded != reloads {
				t.Errorf("%v: exit %d after %d stops and %d reloads\n%s", steps, got, stopped, reloaded, &said)
			}
			var messages []string
			for line := range strings.Lines(said.String()) {
				_, message, _ := strings.Cut(line, `"message":"`)
				messages = append(messages, message)
			}
			if len(messages) != len(lines) {
				t.Fatalf("%v: %d lines, want %q:\n%s", steps, len(messages), lines, &said)
			}
			for i, line := range lines {
				if !strings.HasPrefix(messages[i], line) {
					t.Errorf("%v: line %d is %s, want %s", steps, i, messages[i], line)
				}
			}
		})
	}
	const ms = time.Millisecond
	f(0, 1, 0, []string{drains}, step{0, "TERM"}, step{time.Hour, "ended"})
	f(0, 1, 0, []string{drains, soon}, step{0, "INT"}, step{2 * ms, "TERM"}, step{996 * ms, "TERM"},
		step{ms, "ended"})
	f(CutShort, 1, 0, []string{drains, soon, atOnce}, step{0, "TERM"}, step{999 * ms, "TERM"}, step{ms, "TERM"})
	f(CutShort, 1, 0, []string{drains, atOnce}, step{0, "TERM"}, step{time.Second, "INT"})
	f(0, 0, 0, []string{soon}, step{0, "input"}, step{ms, "TERM"}, step{time.Hour, "ended"})
	f(CutShort, 0, 0, []string{atOnce}, step{0, "input"}, step{time.Second, "TERM"})
	f(CutShort, 1, 0, []string{drains, atOnce}, step{0, "TERM"}, step{500 * ms, "input"}, step{500 * ms, "TERM"})
	f(0, 1, 2, []string{drains, "SIGHUP: nothing is reloaded"}, step{0, "HUP"}, step{0, "HUP"}, step{0, "TERM"},
		step{0, "HUP"}, step{0, "ended"})
	f(0, 1, 0, []string{upgrades, drains, "SIGUSR2: nothing is upgraded"}, step{0, "USR2"}, step{0, "TERM"},
		step{0, "USR2"}, step{0, "ended"})
	f(CutShort, 1, 0, []string{drains, "the stop did not end in time"}, step{0, "TERM"})
}

package nats

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/reactor/cluster"
)

// maxRefused bounds the refused links that are remembered, maxSaid the kinds of trouble that were logged, and saidAgain
// is how often one is.
const (
	maxRefused = 32
	maxSaid    = 64
	saidAgain  = time.Minute
)

// trouble keeps what went wrong, and says it in the log. It is the logger of the NATS server too.
type trouble struct {
	log         zerolog.Logger
	wrongSecret *metrics.Counter

	mu      sync.Mutex
	text    string
	refused []cluster.RefusedLink
	said    map[string]time.Time
	early   map[string]bool // addresses of links that ended too early
}

func newTrouble(log zerolog.Logger) *trouble {
	return &trouble{log: log, said: map[string]time.Time{}, early: map[string]bool{}}
}

// last is what went wrong last, and the links that were refused.
func (t *trouble) last() (string, []cluster.RefusedLink) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text, slices.Clone(t.refused)
}

// note keeps a text, and logs it unless one of its kind was logged a moment ago.
func (t *trouble) note(kind, text string) {
	now := time.Now()
	t.mu.Lock()
	t.text = now.UTC().Format(time.RFC3339) + " " + text
	again := now.Sub(t.said[kind]) < saidAgain
	if !again {
		if len(t.said) >= maxSaid {
			clear(t.said)
		}
		t.said[kind] = now
	}
	t.mu.Unlock()
	if !again {
		t.log.Warn().Str("engine", "nats").Msg("cluster: " + text)
	}
}

// refuse keeps that there is no link with an address, as one side does not prove that it knows the secret.
func (t *trouble) refuse(address string) {
	t.wrongSecret.Inc()
	now := time.Now().UTC()
	t.mu.Lock()
	i := slices.IndexFunc(t.refused, func(r cluster.RefusedLink) bool { return r.Address == address })
	if i < 0 {
		if len(t.refused) == maxRefused {
			t.refused = t.refused[1:]
		}
		t.refused = append(t.refused, cluster.RefusedLink{Address: address, Why: cluster.WrongSecret})
		i = len(t.refused) - 1
	}
	t.refused[i].At = now
	t.refused[i].Times++
	t.mu.Unlock()
	t.note(address, fmt.Sprintf("no link with %s (%s): the secrets differ, or one side has none; all nodes need the same "+
		"cluster.secret_file", address, cluster.WrongSecret))
}

// hostOf is an address without its port, which is another one each time for who connects.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// Noticef implements the logger of NATS. A link that this side has asked for, and that ended before the other side said
// who it is, was refused there: in TLS 1.3 that comes after this side's handshake. The first may be an accident.
func (t *trouble) Noticef(format string, values ...any) {
	text := fmt.Sprintf(format, values...)
	t.log.Debug().Msg("nats: " + text)
	_, address, asked := strings.Cut(text, " - Host: ")
	if !asked || !strings.Contains(text, "Router connection closed") || strings.Contains(text, " - Remote: ") ||
		strings.Contains(text, "Handshake") || strings.Contains(text, "Shutdown") || strings.Contains(text, "Duplicate") {
		return
	}
	t.mu.Lock()
	again := t.early[address]
	if len(t.early) >= maxRefused {
		clear(t.early)
	}
	t.early[address] = true
	t.mu.Unlock()
	if again {
		t.refuse(address)
	}
}

// Warnf implements the logger of NATS.
func (t *trouble) Warnf(format string, values ...any) { t.log.Debug().Msgf("nats: "+format, values...) }

// Fatalf implements the logger of NATS: something that it does not start without.
func (t *trouble) Fatalf(format string, values ...any) {
	t.note(format, "NATS: "+fmt.Sprintf(format, values...))
}

// Errorf implements the logger of NATS.
func (t *trouble) Errorf(format string, values ...any) {
	text := fmt.Sprintf(format, values...)
	address, rest, _ := strings.Cut(text, " - ")
	switch {
	case strings.Contains(rest, "handshake error") && strings.HasSuffix(rest, "i/o timeout"): // frozen, not a stranger
		t.note("frozen "+hostOf(address), "no link with "+hostOf(address)+": it accepts connections and says nothing")
	case strings.Contains(rest, "handshake error"):
		t.log.Debug().Msg("nats: " + text)
		t.refuse(hostOf(address))
	case strings.Contains(rest, "Error flushing"): // the link ends, and Noticef hears of it
		t.log.Debug().Msg("nats: " + text)
	default:
		t.note(format, "NATS: "+text)
	}
}

// Debugf implements the logger of NATS.
func (t *trouble) Debugf(string, ...any) {}

// Tracef implements the logger of NATS.
func (t *trouble) Tracef(string, ...any) {}

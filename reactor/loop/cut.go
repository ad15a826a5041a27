package loop

import (
	"weir/backpressure"
	"weir/codec/option"
)

// What was written and never left: the answers of a connection that ended before its peer had taken them.

// bound is the key of what makes us end a connection that still has answers to read, and what it is set to; "" where it
// is none.
func (s *Loops) bound(reason Reason) (key, limit string) {
	switch reason {
	case CloseOutboxBudget:
		return "max_outbox_total_bytes", option.FormatSize(int64(s.opts.MaxOutboxTotalBytes))
	case CloseInputBudget:
		return "max_input_total_bytes", option.FormatSize(int64(s.opts.MaxInputTotalBytes))
	case CloseWriteStalled:
		return "write_timeout", option.FormatTime(s.opts.WriteTimeout)
	}
	return "", ""
}

// cutsLogged is how many cuts are logged in ten seconds; the next line says how many were left out.
const cutsLogged = 10

// tellCut counts what a connection that has ended had still to write, and logs it where it is a bound of ours that was
// met: that peers go away while they read is everyday life.
func (s *Loops) tellCut(c *Conn, bytes int) {
	s.metrics.cut[c.reason].Inc()
	s.metrics.cutBytes.Add(bytes)
	key, limit := s.bound(c.reason)
	if key == "" {
		return
	}
	leftOut, ok := s.cuts.Allow(backpressure.Now(), cutsLogged)
	if !ok {
		return
	}
	line := s.log.Warn().Stringer("reason", c.reason).Int("bytes", bytes).Str("key", key).Str("limit", limit).
		Str("transport", c.listener.Name).Stringer("peer", c.addr)
	if leftOut > 0 {
		line = line.Int("suppressed", leftOut)
	}
	line.Msg("a connection was closed before its peer had read what was written for it")
}

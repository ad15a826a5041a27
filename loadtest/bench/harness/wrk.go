package harness

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// WrkSummary is what wrk prints at its end.
type WrkSummary struct {
	Calls, PerSec float64
	P50           float64 // microseconds
}

// ReadWrk understands wrk 4's summary; an answer that was no success makes it an error, since the figures then mean
// something else.
func ReadWrk(out string) (WrkSummary, error) {
	var w WrkSummary
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		switch {
		case len(f) >= 3 && f[1] == "requests" && f[2] == "in":
			w.Calls, _ = strconv.ParseFloat(f[0], 64)
		case len(f) == 2 && f[0] == "Requests/sec:":
			w.PerSec, _ = strconv.ParseFloat(f[1], 64)
		case len(f) == 2 && f[0] == "50%":
			if d, err := time.ParseDuration(f[1]); err == nil {
				w.P50 = Micros(d)
			}
		case strings.Contains(line, "Non-2xx") || strings.Contains(line, "Socket errors"):
			return w, errors.New(strings.TrimSpace(line))
		}
	}
	if w.Calls == 0 || w.PerSec == 0 || w.P50 == 0 {
		return w, fmt.Errorf("its summary is not understood: %q", out)
	}
	return w, nil
}

package clientreq

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// Every series of this package. Labels are bounded by the lists below. docs/METRICS.md says what each is.

// refusal is why a client could not be asked.
type refusal uint8

const (
	refusedClient   refusal = iota // Options.MaxPerClient
	refusedTotal                   // Options.Max
	refusedBytes                   // Options.MaxBytes
	refusedNoStream                // the client takes no messages ahead of an answer
	refusals
)

// ending is how a request of ours ended.
type ending uint8

const (
	endedAnswered  ending = iota
	endedError            // the client answered with an error, or with something that is no answer
	endedTimeout          // Options.Timeout
	endedCancelled        // the call was cancelled, or its client is gone
	endedStopped          // the server stops
	endedWithdrawn        // what it was for has ended
	endings
)

// stateRefusal is why a requestState was not taken.
type stateRefusal uint8

const (
	stateTampered stateRefusal = iota // not ours, changed, or made for another request
	stateExpired
	stateRefusals
)

var (
	refusalNames = [refusals]string{
		"client_request_limit_per_client", "client_request_limit", "client_request_bytes", "no_stream",
	}
	endingNames = [endings]string{
		"answered", "error", "client_request_timeout", "cancelled", "draining", "task_ended",
	}
	stateRefusalNames = [stateRefusals]string{"state_tampered", "state_expired"}
)

type series struct {
	refused [refusals]*metrics.Counter
	ended   [endings]*metrics.Counter
}

func newCounters(into []*metrics.Counter, set *metrics.Set, series string, names []string) {
	for i, name := range names {
		into[i] = set.NewCounter(fmt.Sprintf(series+`{reason=%q}`, name))
	}
}

func newSeries(t *Table, set *metrics.Set) (s series) {
	newCounters(s.refused[:], set, `weir_client_requests_refused_total`, refusalNames[:])
	newCounters(s.ended[:], set, `weir_client_requests_ended_total`, endingNames[:])
	gauge := func(name string, read func() int64) { set.NewGauge(name, func() float64 { return float64(read()) }) }
	gauge(`weir_client_requests`, t.open.Load)
	gauge(`weir_client_requests_limit`, func() int64 { return int64(t.opt.Max) })
	gauge(`weir_client_request_bytes`, t.bytes.Load)
	gauge(`weir_client_request_limit_bytes`, func() int64 { return int64(t.opt.MaxBytes) })
	return s
}

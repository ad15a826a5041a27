package event

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// Every series of this package. Labels are bounded by the lists below. docs/METRICS.md says what each is.

// limit is which bound a subscription met.
type limit uint8

const (
	limitClient limit = iota // Options.MaxSubscriptionsPerClient
	limitTotal               // Options.MaxSubscriptions
	limitBytes               // Options.MaxSubscriptionBytes
	limitListen              // Options.MaxListenBytes: its refusal says the length too, see errListenBytes
	limits
)

var limitNames = [limits]string{"subscription_limit_per_client", "subscription_limit", "subscription_bytes",
	"listen_bytes"}

// keepRefusal is the bound that an event does not fit into.
type keepRefusal uint8

const (
	keepSession keepRefusal = iota // Options.MaxEventStoreBytes, MaxEventStoreEvents
	keepTotal                      // Options.MaxEventStoreTotalBytes
	keepRefusals
)

var keepRefusalNames = [keepRefusals]string{"event_store_bytes", "event_store_total_bytes"}

// resumption is what came of a Last-Event-ID.
type resumption uint8

const (
	resumed       resumption = iota
	resumeGap                // what followed the event is not kept any more
	resumeUnknown            // the session never sent such an event
	resumptions
)

var resumptionNames = [resumptions]string{"resumed", "events_purged", "unknown_event"}

type series struct {
	refused    [limits]*metrics.Counter
	notKept    [keepRefusals]*metrics.Counter
	resumption [resumptions]*metrics.Counter
}

func newSeries(h *Hub, set *metrics.Set) (s series) {
	counters := func(into []*metrics.Counter, series string, names []string) {
		for i, name := range names {
			into[i] = set.NewCounter(fmt.Sprintf(series, name))
		}
	}
	counters(s.refused[:], `weir_subscriptions_refused_total{reason=%q}`, limitNames[:])
	counters(s.notKept[:], `weir_event_store_refused_total{reason=%q}`, keepRefusalNames[:])
	counters(s.resumption[:], `weir_stream_resumes_total{outcome=%q}`, resumptionNames[:])
	gauge := func(name string, read func() int64) { set.NewGauge(name, func() float64 { return float64(read()) }) }
	gauge(`weir_subscriptions`, h.subscriptions.Load)
	gauge(`weir_subscriptions_limit`, func() int64 { return int64(h.opt.MaxSubscriptions) })
	gauge(`weir_subscription_bytes`, h.subscribed.Load)
	gauge(`weir_subscription_limit_bytes`, func() int64 { return int64(h.opt.MaxSubscriptionBytes) })
	gauge(`weir_session_streams`, h.streams.Load)
	gauge(`weir_event_store_bytes`, h.keptBytes.Load)
	gauge(`weir_event_store_limit_bytes`, func() int64 { return int64(h.opt.MaxEventStoreTotalBytes) })
	return s
}

package event

import (
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Options holds the bounds of a hub.
type Options struct {
	// MaxSubscriptions is how many subscriptions all subscribers may have, each open listen being one itself.
	MaxSubscriptions int
	// MaxSubscriptionsPerClient is the same for one subscriber, and how many listens one connection may have open.
	MaxSubscriptionsPerClient int
	// MaxSubscriptionBytes is what all of them may take, what they name and their bookkeeping.
	MaxSubscriptionBytes int
	// MaxListenBytes is how long a filter may be.
	MaxListenBytes int
	// MaxEventStoreEvents is how many events one session keeps for clients that resume; 0 keeps none.
	MaxEventStoreEvents int
	// MaxEventStoreBytes is how many bytes of them; MaxEventStoreTotalBytes is the same for all sessions.
	MaxEventStoreBytes, MaxEventStoreTotalBytes int

	// Epoch is what times are counted from.
	Epoch time.Time
	// Identity is how the server introduces itself in results, as JSON.
	Identity []byte
	// Metrics receives the series of this package.
	Metrics *metrics.Set
}

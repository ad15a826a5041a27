package event

import (
	"fmt"
	"strconv"

	"weir/codec"
)

// The errors of this package, as the peer sees them.
var (
	// ErrEnded: the subscriber has ended; its session tells its client in words of its own.
	ErrEnded = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "the session has ended"}
	// ErrEventID: the session has never sent such an event.
	ErrEventID = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "Last-Event-ID names no event of this session"}
	// ErrGap: what is missing cannot be sent again.
	ErrGap = &codec.Error{Code: codec.CodeInvalidRequest,
		Message: "what followed the event in Last-Event-ID is not kept any more",
		Data:    []byte(`{"reason":"events_purged"}`)}
)

// refusalsOf are the refusals of subscriptions for which there is no room. Each says what is full, and by which option.
func refusalsOf(o *Options) (all [limitListen]*codec.Error) {
	for l, what := range [limitListen]string{
		limitClient: "this client has " + strconv.Itoa(o.MaxSubscriptionsPerClient) + " subscriptions, and may have no more" +
			" (max_subscriptions_per_client)",
		limitTotal: "there are " + strconv.Itoa(o.MaxSubscriptions) + " subscriptions, and may be no more" +
			" (max_subscriptions)",
		limitBytes: "the subscriptions of all clients may take " + strconv.Itoa(o.MaxSubscriptionBytes) + " bytes, and" +
			" there is no room for this one (max_subscription_bytes)",
	} {
		all[l] = &codec.Error{Code: codec.CodeInternal, Message: what,
			Data: []byte(`{"reason":"` + limitNames[l] + `","retryAfterMs":1000,"executed":false}`)}
	}
	return all
}

// errListenBytes refuses a filter of n bytes.
func errListenBytes(n, most int) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidParams, Message: fmt.Sprintf("params.notifications is %d bytes long, and "+
		"mcp.max_listen_bytes is %d: open several listens", n, most), Data: []byte(`{"reason":"listen_bytes"}`)}
}

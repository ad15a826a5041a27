package reactor

import (
	"fmt"

	"weir/backpressure"
)

// ReplaceLimits has newcomers judged by the bounds of connections in o, which is valid and resolved: MaxConnections,
// SoftConnections, MaxConnectionsPerAddress, MaxConnectionsPerPrincipal and MaxAcceptRate. It returns those that need
// another server, and why: what more connections than at the start would need is not there, and what was not counted
// cannot be bounded. Any goroutine, one at a time.
func (s *Server) ReplaceLimits(o backpressure.Options) (cannot []string) {
	now := *s.limits.Bounds.Load()
	before := now
	if o.MaxConnections > s.bounds.MaxConnections {
		cannot = append(cannot, fmt.Sprintf("max_connections (above %d, those of the start)", s.bounds.MaxConnections))
		o.MaxConnections = now.MaxConnections
		o.SoftConnections = min(o.SoftConnections, now.MaxConnections)
	}
	for _, bound := range []struct {
		key       string
		now, then *int
	}{
		{"max_connections_per_address", &now.MaxConnectionsPerAddress, &o.MaxConnectionsPerAddress},
		{"max_connections_per_principal", &now.MaxConnectionsPerPrincipal, &o.MaxConnectionsPerPrincipal},
	} {
		if (*bound.now == 0) != (*bound.then == 0) {
			cannot = append(cannot, bound.key+" (on or off)")
			continue
		}
		*bound.now = *bound.then
	}
	now.MaxConnections, now.SoftConnections = o.MaxConnections, o.SoftConnections
	now.MaxAcceptRate = o.MaxAcceptRate
	if now != before {
		s.limits.Replace(now)
	}
	return cannot
}

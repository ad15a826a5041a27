package cmd

import (
	"net/url"
	"os"

	"weir/backpressure/alert"
	"weir/cmd/live"
)

// startLive begins to look at s, for the admin page and the command top. Everything else of s runs.
func startLive(s *server) *live.View {
	return live.Start(live.Source{Metrics: s.metrics, Totals: s.registry.Engine().Totals, Facts: s.facts,
		Limit: s.config.budgets.limit.Bytes})
}

// facts are what no series says of s.
func (s *server) facts() live.Facts {
	firing := []alert.Alert{}
	for _, a := range s.watch.rules.Alerts() {
		if a.State == alert.Firing {
			firing = append(firing, a)
		}
	}
	return live.Facts{
		Program: s.config.program.Name, Version: s.config.program.Version, Commit: commit(), PID: os.Getpid(),
		Started: s.started.UTC(), Listeners: s.addresses, Refusing: s.reactor.Status().Refusing,
		Pressure: s.strain.status(), Alerts: firing, Tokens: s.admins.Load() != nil,
	}
}

// connections are those that a filter leaves.
func (s *server) connections(filter url.Values) (any, error) {
	return live.List(s.reactor.Census(), s.started, filter)
}

// kick ends a connection in the name of a principal of admin_tokens_file.
func (s *server) kick(id, by string) error {
	err := live.Kick(s.reactor.Census(), s.started, id)
	if err == nil {
		s.log.Warn().Str("connection", id).Str("by", by).Str("reason", "kicked").Msg("an operator ended a connection")
	}
	return err
}

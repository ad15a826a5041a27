package succession

import "time"

// Options bound an upgrade.
type Options struct {
	// UpgradeTimeout is how long the new process of an upgrade (SIGUSR2) may take until it is ready to accept. One that
	// is not is ended, and the old one goes on.
	UpgradeTimeout time.Duration `yaml:"upgrade_timeout" default:"30s" min:"1s" max:"1h"`
	// HandoverTimeout is how long the old process of an upgrade stays, for its connections, sessions and tasks; sooner if
	// none is left. Then it stops like any other, within shutdown_timeout, and its sessions are unknown: 404, upon which
	// clients begin anew. Meanwhile both together hold max_connections, and there is no other upgrade.
	HandoverTimeout time.Duration `yaml:"handover_timeout" default:"1m" min:"0s" max:"24h" zero:"stops at once"`
}

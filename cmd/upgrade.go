package cmd

import (
	"net"

	"weir/cmd/admin"
	"weir/cmd/succession"
	"weir/cmd/systemd"
	"weir/reactor/upgrade"
)

// What serve has for an upgrade; package succession does it.

// refuseUpgrade tells the process that started this one, if one did, why it does not begin.
func refuseUpgrade(why error) {
	if heir, err := upgrade.Inherit(); heir != nil && err == nil {
		heir.Refuse(why)
	}
}

// address is what a listener is configured to, by its name.
func (c *Config) address(name string) string {
	return map[string]string{"http": c.Server.HTTP, "tcp": c.Server.TCP, "unix": c.Server.Unix, "admin": c.Admin}[name]
}

// succeed begins to accept, in the place of heir if there is one.
func (s *server) succeed(heir *upgrade.Predecessor, adminListener net.Listener) error {
	s.succession = &succession.Succession{
		Options: s.config.Upgrade, Version: s.config.program.Version, StateKey: s.stateKey, Server: s.reactor,
		Addresses: s.config.address, MaxHandovers: s.config.Server.MaxHandovers, Log: &s.log.Logger, Reload: s.reload,
		Admin: upgrade.Socket{Name: "admin", Address: s.config.Admin, Fd: admin.Descriptor(adminListener),
			Lent: s.config.sockets["admin"] != nil && !s.config.own["admin"]},
		CloseAdmin: func() {
			if s.admin != nil {
				s.admin.Stop()
			}
		},
	}
	s.succession.Init(s.metrics)
	return s.succession.Succeed(heir, s.reactor.Start)
}

// follows says what the process does when it was upgraded and nobody needs it any more.
func (s *server) follows(manager *systemd.Notifier, stop func()) {
	s.succession.Manager, s.succession.Stop = manager, stop
}

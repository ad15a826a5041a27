// Package systemd is this process's side of a service manager: the sockets that it was passed (sd_listen_fds(3)), what
// it says of itself, and how often it must give a sign of life (sd_notify(3), sd_watchdog_enabled(3)).
//
// Its one rule: without a manager it does nothing, and nothing that the manager does holds the server up.
//
// It never knows what the sockets are for, nor what being alive means.
package systemd

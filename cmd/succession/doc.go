// Package succession is where a process stands between the one that it was started by for an upgrade, and the one that
// it starts itself: what it does in which order, what an operator is told, and what a service manager is.
//
// Its one rule: there are two processes at most, and clients are refused by neither. So an upgrade is refused while the
// one before lasts.
//
// It never knows how sockets and connections travel (reactor/upgrade does), nor what is served.
package succession

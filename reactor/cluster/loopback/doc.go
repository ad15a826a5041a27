// Package loopback joins several nodes in one process, for tests.
//
// Its one rule: it keeps what an engine promises, order and ownership of slices included, so that what passes here
// passes on a network but for what a network loses. A test takes a node away, or stops it, with one call.
//
// It never opens a socket, so that tests in a bubble of testing/synctest may use it.
package loopback

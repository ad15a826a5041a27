// Package nats is the engine of clusters that run on NATS: a NATS server in this process, which is the default and
// needs no program beside this one, or NATS servers that exist, by their URL. It is the one package that imports NATS.
//
// Its one rule: what is sent waits in one bounded buffer and one goroutine writes it, so that who sends never meets a
// lock or a socket of NATS.
//
// A node has two subscriptions, one for itself and one for all, however many clients it has. A message that is longer
// than NATS takes goes in parts, one behind the other.
//
// It never knows what a message says, nor which nodes live.
package nats

// Package queuetest is what tests of queues share: what every engine must hold (Conformance), a broker that lives in
// the test's own process (Broker), and a wire between an engine and its broker that can be cut (Wire).
//
// Its one rule: an engine passes the same tests as every other.
package queuetest

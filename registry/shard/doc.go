// Package shard is a table that is looked up on every message and changed now and then: sessions, tasks, what is
// offered.
//
// Its one rule: a lookup holds one partition's lock for some 20 ns and never waits for a walk over the whole table.
// It never knows what its values are.
package shard

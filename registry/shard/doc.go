// Package shard is one thing: a table from strings to values that many cores look up at once.
//
// Its one rule: a lock covers one partition and is held for one look or change of it.
//
// It never knows what the values are.
package shard

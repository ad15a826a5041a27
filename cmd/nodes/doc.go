// Package nodes has a process be one node of a cluster: its keys, its name, its engine, and what an operator sees of
// the others. It is where an engine is linked.
//
// Its one rule: a process of mode single starts nothing here.
//
// It never knows what is served, nor what nodes say to each other.
package nodes

// Package updates tells the clients of all nodes of a cluster that a resource was updated, whichever node's program
// noticed.
//
// Its one rule: what happens often within a moment is said once. An update that is lost between nodes is lost; the next
// one is not.
//
// It never knows who subscribes, nor what a resource is.
package updates

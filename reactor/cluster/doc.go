// Package cluster makes several servers one: who the other nodes are, which of them live, and how a message gets from
// one node to another. A Node is this process's place in the cluster; an Engine carries its messages.
//
// Its one rule: nothing here waits for another node. A send is queued or refused at once, and what a caller asks about
// another node is answered from what was heard last.
//
// It never knows what the messages say: each user of a Node takes kinds of its own. Engines are packages below, and
// only package cmd links one.
package cluster
